"""Drift of a model version: watched on demand, scored window by window, as management calls."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.openapi import MODEL, VERSION, operation
from app.api.parameters import json_object
from app.api.routing import ApiRoute
from app.errors import BadRequest
from app.http.responses import TorchServeResponse, json_response, output_response, status_response
from app.model_server import ModelServer
from handler.job import Output
from model_registry.version import ModelVersion

if TYPE_CHECKING:
    from model_registry.drift.monitor import DriftMonitor
    from model_registry.drift.profile import Profile

MAX_WINDOW_SAMPLES = 100_000
MAX_RATE = 1000.0


async def describe_drift(request: Request) -> Response:
    """GET /models/{name}/{version}/drift: the scores of the last window, the largest first."""
    version = await _version(request)
    return json_response(_description(version, _monitor(version)))


async def watch_drift(request: Request) -> Response:
    """PUT /models/{name}/{version}/drift: compare with the archive's profile, or collect one from live requests."""
    from model_registry.drift.monitor import MIN_SAMPLES, SAMPLES_PER_SECOND, WINDOW_SAMPLES, DriftMonitor

    version, options = await _version(request), await json_object(request)
    unknown = set(options) - {"window", "rate", "collect"}
    if unknown:
        raise BadRequest(f"{min(unknown)} is unknown; window, rate and collect can be set.")
    window = _number(options.get("window", WINDOW_SAMPLES), "window", MIN_SAMPLES, MAX_WINDOW_SAMPLES)
    rate = _number(options.get("rate", SAMPLES_PER_SECOND), "rate", 0.001, MAX_RATE)
    profile = None if options.get("collect") is True else _archived_profile(version)
    version.watch_drift(DriftMonitor(profile, window=int(window), rate=rate))
    return json_response(_description(version, _monitor(version)))


async def ignore_drift(request: Request) -> Response:
    """DELETE /models/{name}/{version}/drift."""
    version = await _version(request)
    version.watch_drift(None)
    return status_response(f'Drift of model "{version.name}" {version.version} is not watched')


async def download_profile(request: Request) -> Response:
    """GET /models/{name}/{version}/drift/profile: the profile in use, to be packed into the archive."""
    profile = _monitor(await _version(request)).profile
    if profile is None:
        raise BadRequest("The profile is still being collected.")
    headers = (("content-type", "application/json"),)
    return TorchServeResponse(output_response(Output(profile.to_json().encode(), headers=headers)))


async def _version(request: Request) -> ModelVersion:
    registry = ModelServer.of(request.scope).registry
    await registry.started.wait()
    return registry.resolve(request.path_params["model_name"], request.path_params["model_version"])


def _monitor(version: ModelVersion) -> "DriftMonitor":
    if version.drift is None:
        raise BadRequest(f"Drift of model {version.name} {version.version} is not watched; PUT to this path starts it.")
    return version.drift


def _archived_profile(version: ModelVersion) -> "Profile":
    """The profile in the archive; raises BadRequest."""
    from model_registry.drift.profile import PROFILE_FILE, InvalidProfile, Profile

    try:
        return Profile.from_json((version.archive.folder / PROFILE_FILE).read_bytes())
    except FileNotFoundError:
        raise BadRequest(
            f"The archive has no {PROFILE_FILE}: make one with `marserve profile`, or collect one with "
            '{"collect": true} from live requests.'
        ) from None
    except InvalidProfile as error:
        raise BadRequest(f"{PROFILE_FILE} of the archive: {error}") from error


def _number(value: Any, name: str, minimum: float, maximum: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
        raise BadRequest(f"{name} must be a number from {minimum} to {maximum}.")
    return float(value)


def _description(version: ModelVersion, monitor: "DriftMonitor") -> dict[str, Any]:
    scores = sorted(monitor.scores, key=lambda score: score.psi, reverse=True)
    return {
        "modelName": version.name,
        "modelVersion": version.version,
        "state": "collecting" if monitor.profile is None else "watching",
        "windows": monitor.windows,
        "samplesInWindow": monitor.samples_in_window,
        "windowSamples": monitor.window,
        "features": [score.to_json() for score in scores],
    }


_DRIFT = "/models/{model_name}/{model_version}/drift"
_OBJECT = {"type": "object"}
_BODY = {"description": "window, rate, collect", "content": {"application/json": {"schema": _OBJECT}}}
routes = [
    ApiRoute(_DRIFT, describe_drift, "GET", operations={
        "get": operation("Describe the drift.", "describeDrift", [MODEL, VERSION], _OBJECT)},
        contract=Contract("Drift")),
    ApiRoute(_DRIFT, watch_drift, "PUT", operations={
        "put": operation("Watch the drift.", "watchDrift", [MODEL, VERSION], _OBJECT, requestBody=_BODY)},
        contract=Contract("Drift", body="DriftOptions")),
    ApiRoute(_DRIFT, ignore_drift, "DELETE", operations={
        "delete": operation("Watch the drift no more.", "ignoreDrift", [MODEL, VERSION])}),
    ApiRoute(f"{_DRIFT}/profile", download_profile, "GET", operations={
        "get": operation("Download the profile.", "downloadProfile", [MODEL, VERSION], _OBJECT)},
        contract=Contract("Object")),
]  # fmt: skip
