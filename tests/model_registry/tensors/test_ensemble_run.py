"""Requests to ensembles: steps run when their inputs are there, and the ensemble answers once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handler.tensors.errors import TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from model_registry.tensors.ensemble_run import DEADLOCK, EnsemblePlan, EnsembleRun, Step
from tests.support.tensor_models import INT32

DOUBLE_THEN_ADD = [
    Step("double", -1, {"X": "in"}, {"Y": "twice"}),
    Step("add", 1, {"A": "in", "B": "twice"}, {"C": "out"}),
    Step("unused", 1, {"X": "in"}, {"Y": "other"}),
]


def tensor(name: str, value: int) -> Tensor:
    return Tensor.of_array(name, INT32, np.array([value], np.int32))


class Model:
    """A step whose responses are given by hand."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, int]] = []
        self.respond: Callable[[TensorResponse, bool], object] = print
        self.disconnected: list[str] = []

    def submit_tensors(self, request: TensorRequest, on_response: Any) -> Any:
        """Keep the request."""
        self.inputs.append({each.name: int(each.array[0]) for each in request.inputs})
        self.respond = on_response
        return self

    def cancel(self) -> None:
        """Record it."""
        self.disconnected.append("cancelled")

    def abandon(self) -> None:
        """Record it."""
        self.disconnected.append("abandoned")


class Ensemble:
    """A run, and what came of it."""

    def __init__(self, steps: list[Step] = DOUBLE_THEN_ADD) -> None:
        self.models = {step.model: Model() for step in steps}
        self.responses: list[tuple[TensorResponse, bool]] = []
        self.ends: list[TensorError | None] = []
        plan = EnsemblePlan("both", steps, lambda name, version: self.models[name])
        request = TensorRequest([tensor("in", 3)], ["out"], "id")
        self.run = EnsembleRun(plan, request, lambda *given: self.responses.append(given), self.ends.append)
        self.run.start()

    def respond(self, model: str, *outputs: Tensor, is_final: bool = True, **response: Any) -> None:
        """Answer a step."""
        self.models[model].respond(TensorResponse(outputs, **response), is_final)


def test_steps_run_as_soon_as_their_inputs_are_there_and_only_those_that_are_needed() -> None:
    ensemble = Ensemble()
    assert [len(model.inputs) for model in ensemble.models.values()] == [1, 0, 0]
    ensemble.respond("double", tensor("Y", 6))
    assert ensemble.models["add"].inputs == [{"A": 3, "B": 6}]
    ensemble.respond("add", tensor("C", 9))
    ((response, is_final),) = ensemble.responses
    assert ([(each.name, each.array[0]) for each in response.outputs], is_final) == ([("out", 9)], True)
    assert ensemble.ends == [None]


def test_each_response_of_a_decoupled_step_is_answered() -> None:
    ensemble = Ensemble([DOUBLE_THEN_ADD[0], Step("last", 1, {"X": "twice"}, {"Y": "out"})])
    for value in (1, 2):
        ensemble.respond("double", tensor("Y", value), is_final=False)
        ensemble.respond("last", tensor("Y", value))
    ensemble.respond("double", is_empty=True)
    found = [([int(each.array[0]) for each in response.outputs], end) for response, end in ensemble.responses]
    assert found == [([1], False), ([2], False), ([], True)]


def test_an_error_of_a_step_is_the_ensembles_and_ends_it() -> None:
    ensemble = Ensemble()
    ensemble.respond("double", error=TensorError("no"))
    ((response, is_final),) = ensemble.responses
    assert (response.error and response.error.message, is_final) == ("in ensemble 'both', no", True)
    assert ensemble.ends == [response.error]


def test_a_missing_output_is_a_deadlock() -> None:
    ensemble = Ensemble()
    ensemble.respond("double")
    ((response, _),) = ensemble.responses
    assert response.error is not None
    assert DEADLOCK in response.error.message


def test_a_client_that_disconnects_is_passed_on_to_the_steps() -> None:
    for leave, expected in ((EnsembleRun.cancel, "cancelled"), (EnsembleRun.abandon, "abandoned")):
        ensemble = Ensemble()
        leave(ensemble.run)
        ensemble.respond("double", tensor("Y", 6))
        assert ensemble.models["double"].disconnected == [expected]
        assert (ensemble.responses, ensemble.ends) == ([], [None])
