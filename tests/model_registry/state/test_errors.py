"""Errors of a shared state."""

from app.errors import describe_error
from model_registry.state.errors import ReplicasBehind, StateConflict, StateUnavailable


def test_each_has_its_status() -> None:
    behind = ReplicasBehind(7, ["a", "b"], 60.0)
    statuses = [describe_error(each).status for each in (StateConflict("c"), StateUnavailable("u"), behind)]
    assert statuses == [409, 503, 504]
    assert "Revision 7 is stored, but not in force after 60 s on: a, b." in str(behind)
