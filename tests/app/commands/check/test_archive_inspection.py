"""The inspection of an archive before its code runs."""

from pathlib import Path
from typing import Any

import pytest

from app.commands.check.archive_inspection import ArchiveInspection, describe_entry_point, inspect_archive
from model_registry.archive.model_yaml import readable_model_config
from model_registry.archive.store import ModelStore
from model_registry.config import ModelConfig
from model_registry.registration import Registration
from model_registry.server_defaults import ServerDefaults
from tests.conftest import MakeArchive


@pytest.mark.parametrize(
    ("source", "handler", "entry"),
    [
        ("class Sign(Base, other.Mixin): pass", "handler.py", "class Sign(Base, other.Mixin)"),
        ("class Sign: pass\ndef help(): pass", "handler", "class Sign"),
        ("def handle(data, context): pass\nclass A: pass", "handler.py", "function handle"),
        ("def predict(data, context): pass", "handler.py:predict", "function predict"),
        ("class A: pass", "handler.py:nowhere", "class A"),
        ("try:\n    from fast import handle\nexcept ImportError: pass", "handler.py", "function handle"),
        ("_service = 1\nhandle = _service", "handler.py", "function handle"),
        ("class A: pass\nclass B: pass", "handler.py", "none: it defines 2 classes"),
        ("def handle(", "handler.py", "none: the file is no Python"),
        ("", "image_classifier", "built-in handler image_classifier"),
        ("", "nowhere.py", "none: there is no nowhere.py"),
        ("", "", "none is named"),
    ],
)
def test_the_entry_point_is_described(source: str, handler: str, entry: str, tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(source)
    assert describe_entry_point(tmp_path, handler) == entry


def inspect(path: Path, tmp_path: Path) -> ArchiveInspection:
    archive = ModelStore(path.parent, temporary=tmp_path).open(path.name)
    config = ModelConfig.merge(Registration(""), readable_model_config(archive), {}, ServerDefaults())
    return inspect_archive(archive, config, "handler.py", "cpu")


def test_files_configuration_and_requirements_are_found(archive: MakeArchive, tmp_path: Path) -> None:
    model: dict[str, Any] = {"requirementsFile": "requirements.txt", "serializedFile": "gone.pt"}
    files = {
        "requirements.txt": "# ours\npytest>=1  # for tests\nno-such-thing==1.0\n-r more.txt\n",
        "big.bin": "x" * 500,
    }
    config = "batchSize: 4\nmaxbatchdelay: 5\nfan_in: 3\npt2: {}\nminWorkers: 2\nmaxWorkers: 2\ndeviceType: cpu\n"
    found = inspect(archive("m", "exit()\n", files, config=config, version="3.0", **model), tmp_path)
    assert (found.model, found.version) == ("m", "3.0")
    assert next(iter(found.files.items())) == ("big.bin", 500)
    assert found.config == {
        "minWorkers": 2, "maxWorkers": 2, "batchSize": 4, "maxBatchDelay": 100, "responseTimeout": 120,
        "startupTimeout": 120, "deviceType": "cpu", "jobQueueSize": 100,
    }  # fmt: skip
    assert found.other_keys == ("maxbatchdelay", "fan_in")
    assert found.problems == (
        "the manifest names gone.pt, which is not there",
        "model-config.yaml has the key maxbatchdelay; is maxBatchDelay meant?",
    )
    assert [(each.line, bool(each.installed)) for each in found.requirements] == [
        ("pytest>=1", True),
        ("no-such-thing==1.0", False),
    ]
    assert [finding.place for finding in found.lint_findings] == ["handler.py:1"]


def test_a_missing_manifest_is_a_problem(store: Path, tmp_path: Path) -> None:
    (store / "bare").mkdir()
    (store / "bare" / "handler.py").write_text("")
    assert inspect(store / "bare", tmp_path).problems == ("there is no MAR-INF/MANIFEST.json",)
