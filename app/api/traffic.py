"""Traffic of a model: rules, shadow and rollouts, as management calls."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.openapi import MODEL, operation, parameter
from app.api.parameters import json_object, query
from app.api.routing import ApiRoute
from app.http.responses import json_response, status_response
from app.model_server import ModelServer

if TYPE_CHECKING:
    from model_registry.traffic.model_traffic import ModelTraffic


async def describe_traffic(request: Request) -> Response:
    """GET /models/{name}/traffic: the rules, the shadow's figures, the rollout; `samples=true` adds disagreements."""
    traffic = await _traffic(request)
    described = _description(traffic)
    if traffic.mirror is not None and query(request).get("samples", "").lower() == "true":
        described["shadow"]["samples"] = traffic.mirror.describe_samples()
    return json_response(described)


async def set_rules(request: Request) -> Response:
    """PUT /models/{name}/traffic."""
    from model_registry.traffic.rules import parse_rules

    traffic = await _traffic(request)
    traffic.set_rules(parse_rules(await json_object(request)))
    await _share(request)
    return json_response(_description(traffic))


async def clear_rules(request: Request) -> Response:
    """DELETE /models/{name}/traffic."""
    traffic = await _traffic(request)
    traffic.clear_rules()
    await _share(request)
    return status_response(f'Model "{traffic.name}" serves every request with its default version')


async def describe_rollout(request: Request) -> Response:
    """GET /models/{name}/rollout: the one in progress, or the last one."""
    rollout = (await _traffic(request)).last_rollout()
    return json_response(rollout.describe())


async def start_rollout(request: Request) -> Response:
    """PUT /models/{name}/rollout."""
    from model_registry.traffic.rollout_plan import parse_plan

    traffic = await _traffic(request)
    plan = parse_plan(await json_object(request), traffic.default_version)
    return json_response(traffic.start_rollout(plan).describe(), 202)


async def change_rollout(request: Request) -> Response:
    """PUT /models/{name}/rollout/pause and /resume: pause a rollout, or go on with it."""
    rollout = (await _traffic(request)).active_rollout()
    if request.path_params["action"] == "pause":
        rollout.pause()
    else:
        rollout.resume()
    return json_response(rollout.describe())


async def abort_rollout(request: Request) -> Response:
    """DELETE /models/{name}/rollout: all traffic goes back to the old version at once."""
    rollout = (await _traffic(request)).active_rollout()
    rollout.abort()
    return json_response(rollout.describe())


async def _share(request: Request) -> None:
    await ModelServer.of(request.scope).registry.share_traffic(request.path_params["model_name"])


async def _traffic(request: Request) -> "ModelTraffic":
    registry = ModelServer.of(request.scope).registry
    await registry.started.wait()
    return registry.traffic(request.path_params["model_name"])


def _description(traffic: "ModelTraffic") -> dict[str, Any]:
    return {
        "modelName": traffic.name,
        "defaultVersion": traffic.default_version,
        "rules": traffic.rules.to_json(),
        "shadow": None if traffic.mirror is None else traffic.mirror.describe(),
        "rollout": None if traffic.rollout is None else traffic.rollout.describe(),
    }


def _body(about: str) -> dict[str, Any]:
    return {"description": about, "required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


_RULES, _ROLLOUT = "/models/{model_name}/traffic", "/models/{model_name}/rollout"
_ACTION = f"{_ROLLOUT}/{{action}}"
_ANSWER = {"type": "object"}
_SAMPLES = parameter("samples", "query", "Show the last disagreements with both answers.", "boolean")
routes = [
    ApiRoute(_RULES, describe_traffic, "GET", operations={
        "get": operation("Describe the traffic rules.", "describeTraffic", [MODEL], _ANSWER)},
        contract=Contract("Traffic", query=(_SAMPLES,))),
    ApiRoute(_RULES, set_rules, "PUT", operations={"put": operation(
        "Put traffic rules in force.", "setTraffic", [MODEL], _ANSWER, requestBody=_body("The rules."))},
        contract=Contract("Traffic", body="TrafficRules")),
    ApiRoute(_RULES, clear_rules, "DELETE", operations={
        "delete": operation("Remove the traffic rules.", "clearTraffic", [MODEL])}),
    ApiRoute(_ROLLOUT, describe_rollout, "GET", operations={
        "get": operation("Describe the rollout.", "describeRollout", [MODEL], _ANSWER)}, contract=Contract("Rollout")),
    ApiRoute(_ROLLOUT, start_rollout, "PUT", operations={"put": operation(
        "Start a rollout.", "startRollout", [MODEL], _ANSWER, requestBody=_body("The new version, steps, limits."))},
        contract=Contract("Rollout", body="RolloutPlan", statuses=(202,))),
    ApiRoute(_ROLLOUT, abort_rollout, "DELETE", operations={
        "delete": operation("Abort the rollout.", "abortRollout", [MODEL], _ANSWER)}, contract=Contract("Rollout")),
    ApiRoute(_ACTION, change_rollout, "PUT", pattern="/models/(?P<model_name>[^/]*)/rollout/(?P<action>pause|resume)",
        contract=Contract("Rollout")),
]  # fmt: skip
