"""Archives of targets: what is replaced in them, and that their handlers use it."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.optimize.agreement import agreement
from app.commands.optimize.child import handler_source, source_of
from app.commands.optimize.derived_archive import (
    AFTER_LOADING,
    AT_ASSIGNMENT,
    NO_ADAPTER,
    PROVENANCE,
    ArchiveWriter,
    HandlerSource,
)
from app.commands.optimize.loaded_archive import load_archive
from app.commands.optimize.recording import Recording
from app.commands.optimize.targets.target import Built
from tests.app.commands.optimize.conftest import classifier, onnx_file, torchscript
from tests.app.commands.optimize.test_loaded_archive import FUNCTION
from tests.conftest import MakeArchive

Record = Callable[[Path], Recording]


def derive(path: Path, built: Built, way: str, tmp_path: Path) -> Path:
    with load_archive(path, lambda line: None) as loaded:
        (live,) = loaded.models()
        writer = ArchiveWriter(loaded.archive, handler_source(source_of(loaded, live)), "onnx", tmp_path / "work")
        return writer.write(built, way, tmp_path, f"{path.stem}-onnx", {"by": "a test"})


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """The classifier in ONNX."""
    onnx_file(classifier(), tmp_path / "model.onnx")
    settings = {"inputs": ["rows"], "structure": "tensor", "graph_optimization_level": "ORT_ENABLE_ALL"}
    session = {"session": {"graph_optimization_level": "ORT_ENABLE_ALL"}}
    return Built("onnx", {"model.onnx": str(tmp_path / "model.onnx")}, settings, {"onnx": session})


@pytest.mark.parametrize("way", [AT_ASSIGNMENT, AFTER_LOADING])
def test_a_handler_with_an_adapter_answers_alike(
    classifier_archive: Path, built: Built, way: str, tmp_path: Path, record: Record
) -> None:
    path = derive(classifier_archive, built, way, tmp_path)
    found = agreement(record(classifier_archive), record(path))
    assert found.problem == ""
    assert (found.top1, found.answers) == (1.0, 1.0)
    assert found.largest < 1e-5
    with zipfile.ZipFile(path) as content:
        manifest = json.loads(content.read("MAR-INF/MANIFEST.json"))["model"]
        assert (manifest["modelVersion"], manifest["handler"]) == ("1.0-onnx", "optimised_handler.py")
        assert ("net.pt" in content.namelist()) == (way == AFTER_LOADING)
        provenance = json.loads(content.read(PROVENANCE))
    assert provenance["by"] == "a test"
    assert "optimised_handler.py stands before handler.py" in provenance["adapter"][0]


def test_a_function_with_an_adapter_answers_alike(
    archive: MakeArchive, built: Built, tmp_path: Path, record: Record
) -> None:
    path = archive("net", FUNCTION, {"net.pt": torchscript(classifier(), tmp_path / "net.pt")})
    derived = derive(path, built, AFTER_LOADING, tmp_path)
    found = agreement(record(path), record(derived))
    assert (found.problem, found.answers) == ("", 1.0)
    with load_archive(derived, lambda line: None) as loaded:
        assert type(loaded.models()[0].value).__name__ == "OnnxModel"


def test_an_onnx_archive_keeps_its_handler(onnx_archive: Path, built: Built, tmp_path: Path, record: Record) -> None:
    path = derive(onnx_archive, built, NO_ADAPTER, tmp_path)
    with zipfile.ZipFile(path) as content:
        assert json.loads(content.read("MAR-INF/MANIFEST.json"))["model"]["handler"] == "handler.py"
        assert "optimised_handler.py" not in content.namelist()
    assert agreement(record(onnx_archive), record(path)).answers == 1.0


def test_the_ways_of_handlers() -> None:
    source = HandlerSource("handler", "Net", "handle", ("model",), "TorchScript", True, True)
    assert source.ways(Built("onnx")) == [NO_ADAPTER, AT_ASSIGNMENT, AFTER_LOADING]
    assert source.ways(Built("autocast")) == [AT_ASSIGNMENT, AFTER_LOADING]
    function = HandlerSource("handler", "", "handle", ("service", "net"), "module", False, False)
    assert function.ways(Built("onnx")) == [AFTER_LOADING]
