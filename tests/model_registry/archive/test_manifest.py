"""Manifests: their keys, their defaults, and registrations that replace them."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_registry.archive.manifest import Manifest
from model_registry.errors import InvalidModel, InvalidName, InvalidRuntime


def unpacked(folder: Path, manifest: Any) -> Path:
    """A folder with a manifest: text as it is, anything else as JSON."""
    (folder / "MAR-INF").mkdir()
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    (folder / "MAR-INF" / "MANIFEST.json").write_text(text, "utf-8")
    return folder


def test_a_manifest_says_what_the_archiver_wrote(tmp_path: Path) -> None:
    model = {
        "modelName": "m",
        "serializedFile": "m.pt",
        "handler": "h.py",
        "modelFile": "model.py",
        "modelVersion": "2.0",
        "requirementsFile": "requirements.txt",
        "configFile": "c.yaml",
    }
    whole = {"createdOn": "then", "runtime": "python3", "model": model, "more": [1]}
    manifest = Manifest.read(unpacked(tmp_path, whole))
    assert manifest == Manifest(
        whole, "m", "2.0", "h.py", "m.pt", "model.py", "c.yaml", "requirements.txt", "python3"
    )  # fmt: skip


def test_no_manifest_reads_as_an_empty_one(tmp_path: Path) -> None:
    assert Manifest.read(tmp_path) == Manifest({}, None, "1.0", runtime="python")


def test_a_manifest_with_no_model_has_no_name(tmp_path: Path) -> None:
    assert Manifest.read(unpacked(tmp_path, {})).model_name is None


@pytest.mark.parametrize(
    ("written", "version"),
    [("3", "3"), ("1.10", "1.10"), ("true", "true"), ('""', ""), ("null", "1.0"), ('"b-1"', "b-1")],
)
def test_a_version_is_the_text_it_is_written_in(tmp_path: Path, written: str, version: str) -> None:
    assert Manifest.read(unpacked(tmp_path, f'{{"model": {{"modelVersion": {written}}}}}')).version == version


def test_a_manifest_is_read_leniently(tmp_path: Path) -> None:
    text = "// written by hand\n{model: {'modelName': m, modelVersion: 1.10, extra: [1,]}, runtime: PYTHON}"
    manifest = Manifest.read(unpacked(tmp_path, text))
    assert (manifest.model_name, manifest.version, manifest.runtime) == ("m", "1.10", "python")
    assert manifest.raw["model"] == {"modelName": "m", "modelVersion": 1.1, "extra": [1, None]}


def test_a_byte_order_mark_is_forgiven(tmp_path: Path) -> None:
    assert Manifest.read(unpacked(tmp_path, '\ufeff{"model": {"modelName": "m"}}')).model_name == "m"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{ not json",
        "null",
        "3",
        "[]",
        '"text"',
        '{"model": []}',
        '{"model": {"modelName": {}}}',
        "[" * 99_999,
        " " * (1 << 21),
        '{"model": {"handler": "' + "h" * 1025 + '"}}',
    ],
    ids=lambda text: text[:20],
)
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, broken: str) -> None:
    with pytest.raises(InvalidModel, match=r"^Failed to parse signature\.json\.$"):
        Manifest.read(unpacked(tmp_path, broken))


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (unpacked(tmp_path, "") / "MAR-INF" / "MANIFEST.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InvalidModel, match="signature"):
        Manifest.read(tmp_path)


def test_a_null_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=r"^Missing Model entry in manifest file\.$"):
        Manifest.read(unpacked(tmp_path, {"model": None}))


def test_a_registration_wins_over_the_manifest() -> None:
    manifest = Manifest({}, "m", handler="h.py").registered("other", "g.py", "python3")
    assert (manifest.model_name, manifest.handler, manifest.runtime) == ("other", "g.py", "python3")


def test_a_registration_that_says_nothing_leaves_the_manifest() -> None:
    manifest = Manifest({}, "m", handler="h.py")
    assert manifest.registered("", default="d") == manifest


def test_the_default_names_what_has_no_name() -> None:
    assert Manifest().registered(default="d").model_name == "d"


def test_a_model_without_any_name_is_refused() -> None:
    with pytest.raises(InvalidModel, match=r"^Model name is not defined\.$"):
        Manifest({}, "").registered()


def test_a_manifests_runtime_may_be_in_capitals(tmp_path: Path) -> None:
    assert Manifest.read(unpacked(tmp_path, {"runtime": "PYTHON", "model": {"modelName": "m"}})).runtime == "python"


@pytest.mark.parametrize("runtime", [None, "cobol", 3, {}, "Python"])
def test_a_manifest_with_an_unknown_runtime_is_refused_unless_the_registration_names_one(
    tmp_path: Path, runtime: object
) -> None:
    manifest = Manifest.read(unpacked(tmp_path, {"runtime": runtime, "model": {"modelName": "m"}}))
    assert manifest.registered(runtime="LSP").runtime == "LSP"
    with pytest.raises(InvalidModel, match=r"^Runtime is not defined or invalid\.$"):
        manifest.registered()


@pytest.mark.parametrize("runtime", ["cobol", "", "Python"])
def test_a_registration_with_an_unknown_runtime_is_refused(runtime: str) -> None:
    with pytest.raises(InvalidRuntime, match=f"^Invalid RuntimeType value: {runtime}$"):
        Manifest({}, "m").registered(runtime=runtime)


@pytest.mark.parametrize(("name", "version"), [("a" * 256, "1.0"), ("a\ud800", "1.0"), ("m", ""), ("m", "1" * 256)])
def test_a_name_or_version_that_no_request_can_carry_is_refused(name: str, version: str) -> None:
    with pytest.raises(InvalidName):
        Manifest({}, name, version).registered()
