"""`os.environ` for an archive's code, and for all other code."""

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.isolation.process.environ import Environment
from tests.conftest import MakeArchive
from tests.support.one_worker import Make, OneWorker, workers_in, write
from tests.support.serving import serving

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
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


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


def test_what_an_archive_changes_is_its_own(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As two archives do that both keep a path or a name in a variable."""
    monkeypatch.setenv("PLAIN", "plain")
    monkeypatch.setenv("OTHER", "other")
    source = """
import os
os.environ["PLAIN"] = {0!r}
os.environ.update(ADDED={0!r})
del os.environ["OTHER"]
os.environ.setdefault("ADDED", "not this")
def answer():
    return os.environ["PLAIN"], os.getenv("ADDED"), os.environ.get("OTHER"), os.environ.copy()["PLAIN"], *programs()
def programs():
    import subprocess
    yield subprocess.check_output("echo $PLAIN $ADDED $OTHER", shell=True, text=True)
    with os.popen("echo $PLAIN") as output:
        yield output.read()
    yield os.system("test $PLAIN = {0}"), os.system("exit 3")
"""
    workers = [make(name, handler=source.format(name)) for name in ("a", "b")]
    for worker in workers:
        worker.load()
    for worker, who in zip(workers, ("a", "b"), strict=True):
        assert worker.call("answer") == (who, who, None, who, f"{who} {who}\n", f"{who}\n", (0, 3 << 8))
    assert (os.environ["PLAIN"], os.environ["OTHER"], "ADDED" in os.environ) == ("plain", "other", False)


def test_libraries_written_in_c_find_what_was_set_but_not_what_decides_over_devices(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("PLAIN", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    names = "PLAIN", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"
    source = f"import os\nfor name in {names}: os.environ[name] = '1'\nanswer = [os.environ[name] for name in {names}]"
    assert make("a", handler=source).load().answer == ["1", "1", "1"]
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_char_p
    assert [library.getenv(name.encode()) for name in names] == [b"1", b"7", b"7"]
    only = "changed CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS for itself and its programs only"
    assert caplog.messages == [
        f"W-9000-a: its load {only}, since all models share devices and threads",
        "W-9000-a: its load changed PLAIN for itself; libraries written in C find what any model has set last",
    ]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("os.environ['A'] = 1", "str expected, not int"),
        ("os.environ[1] = 'a'", "str expected, not int"),
        ("os.environ['A=B'] = 'a'", "illegal environment variable name"),
        ("os.environ['A'] = 'a\\0'", "embedded null byte"),
        ("del os.environ['NOT_THERE']", "NOT_THERE"),
    ],
)
def test_mistakes_are_told_as_ever(make: Make, statement: str, error: str) -> None:
    with pytest.raises((TypeError, ValueError, KeyError), match=error):
        make("a", handler=f"import os\n{statement}").load()


@pytest.mark.anyio
async def test_the_configuration_says_what_is_hidden(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    archive("shows", SHOWS)
    async with serving(store, "shows.mar", blacklist_env_vars="SECRET.*", decode_input_request="false") as client:
        assert (await client.predict("shows")).json() == [None, "false"]
