"""Which gRPC services belong to which API, and what answers them."""

from typing import Any

import grpc

from app.api.management import Management
from app.application import Application
from app.grpc import inference as grpc_inference
from app.grpc import management as grpc_management
from app.grpc import open_inference as grpc_open_inference
from app.grpc.calls import Edge
from model_registry.server_defaults import SequenceHeaders

PATHS = {"inference": "/predictions", "management": "/models"}


def services(api: str, application: Application) -> dict[str, grpc.GenericRpcHandler]:
    """The services of an API by their full names."""
    answering = _management(application) if api == "management" else _inference(application)
    guard = application.guards.guard([api])
    edge = Edge(PATHS[api], guard, application.metrics, application.logs.access)
    return {name: edge.handler(name, answers) for name, answers in answering.items()}


def _inference(application: Application) -> dict[str, Any]:
    settings, registry = application.settings, application.registry
    sequence = SequenceHeaders(
        settings.ts_header_key_sequence_id, settings.ts_header_key_sequence_start, settings.ts_header_key_sequence_end
    )
    open_inference = grpc_open_inference.OpenInferenceApis(registry)
    return {
        grpc_inference.SERVICE: grpc_inference.InferenceApis(registry, sequence),
        **dict.fromkeys(grpc_open_inference.SERVICES, open_inference),
    }


def _management(application: Application) -> dict[str, Any]:
    enabled = application.settings.enable_model_api
    management = Management(application.registry, enabled=enabled)
    return {grpc_management.SERVICE: grpc_management.ManagementApis(management, enabled=enabled)}
