"""One archive in a server without addresses."""

import tempfile
from pathlib import Path

import pytest

from app.commands.check.archive_inspection import ArchiveInspection
from app.commands.check.runner import NOT_INSTALLED, CheckResult, check_archive, make_registration
from app.commands.sample_requests import Sample
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio
HANDLER = """
    print("loading")
    def handle(data, context):
        return [str(row["body"]) for row in data or ()]
"""
SAMPLE = Sample("here", "POST", "/", {"Content-Type": "text/plain"}, b"hello")


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without configuration, and a folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "temporary")


async def check(path: Path, *samples: Sample) -> tuple[CheckResult, list[str], list[ArchiveInspection]]:
    lines: list[str] = []
    shown: list[ArchiveInspection] = []
    result = await check_archive(path, samples, lines.append, shown.append, repeat=1)
    return result, lines, shown


async def test_an_archive_is_inspected_loaded_and_sent_requests(archive: MakeArchive) -> None:
    result, lines, shown = await check(archive("echo", HANDLER), SAMPLE)
    assert result.ok
    assert result.smoke_test is not None
    assert [request.start for request in result.smoke_test.requests] == ["hello"]
    assert lines[0] == "loading"
    assert shown == [result.inspection]
    assert result.as_json()["ok"] is True


async def test_a_failed_load_is_forwarded_once(archive: MakeArchive) -> None:
    result, lines, _ = await check(archive("broken", "print('before')\nraise LookupError('no weights')\n"))
    assert not result.ok
    assert result.smoke_test is not None
    assert result.smoke_test.error == "LookupError: no weights"
    assert lines == ["before"]


async def test_an_archive_that_does_not_open_has_an_error_and_no_inspection(store: Path) -> None:
    (store / "bad.tar.gz").write_text("no archive")
    result, _, shown = await check(store / "bad.tar.gz")
    assert (result.ok, result.inspection, shown) == (False, None, [])
    assert result.error


async def test_a_requirement_that_is_not_installed_is_a_problem(archive: MakeArchive) -> None:
    path = archive("needs", HANDLER, {"r.txt": "no-such-thing==1.0\n"}, requirementsFile="r.txt")
    _, _, (inspection,) = await check(path)
    assert inspection.problems == (NOT_INSTALLED,)


def test_a_folder_whose_handler_is_named_is_registered_by_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    registration = make_registration(tmp_path / "mine", "h.py")
    assert (registration.url, registration.fallback_name) == (str(tmp_path / "mine"), "mine")
    assert make_registration(tmp_path / "mine", None).url == "mine"
    assert make_registration(tmp_path / "store" / "a.mar", None).url == "a.mar"


async def test_a_folder_without_a_manifest_gets_one(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "first.py").write_text(
        "def handle(data, context):\n    return ['first' for row in data or ()]\n"
    )
    result, _, (inspection,) = await check(tmp_path / "mine", SAMPLE)
    assert (inspection.model, inspection.handler, inspection.problems) == ("mine", "first.py", ())
    assert result.ok
