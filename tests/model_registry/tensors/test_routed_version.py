"""Requests of tensors that traffic rules route: their outcome is observed once, with the last response."""

from types import SimpleNamespace
from typing import Any

import pytest

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from model_registry.tensors.routed_version import RoutedVersion


@pytest.mark.parametrize(
    ("code", "failed"), [(None, False), (Code.INVALID_ARG, False), (Code.INTERNAL, True), (Code.UNAVAILABLE, True)]
)
def test_a_rollout_learns_of_failures_of_the_server_alone(code: Code | None, failed: bool) -> None:
    observed: list[tuple[str, bool]] = []
    received: list[bool] = []
    traffic: Any = SimpleNamespace(observe=lambda version, seconds, *, failed: observed.append((version, failed)))

    def submit_tensors(request: TensorRequest, on_response: Any) -> None:
        on_response(TensorResponse(), False)
        on_response(TensorResponse(error=None if code is None else TensorError("no", code)), True)

    served = SimpleNamespace(name="m", version="2", model="facts", submit_tensors=submit_tensors)
    routed = RoutedVersion(served, traffic)
    routed.submit_tensors(TensorRequest([]), lambda response, is_final: received.append(is_final))
    assert (routed.name, routed.version, routed.model) == ("m", "2", "facts")
    assert received == [False, True]
    assert observed == [("2", failed)]
