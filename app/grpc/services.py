"""The gRPC services of each API; on a server of archives those of tensors are imported with their first call."""

import grpc

from app.grpc import inference as grpc_inference
from app.grpc import management as grpc_management
from app.grpc.calls import Edge
from app.grpc.lazy_service import LazyService
from app.grpc.messages import OPEN_INFERENCE_SERVICE, TRITON_SERVICE
from app.model_server import ModelServer
from model_registry.server_defaults import SequenceHeaders


def services(api: str, server: ModelServer) -> dict[str, grpc.GenericRpcHandler]:
    """The services of an API by their full names."""
    if api == "kserve":
        return {TRITON_SERVICE: _kserve(server)}
    if api == "management":
        return _management(server)
    triton = server.settings.triton
    if triton is None:
        return {**_inference(server), TRITON_SERVICE: LazyService(TRITON_SERVICE, lambda: _triton(server))}
    return {**({} if triton.is_alone else _inference(server)), TRITON_SERVICE: _triton(server)}


def _inference(server: ModelServer) -> dict[str, grpc.GenericRpcHandler]:
    settings, edge = server.settings, Edge("inference", server)
    sequence = SequenceHeaders(
        settings.ts_header_key_sequence_id, settings.ts_header_key_sequence_start, settings.ts_header_key_sequence_end
    )
    apis = grpc_inference.InferenceApis(server.registry, sequence)
    return {
        grpc_inference.SERVICE: edge.handler(grpc_inference.SERVICE, apis),
        OPEN_INFERENCE_SERVICE: LazyService(OPEN_INFERENCE_SERVICE, lambda: _open_inference(server, edge)),
    }


def _management(server: ModelServer) -> dict[str, grpc.GenericRpcHandler]:
    apis = grpc_management.ManagementApis(server.registry, enabled=server.settings.enable_model_api)
    return {grpc_management.SERVICE: Edge("management", server).handler(grpc_management.SERVICE, apis)}


def _open_inference(server: ModelServer, edge: Edge) -> grpc.GenericRpcHandler:
    from app.grpc.open_inference import OpenInferenceApis

    return edge.handler(OPEN_INFERENCE_SERVICE, OpenInferenceApis(server.registry))


def _triton(server: ModelServer) -> grpc.GenericRpcHandler:
    from app.grpc.triton.service import TritonEdge

    return TritonEdge(server).triton_handler()


def _kserve(server: ModelServer) -> grpc.GenericRpcHandler:
    from app.grpc.kserve import KServeEdge

    return KServeEdge(server).triton_handler()
