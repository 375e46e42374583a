"""The document: read, changed, written."""

import json
from dataclasses import asdict

import pytest

from model_registry.state.document import MAX_BYTES, Document, ModelState, VersionState
from model_registry.state.errors import InvalidDocument, StateConflict, StateTooLarge

ONE, TWO = VersionState("m-1.mar"), VersionState("m-2.mar", batch_size=8)
BOTH = Document().with_version("m", "1.0", ONE).with_version("m", "2.0", TWO)


def test_a_document_survives_its_bytes() -> None:
    document = BOTH.with_rules("m", "2.0", {"weights": {"1.0": 1}})
    assert Document.parse(document.to_bytes()) == document
    raw = json.loads(document.to_bytes())
    raw["models"]["m"]["versions"]["1.0"]["of_a_later_release"] = 5
    assert Document.parse(json.dumps(raw).encode()) == document


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'{"format": 2, "revision": 1, "models": {}}', b'{"format": 1}',
        b'{"format": 1, "revision": "x", "models": {}}', b'{"format": 1, "revision": 1, "models": []}',
        b'{"format": 1, "revision": 1, "models": {"m": {"default": "1", "versions": {}}}}',
        b'{"format": 1, "revision": 1, "models": {"m": {"default": "1", "versions": {"1": {}}}}}',
        b"[" * 500, b'{"a": "' + b"x" * MAX_BYTES + b'"}',
    ],
)  # fmt: skip
def test_what_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidDocument, match="cannot be read"):
        Document.parse(content)


@pytest.mark.parametrize("revision", ["1e999", "NaN", "-1", "1.5", "true", "null", '"1"'])
def test_a_revision_is_a_number_of_changes(revision: str) -> None:
    with pytest.raises(InvalidDocument, match="cannot be read"):
        Document.parse(b'{"format": 1, "models": {}, "revision": %b}' % revision.encode())


@pytest.mark.parametrize("member", [*asdict(ONE)])
@pytest.mark.parametrize("value", [True, 1.5, [], {}, None, float("inf"), "x", 3])
def test_a_member_of_another_type_is_refused(member: str, value: object) -> None:
    is_text = member in ("url", "handler", "runtime", "isolation")
    raw = json.loads(BOTH.to_bytes())
    raw["models"]["m"]["versions"]["1.0"][member] = value
    content = json.dumps(raw).encode()
    if value == ("x" if is_text else 3) and type(value) is (str if is_text else int):
        assert getattr(Document.parse(content).models["m"].versions["1.0"], member) == value
    else:
        with pytest.raises(InvalidDocument, match=f"{member} of version"):
            Document.parse(content)


def test_changes_are_values_and_idempotent() -> None:
    assert BOTH.models["m"] == ModelState("1.0", {"1.0": ONE, "2.0": TWO})
    assert BOTH.with_version("m", "1.0", ONE) == BOTH
    second = BOTH.with_default("m", "2.0")
    assert second.with_default("m", "2.0") == second
    gone = second.without_version("m", "1.0")
    assert gone.without_version("m", "1.0") == gone
    assert gone.without_version("m", "2.0").models == {}
    assert BOTH.with_workers("m", "1.0", 2, 3).models["m"].versions["1.0"].max_workers == 3


def test_changes_that_others_exclude() -> None:
    for change in (
        lambda: BOTH.with_version("m", "1.0", TWO),
        lambda: BOTH.with_workers("m", "3.0", 1, 1),
        lambda: BOTH.with_default("none", "1.0"),
        lambda: BOTH.without_version("m", "1.0"),
    ):
        with pytest.raises(StateConflict):
            change()


def test_no_replica_writes_what_none_could_read() -> None:
    with pytest.raises(StateTooLarge, match="Divide the models"):
        BOTH.with_version("m", "3.0", VersionState("x" * MAX_BYTES)).to_bytes()
    models = {f"model-{number}": ModelState("1.0", {"1.0": ONE}) for number in range(10_000)}
    document = Document(1, models)
    assert Document.parse(document.to_bytes()) == document
