"""A tuning session: an archive is opened once, and loaded anew for each setting."""

import tempfile
from pathlib import Path

import pytest

from app.commands.sample_requests import Sample
from app.commands.tune.search_space import Setting
from app.commands.tune.tuning_session import CannotTune, open_session
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio
HANDLER = """
    def handle(data, context):
        return [len(data)] * len(data) if data else None
"""
SAMPLE = Sample("here", "POST", "/", {"Content-Type": "text/plain"}, b"hello")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without configuration, which is the folder for temporary files as well."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "temporary")
    return tmp_path / "temporary"


async def test_settings_are_measured_on_one_unpacked_archive(archive: MakeArchive, temporary: Path) -> None:
    path = archive("m", HANDLER, config="maxBatchDelay: 3\n")
    async with open_session(path, [].append) as session:
        assert (await session.prepare([SAMPLE])).ok
        assert (session.name, session.delay(10)) == ("m", 3)
        for setting in (Setting(1, 1, None, 3), Setting(4, 2, None, 3)):
            found = await session.measure(setting, 8, 0.03, lambda _: False)
            assert found.ok
            assert found.batch <= setting.batch_size
            assert len(list((temporary / "models").iterdir())) == 1
    assert list((temporary / "models").iterdir()) == []


async def test_a_setting_that_does_not_load_has_an_error(archive: MakeArchive) -> None:
    source = """
        import os
        assert not os.path.exists("loaded"), "loaded twice"
        open("loaded", "w").close()
        def handle(data, context):
            return data and ["x"]
    """
    async with open_session(archive("once", source), [].append) as session:
        assert (await session.prepare([SAMPLE])).ok
        found = await session.measure(Setting(1, 1, None, 0), 1, 0.03, lambda _: False)
    assert found.error == "it does not load: loaded twice"


async def test_an_archive_without_a_request_cannot_be_tuned(archive: MakeArchive) -> None:
    with pytest.raises(CannotTune, match="no request to send"):
        async with open_session(archive("m", HANDLER), [].append) as session:
            await session.prepare([])


async def test_an_archive_that_does_not_open_cannot_be_tuned(store: Path) -> None:
    (store / "bad.tar.gz").write_text("no archive")
    with pytest.raises(CannotTune, match="bad"):
        async with open_session(store / "bad.tar.gz", [].append) as session:
            await session.prepare([SAMPLE])
