"""Workflows: managed on the management address, called on the inference address."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.openapi import PAGE, WORKFLOW_REGISTRATION
from app.api.parameters import optional, page_bounds, query, registration_parameters
from app.api.routing import ApiRoute
from app.errors import BadRequest, reason
from app.http.request_body import parse_body
from app.http.responses import JSON, RawResponse, TorchServeResponse, json_response, status_response
from app.http.scope import handler_headers, header, keeps_spelling
from app.model_server import ModelServer
from app.tracing.trace_context import TRACERESPONSE
from handler.job import Input
from model_registry.files.documents import check_surrogates
from model_registry.parsing import lenient_json
from model_registry.workflows.workflow import Workflow
from model_registry.workflows.workflows import WorkflowRegistration, Workflows


async def list_workflows(request: Request) -> Response:
    """GET /workflows: list the workflows."""
    workflows, following = _workflows(request).page(*page_bounds(query(request)))
    listed = [{"workflowName": one.spec.name, "workflowUrl": one.archive.url} for one in workflows]
    return json_response({"nextPageToken": None if following is None else str(following), "workflows": listed})


async def register_workflow(request: Request) -> Response:
    """POST /workflows: register a workflow; as in TorchServe, the model API need not be enabled."""
    parameters = await registration_parameters(request)
    if "url" not in parameters:
        raise BadRequest("Parameter url is required.")
    registration = WorkflowRegistration(
        str(parameters["url"]),
        parameters.get("workflow_name") or None,
        optional(parameters, "response_timeout"),
        optional(parameters, "startup_timeout"),
    )
    workflow = await _workflows(request).register(registration)
    return status_response(f"Workflow {workflow.spec.name} has been registered and scaled successfully.")


async def describe_workflow(request: Request) -> Response:
    """GET /workflows/{name}: describe a workflow."""
    return json_response([_description(_workflows(request).find(request.path_params["name"]))])


async def unregister_workflow(request: Request) -> Response:
    """DELETE /workflows/{name}: unregister a workflow."""
    name = request.path_params["name"]
    await _workflows(request).unregister(name)
    return status_response(f'Workflow "{name}" unregistered')


async def predict(request: Request) -> Response:
    """/wfpredict/{name} with any method: run a workflow, for the outputs of the last nodes."""
    workflow = _workflows(request).find(request.path_params["name"])
    parts = parse_body(await request.body(), header(request.scope, b"content-type"))
    given = Input(parts, handler_headers(request), keeps_spelling(request.scope))
    tracer, client = ModelServer.of(request.scope).tracer, request.client.host if request.client else None
    if tracer is None or (origin := tracer.sample(header(request.scope, b"traceparent"))) is None:
        return _response(await workflow.predict(given, client=client))
    trace = tracer.workflow(origin, f"{request.method} /wfpredict/{{name}}", request.state.request_id)
    request.state.reply_headers = ((TRACERESPONSE, str(trace.context)),)
    with trace.finishing():
        response = _response(await workflow.predict(given, trace.observe_node, client))
    response.raw_headers.append((TRACERESPONSE.encode(), str(trace.context).encode()))
    return response


def _response(bodies: Mapping[str, bytes]) -> TorchServeResponse:
    """The answer with the outputs of a workflow's last nodes."""
    if len(bodies) > 1:
        return json_response({node: _value(body) for node, body in bodies.items()})
    return TorchServeResponse(RawResponse(200, next(iter(bodies.values())), JSON, reason(200).encode()))


def _workflows(request: Request) -> Workflows:
    return ModelServer.of(request.scope).workflows


def _value(body: bytes) -> Any:
    """A node's output as JSON: its own, a lenient object, or else its text. TorchServe takes objects alone."""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        check_surrogates(text, value)
        return value
    with suppress(ValueError):
        value = lenient_json.loads(text)
        return value if isinstance(value, dict) else text
    return text


def _description(workflow: Workflow) -> Mapping[str, Any]:
    spec = workflow.spec
    return {
        "workflowName": spec.name,
        "workflowUrl": workflow.archive.url,
        "minWorkers": spec.config.min_workers,
        "maxWorkers": spec.config.max_workers,
        "batchSize": spec.config.batch_size,
        "maxBatchDelay": spec.config.max_batch_delay,
        "workflowDag": str(spec.dag),
    }


management_routes = [
    ApiRoute("/workflows", list_workflows, "GET", contract=Contract("WorkflowList", query=PAGE)),
    ApiRoute("/workflows", register_workflow, "POST", contract=Contract(query=WORKFLOW_REGISTRATION)),
    *(
        ApiRoute(path, endpoint, method, contract=Contract(answer))
        for path in ("/workflows/{name}", "/workflows/{name}/{version}")
        for method, endpoint, answer in (
            ("GET", describe_workflow, "WorkflowDescription"),
            ("DELETE", unregister_workflow, "Status"),
        )
    ),
]
inference_routes = [
    ApiRoute("/wfpredict/{name}", predict, contract=Contract("", body="")),
    ApiRoute("/wfpredict/{name}/{remaining:path}", predict),
]
