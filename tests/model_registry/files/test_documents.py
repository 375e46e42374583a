"""YAML and JSON within limits."""

import json
from pathlib import Path

import pytest
import yaml

from model_registry.files.documents import MAX_BYTES, MAX_DEPTH, BeyondLimits, check_json_depth, load_yaml, read_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"", None),
        (b"a: 1\nb: [1.5, yes, 0o7, 010, 1:30, ~]\n", {"a": 1, "b": [1.5, True, "0o7", 8, 90, None]}),
        (b"a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: *a\n", {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 1}}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
        (b"2026-01-01", yaml.safe_load("2026-01-01")),
    ],
)
def test_yaml_is_read_as_by_the_safe_loader(text: bytes, value: object) -> None:
    assert load_yaml(text) == value == yaml.safe_load(text)


BOMB = b"\n".join(
    [b"a0: &a0 {" + b", ".join(b"k%d: 1" % number for number in range(100)) + b"}"]
    + [b"a%d: &a%d {<<: [%s]}" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 11)]
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" * 50_000, "levels deep"),
        (b"{a: " * 50_000, "levels deep"),
        (b"- " * 50_000, "levels deep"),
        (b"a: [" + b"1," * 150_000 + b"]", "values"),
        (b"a: &a x\n" + b"b: [" + b"*a," * 1000 + b"]", "aliases"),
        (BOMB, "merged"),
        (b"a: 1" + b":1" * 100_000, "number"),
        (b"a: 1" + b"0" * 100_000 + b".5", "number"),
    ],
)
def test_yaml_beyond_a_limit_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(BeyondLimits, match=reason):
        load_yaml(text)


def test_python_objects_are_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(b"!!python/object/apply:os.getcwd []")


@pytest.mark.parametrize("value", [None, {"a": ["[", '"[', "\\"]}, [[[1], {}], 2.5], "[" * 1000, [[]] * 1000])
def test_flat_json_is_let_through(value: object) -> None:
    check_json_depth(json.dumps(value))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '["\\"", ' * 200])
def test_deep_json_is_refused(text: str) -> None:
    with pytest.raises(BeyondLimits, match="levels deep"):
        check_json_depth(text)


def test_a_long_string_that_never_ends_is_looked_at_once() -> None:
    check_json_depth('"' + "\\\\" * 500_000)


def test_large_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b" " * MAX_BYTES)
    assert len(read_bytes(file)) == MAX_BYTES
    file.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(BeyondLimits, match=r"c\.yaml has more than"):
        read_bytes(file)
