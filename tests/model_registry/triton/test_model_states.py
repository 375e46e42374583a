from typing import Any

import pytest

from handler.tensors.errors import Code, TensorError
from model_registry.triton.model_states import ModelStates, VersionState


def states(**versions: VersionState) -> ModelStates:
    """A model `m` with versions v1, v2 and so on."""
    made = ModelStates()
    made.of("m").versions.update({int(name[1:]): version for name, version in versions.items()})
    return made


def ready(served: Any) -> VersionState:
    return VersionState("READY", served=served)


def test_the_largest_number_that_serves_answers() -> None:
    found = states(v10=ready("ten"), v9=ready("nine"), v11=VersionState("UNAVAILABLE", "unloaded"))
    assert (found.find("m"), found.find("m", 9)) == ("ten", "nine")
    assert list(found.of("m").ready()) == [9, 10]
    assert found.is_settled
    assert (found.is_ready("m"), found.is_ready("m", 11), found.is_ready("none")) == (True, False, False)


@pytest.mark.parametrize(("name", "number", "code", "words"), [
    ("none", -1, Code.NOT_FOUND, "is not found"), ("m", 3, Code.NOT_FOUND, "version 3 is not found"),
    ("m", 1, Code.UNAVAILABLE, "version 1 is not at ready state"), ("m", -1, Code.NOT_FOUND, "no available versions"),
])  # fmt: skip
def test_what_does_not_serve_is_named(name: str, number: int, code: Code, words: str) -> None:
    failed = states(v1=VersionState("UNAVAILABLE", "Internal: broken"))
    with pytest.raises(TensorError, match=words) as raised:
        failed.find(name, number)
    assert (raised.value.code, failed.is_settled) == (code, False)


def test_a_model_that_never_had_a_version_can_be_forgotten() -> None:
    found = states(v1=ready("one"))
    found.of("new")
    for name in ("new", "m", "none"):
        found.forget_empty(name)
    assert [model.name for model in found] == ["m"]
