"""The version of the distribution."""

from importlib import metadata

import pytest

from app.release import version


def test_it_is_the_installed_version() -> None:
    assert version() == metadata.version("marserve")


def test_packages_that_are_not_installed_have_version_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.meta_path", [])  # no finder, no distribution
    assert version() == "0"
