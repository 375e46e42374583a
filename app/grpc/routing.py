"""Requests of gRPC as traffic rules look at them: metadata as headers, the peer as address, the version as trailer."""

import re
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from app.logging.access_log import Client
from handler.job import Input
from model_registry.errors import NoWorker
from model_registry.model import Model
from model_registry.reply import PendingReply

PEER = re.compile(r"ipv[46]:\[?(?P<host>.+?)\]?:(?P<port>\d+)")

current_context: ContextVar[Any] = ContextVar("current_context")
"""The grpc.aio.ServicerContext of the call that is being answered."""


def client_of(peer: str) -> Client:
    """Host and port of "ipv4:127.0.0.1:5000" or "ipv6:%5B::1%5D:5000"."""
    match = PEER.fullmatch(unquote(peer))
    return (match["host"], int(match["port"])) if match else None


def submit(model: Model, given: Input, request_id: str, version: str | None) -> PendingReply:
    """Accept a request, as Model.submit does."""
    if version is not None or model.active_traffic is None:
        return model.submit(given, request_id, version)
    context = current_context.get()
    client = client_of(context.peer())
    try:
        reply = model.submit(given, request_id, None, client[0] if client else None, _metadata(context))
    except NoWorker as error:
        context.set_trailing_metadata(tuple(error.headers))
        raise
    context.set_trailing_metadata(tuple(reply.headers))
    return reply


def _metadata(context: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str))
