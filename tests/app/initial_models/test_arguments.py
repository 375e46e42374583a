"""The arguments of `marserve serve` become models to load at start."""

from pathlib import Path

import pytest

from app.initial_models.arguments import with_targets
from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.types import InitialModel
from tests.conftest import MakeArchive

HANDLER = "def handle(data, context):\n    return data\n"


def served(settings: Settings, *targets: str, cwd: Path) -> Settings:
    return with_targets(settings, targets, cwd)


def test_each_kind_of_target_is_a_model(work: Path, store: Path, archive: MakeArchive) -> None:
    archive("echo", HANDLER)
    found = served(Settings(), "../store/echo.mar", "./mine", "single.py", "flowers=net.onnx", cwd=work)
    assert found.load_models == (
        InitialModel(None, "echo.mar"), InitialModel(None, "mine"), InitialModel(None, "single.py"),
        InitialModel("flowers", "net.onnx"),
    )  # fmt: skip
    assert found.given_archives == {
        "echo.mar": store / "echo.mar", "mine": work / "mine", "single.py": work / "single.py",
        "net.onnx": work / "net.onnx",
    }  # fmt: skip
    assert found.model_store == work


def test_an_address_is_left_to_the_store(work: Path) -> None:
    assert served(Settings(), "a=http://server/a.mar", cwd=work).load_models == (
        InitialModel("a", "http://server/a.mar"),
    )


def test_a_folder_of_archives_is_all_of_them(work: Path, store: Path, archive: MakeArchive) -> None:
    for name in ("one", "two"):
        archive(name, HANDLER)
    assert [model.url for model in served(Settings(), str(store), cwd=work).load_models] == ["one.mar", "two.mar"]


def test_values_of_models_may_be_paths(work: Path, store: Path, archive: MakeArchive) -> None:
    archive("echo", HANDLER)
    named = (InitialModel(None, "./mine"), InitialModel(None, "echo.mar"), InitialModel(None, "all"))
    found = served(Settings(model_store=store, load_models=named), cwd=work)
    assert found.load_models == (InitialModel(None, "mine"), *named[1:])
    assert (found.given_archives, found.model_store) == ({"mine": work / "mine"}, store)


def test_two_targets_of_one_file_name_are_refused(work: Path) -> None:
    (work / "other").mkdir()
    (work / "other" / "net.onnx").write_bytes(b"onnx")
    with pytest.raises(ConfigurationError, match="have the same file name"):
        served(Settings(), "net.onnx", "other/net.onnx", cwd=work)


def test_a_store_whose_models_are_not_named_is_pointed_out(work: Path, store: Path, archive: MakeArchive) -> None:
    assert served(Settings(), cwd=work).warnings == ()
    assert "holds no archives" in served(Settings(model_store=store), cwd=work).warnings[0]
    archive("echo", HANDLER)
    (store / "notes.txt").write_text("")
    (warning,) = served(Settings(model_store=store), cwd=work).warnings
    assert warning == f"nothing is served yet: {store} holds echo.mar; --models all serves them all"
