"""The settings of a runtime of KServe: its ports are open beside those of TorchServe, and need no tokens.

KServe's controller sets PROTOCOL_VERSION, which TorchServe does not know, in the environment of each runtime.
"""

from collections.abc import Mapping

from app.settings.model import Settings

VARIABLE = "PROTOCOL_VERSION"
PROTOCOLS = ("v1", "v2", "grpc-v2")
MOVED_BY = "variable TS_INFERENCE_ADDRESS"
ENVELOPES = ("kserve", "kservev2")
LOOPBACK = "http://127.0.0.1:8085"
DEFAULTS = {
    "inference_address": LOOPBACK,
    "management_address": LOOPBACK,
    "grpc_inference_address": "0.0.0.0",  # noqa: S104
    "metrics_mode": "prometheus",
}
"""Defaults of a runtime: TorchServe's own defaults are ports of KServe, a gRPC port that only the pod
itself reaches, and an empty page of metrics."""


def runtime_defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """The defaults of a runtime, none for any other server."""
    return DEFAULTS if environ.get(VARIABLE) in PROTOCOLS else {}


def as_runtime(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings of a runtime, or the same ones where KServe has started nothing.

    KServe's requests come without tokens. An inference address on KServe's port becomes KServe's.
    """
    protocol = environ.get(VARIABLE)
    if protocol not in PROTOCOLS:
        return settings
    address, inference = settings.kserve_address, settings.inference_address
    if settings.places.get("inference_address") == MOVED_BY and "kserve_address" not in settings.places:
        address = inference
    is_grpc_free = settings.grpc_kserve_port not in (settings.management_address.port, inference.port)
    taken = f"no gRPC for KServe: port {settings.grpc_kserve_port} is an address of TorchServe's in the configuration."
    return settings.replace(
        kserve_protocol=protocol,
        kserve_address=address,
        inference_address=address if inference.port == address.port else inference,
        authorization="off" if settings.authorization == "off" else "management",
        grpc_apis=(*settings.grpc_apis, "kserve") if is_grpc_free else settings.grpc_apis,
        warnings=settings.warnings if is_grpc_free else (*settings.warnings, taken),
    )


def has_request_envelope(settings: Settings) -> bool:
    """Whether this is a runtime whose envelope reads one request of a batch, so that each is to have its own."""
    return settings.kserve_protocol is not None and (settings.service_envelope or "") in ENVELOPES
