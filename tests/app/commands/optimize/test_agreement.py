"""Figures of agreement, recomputed here in another way, and the limits."""

import numpy as np
import pytest

from app.commands.optimize.agreement import Limits, agreement, figures, of_outputs
from app.commands.optimize.recording import Answer, ModelCall, Recording

LOGITS = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 1.5, 9.0], [4.0, 0.0, 1.0]])


def recording(outputs: np.ndarray, bodies: list[bytes] | None = None, status: int = 200) -> Recording:
    calls = [ModelCall(2, {}, [outputs[:2]]), ModelCall(2, {}, [outputs[2:]], True)]
    return Recording(calls, [Answer(status, body, False) for body in bodies or [b'{"a": 1}'] * 4])


def test_the_figures() -> None:
    other = LOGITS.copy()
    other[0] = [1.0, 3.0, 0.0]
    found = agreement(recording(LOGITS), recording(other, [b'{"a": 1.001}'] * 3 + [b'{"a": 2}']))
    assert found.rows == 4
    assert found.top1 == 0.75
    assert found.top_k == 1.0
    assert found.largest == pytest.approx(2 / LOGITS.std())
    assert found.mean == pytest.approx(4 / 12 / LOGITS.std())
    assert found.answers == 0.75
    assert "top-1 75.00%" in " ".join(figures(found))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (recording(LOGITS[:, ::-1]), "top-1 agreement of"),
        (recording(LOGITS, status=503), "a request is answered with 503"),
        (recording(LOGITS[:, :2]), "its outputs have the shapes"),
        (recording(LOGITS * np.nan), "top-1 agreement|mean difference"),
        (Recording((), recording(LOGITS).answers), "its model is called 0 times"),
    ],
)
def test_what_does_not_agree_is_rejected_with_its_reason(other: Recording, reason: str) -> None:
    rejection = agreement(recording(LOGITS), other).rejection(Limits())
    assert any(part in rejection for part in reason.split("|"))


def test_answers_that_differ_after_post_processing_are_rejected_though_the_outputs_agree() -> None:
    original = recording(LOGITS)
    bodies = [b'{"a": 1}'] * 3 + [b'{"a": 2}']
    found = agreement(original, recording(LOGITS, bodies))
    assert found.rejection(Limits()) == (
        "75.00% of the answers to the samples are equal after post-processing, fewer than 80.00%"
    )
    assert found.rejection(Limits(answers=0.75)) == ""


def test_answers_to_neighbours_count_as_well() -> None:
    found = of_outputs([(LOGITS, LOGITS)], answers=0.5, samples=1.0)
    assert found.rejection(Limits()) == "50.00% of the answers are equal after post-processing, fewer than 80.00%"


def test_numbers_without_classes_have_a_limit_of_their_own() -> None:
    numbers = np.arange(10.0)
    assert of_outputs([(numbers, numbers + 0.001)]).rejection(Limits()) == ""
    assert "mean difference" in of_outputs([(numbers, numbers + 1)]).rejection(Limits())


def test_infinite_differences_are_null_in_json() -> None:
    found = of_outputs([(np.ones(3), np.full(3, np.nan))])
    assert found.rejection(Limits())
    assert found.as_json()["largest"] is None
