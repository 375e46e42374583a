"""What an archive's code finds in `os.environ`, and what everybody else does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handler.isolation.environment import Environment
from tests.conftest import MakeArchive
from tests.one_worker import OneWorker, write
from tests.serving import serving

SHOW = [
    sys.executable,
    "-c",
    "import os; print(os.environ.get('SECRET_KEY'), os.environ.get('TS_DECODE_INPUT_REQUEST'))",
]
SHOWS = """
    import os
    def handle(data, context):
        return data and [[os.environ.get(name) for name in ("SECRET_KEY", "TS_DECODE_INPUT_REQUEST")]] * len(data)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OneWorker:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("PLAIN", "plain")
    environment = Environment(re.compile("SECRET_.*"), {"TS_DECODE_INPUT_REQUEST": "true"})
    return OneWorker(write(tmp_path, {"handler.py": ""}), environment=environment)


def test_archives_do_not_see_what_is_hidden_from_them(worker: OneWorker) -> None:
    assert worker.run(os.getenv, "SECRET_KEY") is None
    assert "SECRET_KEY" not in worker.run(lambda: dict(os.environ))
    assert worker.run(lambda: "SECRET_KEY" in os.environ) is False
    with pytest.raises(KeyError):
        worker.run(lambda: os.environ["SECRET_KEY"])
    assert "hush" not in worker.run(lambda: repr(os.environ))


def test_archives_see_everything_else_and_what_torchserve_adds(worker: OneWorker) -> None:
    seen = worker.run(os.environ.copy)
    assert (seen["PLAIN"], seen["TS_DECODE_INPUT_REQUEST"]) == ("plain", "true")
    assert worker.run(lambda: len(os.environ)) == len(seen)


def test_the_server_sees_the_environment_as_it_is(worker: OneWorker) -> None:
    assert os.environ["SECRET_KEY"] == "hush"
    assert "SECRET_KEY" in dict(os.environ)
    assert len(os.environ) == len(dict(os.environ))


def test_the_programs_that_an_archive_starts_see_what_it_sees(worker: OneWorker) -> None:
    assert worker.run(lambda: subprocess.check_output(SHOW, text=True)) == "None true\n"
    assert subprocess.check_output(SHOW, text=True) == "hush None\n"


def test_a_program_gets_the_environment_that_it_is_given(worker: OneWorker) -> None:
    given = {**os.environ, "TS_DECODE_INPUT_REQUEST": "given"}
    assert worker.run(lambda: subprocess.check_output(SHOW, text=True, env=given)) == "hush given\n"


def test_what_an_archive_sets_is_set_for_the_process(worker: OneWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIN", "to be restored")
    worker.run(lambda: os.environ.update(PLAIN="changed"))
    assert os.environ["PLAIN"] == "changed"


@pytest.mark.anyio
async def test_the_configuration_says_what_is_hidden(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    archive("shows", SHOWS)
    async with serving(store, "shows.mar", blacklist_env_vars="SECRET.*", decode_input_request="false") as client:
        assert (await client.predict("shows")).json() == [None, "false"]
