"""`marserve profile`: an archive gets the distributions of sample requests, and serves as before."""

import json
import random
import zipfile
from pathlib import Path

import pytest

from app.cli import main
from model_registry.drift.profile import PROFILE_FILE, Profile
from tests.conftest import MakeArchive

HANDLER = """
    def handle(data, context):
        return [{"sum": row["body"]["x"] + 1} for row in data or []]
"""


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A folder with 30 requests for the model `m`."""
    rng, folder = random.Random(0), tmp_path / "m"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.json").write_text(json.dumps({"x": rng.gauss(0, 1)}))
    return folder


def test_an_archive_gets_a_profile_and_keeps_the_rest(
    archive: MakeArchive, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("m", HANDLER, {"extra.txt": "kept"})
    for _ in range(2):  # the second replaces the profile of the first
        assert main(["profile", str(path), "--requests", str(samples)]) == 0
    assert "holds the profile of 30 requests" in capsys.readouterr().out
    with zipfile.ZipFile(path) as found:
        assert sorted(found.namelist()) == sorted(["MAR-INF/MANIFEST.json", PROFILE_FILE, "extra.txt", "handler.py"])
        assert found.read("extra.txt") == b"kept"
        profile = Profile.from_json(found.read(PROFILE_FILE))
    assert {"input.x", "output.sum"} <= set(profile.features)


def test_another_file_may_be_written(archive: MakeArchive, samples: Path, tmp_path: Path) -> None:
    path, target = archive("m", HANDLER), tmp_path / "profiled.mar"
    before = path.read_bytes()
    assert main(["profile", str(path), "--requests", str(samples), "--output", str(target)]) == 0
    assert path.read_bytes() == before
    assert zipfile.ZipFile(target).testzip() is None


@pytest.mark.parametrize(
    ("handler", "status", "message"),
    [
        ("import not_there", 1, "not_there"),
        ("def handle(data, context):\n    if data: raise ValueError('no')", 1, "at least 20 samples"),
    ],
)
def test_failures_are_told(
    archive: MakeArchive, samples: Path, capsys: pytest.CaptureFixture[str], handler: str, status: int, message: str
) -> None:
    path = archive("m", handler)
    assert main(["profile", str(path), "--requests", str(samples)]) == status
    assert message in capsys.readouterr().err


def test_what_is_no_archive_is_refused(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(tmp_path / "nothing.mar"), "--requests", str(samples)]) == 2
    assert "is no .mar file" in capsys.readouterr().err
