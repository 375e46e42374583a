"""The gRPC services of each API, and the objects that answer them."""

from typing import Any

import grpc

from app.grpc import inference as grpc_inference
from app.grpc import management as grpc_management
from app.grpc import open_inference as grpc_open_inference
from app.grpc.calls import Edge
from app.grpc.kserve import KServeEdge
from app.grpc.triton.service import SERVICE, TritonEdge
from app.model_server import ModelServer
from model_registry.server_defaults import SequenceHeaders


def services(api: str, server: ModelServer) -> dict[str, grpc.GenericRpcHandler]:
    """The services of an API by their full names."""
    edge, triton = Edge(api, server), server.settings.triton
    if api == "kserve":
        return {SERVICE: KServeEdge(server).triton_handler()}
    if api == "management":
        servicers = _management(server)
    else:
        servicers = {} if triton is not None and triton.is_alone else _inference(server)
    handlers = {name: edge.handler(name, servicer) for name, servicer in servicers.items()}
    return handlers if api == "management" else {**handlers, SERVICE: TritonEdge(server).triton_handler()}


def _inference(server: ModelServer) -> dict[str, Any]:
    settings, registry = server.settings, server.registry
    sequence = SequenceHeaders(
        settings.ts_header_key_sequence_id, settings.ts_header_key_sequence_start, settings.ts_header_key_sequence_end
    )
    return {
        grpc_inference.SERVICE: grpc_inference.InferenceApis(registry, sequence),
        grpc_open_inference.SERVICE: grpc_open_inference.OpenInferenceApis(registry),
    }


def _management(server: ModelServer) -> dict[str, Any]:
    enabled = server.settings.enable_model_api
    return {grpc_management.SERVICE: grpc_management.ManagementApis(server.registry, enabled=enabled)}
