"""The models that a call of gRPC asks for, by name and by a version that is a text."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from app.grpc.routing import client_of
from app.model_server import ModelServer
from app.open_inference.archives import find_tensors
from handler.job import Input
from handler.tensors.errors import Code, TensorError
from model_registry.tensors.routed_version import RoutedVersion
from model_registry.traffic.input_request import InputRequest
from model_registry.triton.model_states import Served
from model_registry.triton.repository_models import RepositoryModels

NUMBER = re.compile(r"\s*([+-]?\d+)")
"""The part of a string that C++ reads as a number: what follows is passed over."""
LARGEST = 2**63
NEWEST = -1
EXPECTED = "version should be an integral value > 0"


def version_of(text: str) -> int:
    """The number of a version, `NEWEST` for an empty text; raises TensorError."""
    if not text:
        return NEWEST
    found = NUMBER.match(text)
    if found is None or not -LARGEST <= int(found[1]) < LARGEST:
        raise TensorError(
            f"failed to get model version from specified version string '{text}' (details: stol), {EXPECTED}"
        )
    if int(found[1]) < 0:
        raise TensorError(f"invalid model version specified '{text}' , {EXPECTED}")
    return int(found[1])


class CallHeaders(NamedTuple):
    """The metadata of a call, and the client that it came from."""

    sent: Callable[[], Iterable[tuple[str, str]]]
    """Returns all of it."""
    forwarded: Mapping[str, str]
    """The part that becomes parameters of requests."""
    peer: Callable[[], str]
    """Returns the client as gRPC names it."""

    @property
    def client(self) -> str | None:
        """The client's address, without its port."""
        client = client_of(self.peer())
        return client[0] if client else None


class ModelLookup:
    """Finds models of repositories, if the server has any."""

    def __init__(self, server: ModelServer) -> None:
        self._repositories = server.repositories
        self._is_alone = server.settings.triton is not None and server.settings.triton.is_alone
        self.wait_started = server.wait_started
        self._is_archive = server.is_archive
        self._registry = server.registry

    def __repr__(self) -> str:
        return f"<ModelLookup in {self._repositories}>"

    @property
    def repositories(self) -> RepositoryModels:
        """The models of repositories; raises TensorError where the server has none."""
        if self._repositories is None:
            raise TensorError("this server has no model repository", Code.UNSUPPORTED)
        return self._repositories

    def is_archive(self, name: str) -> bool:
        """Whether a request for that name goes to the registry's archives."""
        return not self._is_alone and self._is_archive(name)

    async def find_archive(self, name: str, version: str, headers: CallHeaders) -> Any:
        """The version of an archive that declares tensors, None for any other; raises the errors of the registry."""
        return await find_tensors(self._registry, name, version or None, headers.sent(), headers.client)

    def find(self, name: str, version: str) -> Served:
        """The version of that name and number, the newest without one; raises TensorError."""
        return self.repositories.find(name, version_of(version))

    def route(self, name: str, version: str, headers: CallHeaders) -> Served | RoutedVersion:
        """The version that answers a request with those headers; raises TensorError."""
        return self.repositories.route(
            name, version_of(version), lambda: InputRequest(Input((), headers.sent()), headers.client)
        )
