"""The settings of a container on SageMaker, which says in variables where it asks, and for how many models.

The variables are those of SageMaker's hosting and of its inference toolkits, so that the environment of an endpoint
stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.settings.model import Settings
from app.settings.sources import Entry, EnvironmentVariables, Source
from model_registry.parsing.values import parse_bool

PORT, PORT_RANGE, MULTI_MODEL = "SAGEMAKER_BIND_TO_PORT", "SAGEMAKER_SAFE_PORT_RANGE", "SAGEMAKER_MULTI_MODEL"
MARKS = (PORT, PORT_RANGE, MULTI_MODEL)
"""Variables of which SageMaker, or the image made for it, sets at least one."""
BASE_FOLDER, DEFAULT_BASE_FOLDER = "SAGEMAKER_BASE_DIR", "/opt/ml"
FOLDERS = {"single-model": "model", "multi-model": "models"}
"""The folder below the base folder that SageMaker puts models into."""
PLACE = "SageMaker's folder"
VARIABLES = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": "default_workers_per_model",
    "SAGEMAKER_TS_MIN_WORKERS": "default_workers_per_model",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "default_response_timeout",
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": "default_response_timeout",
    "SAGEMAKER_STARTUP_TIMEOUT": "default_startup_timeout",
    "SAGEMAKER_TS_BATCH_SIZE": "batch_size",
    "SAGEMAKER_TS_MAX_BATCH_DELAY": "max_batch_delay",
    "SAGEMAKER_MAX_REQUEST_SIZE": "max_request_size",
    "SAGEMAKER_MAX_RESPONSE_SIZE": "max_response_size",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "max_request_size",
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "log_levels",
}
"""The key of each; of two with the same one the later wins."""
LOG_LEVELS = {"10": "debug", "20": "info", "30": "warning", "40": "error", "50": "critical"}
MIB_VARIABLE = "SAGEMAKER_MAX_PAYLOAD_IN_MB"
STREAMED_PAYLOAD = 100
"""Mebibytes of a body at most where a batch transform limits none, which it says by 0."""
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


def sagemaker_mode(environ: Mapping[str, str]) -> str | None:
    """ "single-model" or "multi-model", None anywhere else."""
    if not any(environ.get(name) for name in MARKS):
        return None
    return "multi-model" if _is_true(environ.get(MULTI_MODEL, "")) else "single-model"


def sagemaker_source(environ: Mapping[str, str]) -> Source:
    """The settings that SageMaker's variables and folders stand for; empty anywhere else."""
    mode = sagemaker_mode(environ)
    if mode is None:
        return Source({})
    source = EnvironmentVariables({**environ, **dict(_in_our_units(environ))}, VARIABLES)
    folder = Path(environ.get(BASE_FOLDER) or DEFAULT_BASE_FOLDER) / FOLDERS[mode]
    source.entries |= {"model_store": Entry(str(folder), PLACE), "load_models": Entry("", PLACE)}
    return source


def as_endpoint(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings of an endpoint's container, or the same ones anywhere else.

    There is no management, and so there are no tokens: those who may invoke an endpoint reach /invocations alone.
    """
    mode = sagemaker_mode(environ)
    if mode is None:
        return settings
    warnings = (*settings.warnings, *_unsafe_ports(settings, environ.get(PORT_RANGE, "")))
    grpc_apis = tuple(api for api in settings.grpc_apis if api != "management")
    return settings.replace(sagemaker=mode, authorization="off", grpc_apis=grpc_apis, warnings=warnings)


def sagemaker_targets(settings: Settings) -> list[str]:
    """The folder of an endpoint's one model, unless models are named otherwise; several ones come by requests."""
    is_folder_served = settings.sagemaker == "single-model" and not (settings.load_models or settings.remote_store)
    return [str(settings.model_store)] if is_folder_served else []


def _in_our_units(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables whose values are written otherwise here."""
    payload, level = environ.get(MIB_VARIABLE, ""), environ.get("SAGEMAKER_CONTAINER_LOG_LEVEL", "")
    if payload.isdigit():
        yield MIB_VARIABLE, str((int(payload) or STREAMED_PAYLOAD) << 20)
    if level in LOG_LEVELS:
        yield "SAGEMAKER_CONTAINER_LOG_LEVEL", LOG_LEVELS[level]


def _unsafe_ports(settings: Settings, allowed: str) -> Iterator[str]:
    """Warnings of gRPC ports outside of the range that a container may open ports in, beside the one it is asked at."""
    match = _RANGE.fullmatch(allowed.strip())
    if allowed and match is None:
        yield f"variable {PORT_RANGE}: {allowed} is no range of ports such as 9000-9999."
    for api in settings.grpc_apis if match else ():
        port = getattr(settings, f"grpc_{api}_port")
        if not int(match[1]) <= port <= int(match[2]):  # type: ignore[index]
            yield f"grpc_{api}_port: {port} is outside of {PORT_RANGE}, {allowed}; another container may have it."


def _is_true(text: str) -> bool:
    try:
        return parse_bool(text)
    except ValueError:
        return False
