"""The installed torch, read beside it."""

from pathlib import Path

import pytest

from handler.devices.torch_build import TorchBuild, torch_build


def test_torchs_build_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fake_torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "version.py").write_text("__version__ = '2.9.0+cu130'\ncuda = '13.0'\n")
    monkeypatch.syspath_prepend(tmp_path)
    build = torch_build("fake_torch")
    assert build == TorchBuild("2.9.0+cu130", "13.0")
    assert str(build) == "torch 2.9.0+cu130, built for CUDA 13.0"
    assert str(TorchBuild("2.9.0")) == "torch 2.9.0, built without CUDA"


def test_no_torch_is_no_build() -> None:
    assert torch_build("no_such_package") is None
