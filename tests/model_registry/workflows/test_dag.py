"""The graph of a workflow's nodes."""

import pytest

from model_registry.errors import InvalidDag
from model_registry.workflows.dag import Dag


def test_a_node_comes_after_those_that_it_follows_on() -> None:
    dag = Dag.of({"join": ["last"], "first": ["a", "b", "join"], "a": ["join"], "b": ["join"]})
    places = {node: dag.order.index(node) for node in dag.order}
    assert set(places) == {"first", "a", "b", "join", "last"}
    assert all(places[node] < places[after] for node, followers in dag.edges.items() for after in followers)
    assert dag.parents == {"join": ["first", "a", "b"], "first": [], "a": ["first"], "b": ["first"], "last": ["join"]}
    assert dag.ends == ["last"]


def test_it_is_told_as_it_was_written() -> None:
    assert str(Dag.of({"first": ["a", "b"], "a": ["join"], "b": ["join"]})) == "{first=[a, b], a=[join], b=[join]}"


def test_one_node_may_be_all() -> None:
    for written in ({"only": []}, {"only": None}):
        dag = Dag.of(written)
        assert (dag.order, dag.ends, str(dag)) == (("only",), ["only"], "{only=[]}")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({}, "DAG should have only one start node"),
        ({"a": ["join"], "b": ["join"]}, "DAG should have only one start node"),
        ({"a": ["b"], "b": ["a"]}, "DAG should have only one start node"),
        ({"first": ["a"], "a": ["b"], "b": ["a"]}, "Not a valid DAG"),
        ({"a": ["a"]}, "Self loop exception"),
        ({"a": ["b", "b"]}, "loop exception"),
        ({"a": "b"}, "a needs a list of the nodes that follow on it"),
    ],
)
def test_what_is_no_such_graph_is_refused_in_torchserves_words(written: dict[str, object], found: str) -> None:
    with pytest.raises(InvalidDag) as refused:
        Dag.of(written)
    assert str(refused.value) == found
