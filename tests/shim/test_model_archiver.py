"""The packages `model_archiver` and `workflow_archiver`, as build scripts and notebooks use them."""

import argparse
import json
import sys
import zipfile
from pathlib import Path

import pytest
import workflow_archiver
from model_archiver import ModelArchiver, ModelArchiverConfig, __version__
from model_archiver.manifest_components.manifest import RuntimeType
from model_archiver.model_archiver_error import ModelArchiverError
from model_archiver.model_packaging import generate_model_archive
from model_archiver.model_packaging_utils import ModelExportUtils
from workflow_archiver.workflow_packaging import generate_workflow_archive, package_workflow


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a handler."""
    monkeypatch.chdir(tmp_path)
    for name in ("handler.py", "a.txt", "spec.yaml"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_an_archive_of_a_configuration(place: Path) -> None:
    config = ModelArchiverConfig("m", "handler.py", "1.0", extra_files="a.txt", runtime=RuntimeType.PYTHON3.value)
    ModelArchiver.generate_model_archive(config)
    with zipfile.ZipFile(place / "m.mar") as archive:
        assert set(archive.namelist()) == {"MAR-INF/MANIFEST.json", "handler.py", "a.txt"}
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
    assert (manifest["runtime"], manifest["archiverVersion"]) == ("python3", __version__)
    assert json.loads(ModelExportUtils.generate_manifest_json(config))["model"] == manifest["model"]
    with pytest.raises(ModelArchiverError, match="already exists"):
        generate_model_archive(config)
    config.force = True
    generate_model_archive(config)


def test_parsed_arguments_are_a_configuration() -> None:
    fields = ModelArchiverConfig("m", "handler.py", "1.0", archive_format="tgz")
    assert ModelArchiverConfig.from_args(argparse.Namespace(**vars(fields), more=1)) == fields


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (ModelArchiverConfig("a b", "handler.py", "1"), ModelArchiverError),
        (ModelArchiverConfig("m", "handler.py", "1", export_path="nowhere"), ModelArchiverError),
        (ModelArchiverConfig("m", "nothing.py", "1"), FileNotFoundError),
        (ModelArchiverConfig("m", "handler.py", "1", model_file="nothing.py"), FileNotFoundError),
    ],
)
def test_what_is_wrong_is_raised(config: ModelArchiverConfig, error: type[Exception]) -> None:
    with pytest.raises(error):
        generate_model_archive(config)


def test_the_steps_of_the_archiver(place: Path) -> None:
    assert ModelExportUtils.check_mar_already_exists("m", str(place), False) == str(place)
    (place / "m.tar.gz").touch()
    with pytest.raises(ModelArchiverError, match="already exists"):
        ModelExportUtils.check_mar_already_exists("m", None, False, "tgz")
    assert ModelExportUtils.check_mar_already_exists("m", None, True, "tgz") == str(place)


def test_without_a_configuration_the_programs_arguments_count(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--model-name", "m", "-v", "1", "--handler", "handler.py"])
    with pytest.raises(SystemExit) as caught:
        generate_model_archive()
    assert (caught.value.code, (place / "m.mar").exists()) == (0, True)


def test_a_workflows_archive(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    parts = {"workflow_name": "w", "spec_file": "spec.yaml", "handler": "handler.py", "extra_files": None}
    package_workflow(argparse.Namespace(**parts, export_path=".", force=False))
    with zipfile.ZipFile(place / "w.war") as archive:
        manifest = json.loads(archive.read("WAR-INF/MANIFEST.json"))
    assert manifest["archiverVersion"] == workflow_archiver.__version__
    with pytest.raises(SystemExit, match="1"):
        package_workflow(argparse.Namespace(**parts, export_path=".", force=False))
    monkeypatch.setattr(sys, "argv", ["x", "--workflow-name", "v", "--spec-file", "spec.yaml"])
    with pytest.raises(SystemExit, match="0"):
        generate_workflow_archive()
    assert (place / "v.war").exists()
