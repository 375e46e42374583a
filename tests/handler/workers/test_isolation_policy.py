"""The move of a model's workers from threads to processes."""

import pytest

from handler.workers.isolation_policy import IsolationPolicy


def test_only_the_first_move_counts_and_its_reason_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    moves: list[str] = []
    policy = IsolationPolicy("m", lambda: moves.append("moved"))
    assert repr(policy) == "<IsolationPolicy of m>"
    policy.move("calls os.fork")
    policy.move("sets a signal")
    assert moves == ["moved"]
    (logged,) = [record.message for record in caplog.records]
    assert logged == (
        "Model m: its workers are processes of their own: its code calls os.fork. "
        "Isolation: thread in its model-config.yaml, or at its registration, keeps them threads."
    )
    assert repr(policy) == "<IsolationPolicy of m, moved>"
