import zipfile
from pathlib import Path

import pytest

from app.commands.options import marserve_parser
from app.commands.tritonserver.serve_repositories import found_repositories, with_repositories
from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from tests.support.repositories import copy_models


def test_targets_are_repositories_or_others(tmp_path: Path) -> None:
    copy_models(tmp_path / "models", "add_sub")
    (tmp_path / "bare" / "net" / "1").mkdir(parents=True)
    (tmp_path / "bare" / "net" / "1" / "model.onnx").touch()
    (tmp_path / "store").mkdir()
    zipfile.ZipFile(tmp_path / "store" / "a.mar", "w").close()
    (tmp_path / "handler").mkdir()
    (tmp_path / "handler" / "handler.py").touch()
    repositories, others = found_repositories(["models", "store", "handler", "x=a.mar", "bare"], tmp_path)
    assert repositories == [tmp_path / "models", tmp_path / "bare"]
    assert others == ["store", "handler", "x=a.mar"]


def test_bodies_may_be_larger_unless_that_is_configured(tmp_path: Path) -> None:
    arguments = marserve_parser().parse_args(["serve", "--model-repository", str(tmp_path)])
    assert with_repositories(Settings(), arguments).max_request_size == 64 << 20
    configured = Settings(max_request_size=1000).replace(given={"max_request_size": "1000"})
    assert with_repositories(configured, arguments).max_request_size == 1000


def test_what_cannot_be_served_is_said(tmp_path: Path) -> None:
    for words in (["--model-repository", str(tmp_path / "none")],
                  ["--model-repository", str(tmp_path), "--load-model", "a"]):  # fmt: skip
        with pytest.raises(ConfigurationError):
            with_repositories(Settings(), marserve_parser().parse_args(["serve", *words]))
