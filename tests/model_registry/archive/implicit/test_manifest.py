"""Folders, handlers' files and bare models without a manifest get one."""

import json
import zipfile
from pathlib import Path

import pytest

from model_registry.archive.implicit.manifest import implicit_manifest, make_archive_folder
from model_registry.archive.manifest import Manifest
from model_registry.errors import NoManifest

FUNCTION = "def handle(data, context):\n    return data\n"
CLASS = "from ts.torch_handler.base_handler import BaseHandler\nclass Mine(BaseHandler):\n    pass\n"
OTHER = "class Net:\n    pass\n"


def write(folder: Path, **files: str) -> Path:
    """A folder with these files, whose names have "_" for the dot of their suffix."""
    folder.mkdir()
    for name, content in files.items():
        (folder / ".".join(name.rsplit("_", 1))).write_text(content)
    return folder


def torchscript(file: Path) -> Path:
    """A file that looks like TorchScript from outside."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/constants.pkl", b"")
    return file


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"handler_py": OTHER, "other_py": FUNCTION}, "handler.py"),
        ({"mine_py": FUNCTION, "utils_py": OTHER, "test_mine_py": FUNCTION}, "mine.py"),
        ({"mine_py": CLASS, "model_py": OTHER}, "mine.py"),
        ({"mine_py": "class A:\n    def handle(self, data, context): ...\n", "broken_py": "def ("}, "mine.py"),
    ],
)
def test_the_one_handler_is_found(tmp_path: Path, files: dict[str, str], handler: str) -> None:
    assert implicit_manifest(write(tmp_path / "m", **files))["model"]["handler"] == handler


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"utils_py": OTHER}, "no file looks like a handler; call the handler's file handler.py"),
        ({"a_py": FUNCTION, "b_py": CLASS}, r"a\.py, b\.py look like handlers"),
    ],
)
def test_a_folder_without_one_handler_is_refused(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    with pytest.raises(NoManifest, match=reason):
        implicit_manifest(write(tmp_path / "m", **files))


def test_the_model_and_the_usual_files_are_found(tmp_path: Path) -> None:
    folder = write(tmp_path / "my-model", handler_py=CLASS, model_py=OTHER, weights_pt="x", requirements_txt="")
    (folder / "model-config.yaml").write_text("")
    assert implicit_manifest(folder)["model"] == {
        "modelName": "my_model", "handler": "handler.py", "modelVersion": "1.0", "serializedFile": "weights.pt",
        "modelFile": "model.py", "configFile": "model-config.yaml", "requirementsFile": "requirements.txt",
    }  # fmt: skip


def test_a_torchscript_model_needs_no_model_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", handler_py=CLASS, model_py=OTHER)
    torchscript(folder / "net.pt")
    assert "modelFile" not in implicit_manifest(folder)["model"]


@pytest.mark.parametrize(("names", "chosen"), [(["a_pt", "b_pt"], None), (["a_pt", "model_pt"], "model.pt")])
def test_of_several_models_the_one_that_is_called_so_is_taken(
    tmp_path: Path, names: list[str], chosen: str | None
) -> None:
    folder = write(tmp_path / "m", handler_py=FUNCTION, **dict.fromkeys(names, "x"))
    assert implicit_manifest(folder)["model"].get("serializedFile") == chosen


def test_an_archives_folder_has_links_to_the_visible_files(tmp_path: Path) -> None:
    source = write(tmp_path / "mine", handler_py=FUNCTION, labels_json="{}")
    (source / "deep").mkdir()
    (source / "deep" / "part.py").write_text("")
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text("")
    target = tmp_path / "target"
    make_archive_folder(source, target)
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert files == ["MAR-INF/MANIFEST.json", "deep/part.py", "handler.py", "labels.json"]
    assert (target / "handler.py").resolve() == source / "handler.py"
    manifest = Manifest.read(target)
    assert (manifest.model_name, manifest.handler, manifest.version) == ("mine", "handler.py", "1.0")


def test_a_handlers_file_is_served_from_its_folder_under_its_own_name(tmp_path: Path) -> None:
    source = write(tmp_path / "mine", first_py=FUNCTION, second_py=FUNCTION)
    make_archive_folder(source / "second.py", tmp_path / "target")
    manifest = Manifest.read(tmp_path / "target")
    assert (manifest.model_name, manifest.handler) == ("second", "second.py")


def test_a_bare_model_gets_a_handler(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"onnx")
    make_archive_folder(tmp_path / "net.onnx", tmp_path / "target")
    assert json.loads((tmp_path / "target/MAR-INF/MANIFEST.json").read_text())["model"] == {
        "modelName": "net", "handler": "handler.py", "modelVersion": "1.0", "serializedFile": "net.onnx",
    }  # fmt: skip
    assert "class BareModel" in (tmp_path / "target/handler.py").read_text()


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"weights")
    with pytest.raises(NoManifest, match=r"net\.pt is no TorchScript"):
        make_archive_folder(tmp_path / "net.pt", tmp_path / "target")
    assert not (tmp_path / "target").exists()
