"""Workflows: managed on the management address, asked on the inference address."""

import json
from collections.abc import Mapping
from typing import Any

from app.api.parameters import given, optional, page_asked
from app.errors import BadRequest, MethodNotAllowed, reason
from app.http.request import Call, WireHeaders
from app.http.request_body import parts_of
from app.http.responses import JSON, Answer, json_answer, status_answer
from handler.job import Input
from model_registry.workflows.workflow import Workflow
from model_registry.workflows.workflows import WorkflowRegistration, Workflows


class WorkflowManagement:
    """Answers /workflows; as with TorchServe it takes no model API to be enabled."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    async def answer(self, call: Call) -> Answer | None:
        """Manage workflows; None for other paths."""
        if call.segments[0] != "workflows":
            return None
        if len(call.segments) == 1:
            return await self._collection(call)
        return await self._item(call, call.segments[1])

    async def _collection(self, call: Call) -> Answer:
        if call.method == "GET":
            return self._list(call)
        if call.method == "POST":
            return await self._register(call)
        raise MethodNotAllowed

    async def _item(self, call: Call, name: str) -> Answer:
        if call.method == "GET":
            return json_answer([_description(self._workflows.find(name))])
        if call.method == "DELETE":
            await self._workflows.unregister(name)
            return status_answer(f'Workflow "{name}" unregistered')
        raise MethodNotAllowed

    def _list(self, call: Call) -> Answer:
        workflows, following = self._workflows.page(*page_asked(call))
        listed = [{"workflowName": one.spec.name, "workflowUrl": one.archive.url} for one in workflows]
        return json_answer({"nextPageToken": None if following is None else str(following), "workflows": listed})

    async def _register(self, call: Call) -> Answer:
        parameters = given(call)
        if "url" not in parameters:
            raise BadRequest("Parameter url is required.")
        wanted = WorkflowRegistration(
            str(parameters["url"]),
            parameters.get("workflow_name") or None,
            optional(parameters, "response_timeout"),
            optional(parameters, "startup_timeout"),
        )
        workflow = await self._workflows.register(wanted)
        return status_answer(f"Workflow {workflow.spec.name} has been registered and scaled successfully.")


class WorkflowInference:
    """Answers /wfpredict/{workflow}, whatever the method."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    async def answer(self, call: Call) -> Answer | None:
        """Run a workflow; None for other paths."""
        if call.segments[0] != "wfpredict" or len(call.segments) < 2:
            return None
        workflow = self._workflows.find(call.segments[1])
        parts = parts_of(call.body, call.header(b"content-type"))
        bodies = await workflow.predict(Input(parts, WireHeaders(call.headers), call.case_known))
        if len(bodies) > 1:
            return json_answer({node: _value(body) for node, body in bodies.items()})
        return Answer(200, next(iter(bodies.values())), JSON, reason(200).encode())


def _value(body: bytes) -> Any:
    """What a node answered as JSON: its own, or else its text. TorchServe fails unless it is an object."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
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
