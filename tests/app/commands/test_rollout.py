"""`marserve rollout` on a real server under load."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from app.cli import main
from tests.conftest import MakeArchive
from tests.support.load import Load, status, until
from tests.support.processes import Server

GOOD = "def handle(data, context):\n    return data and ['ok'] * len(data)\n"
BAD = """
    from itertools import count
    TURN = count()
    def handle(data, context):
        if data and next(TURN) % 4 == 0:
            raise ValueError("bad")
        return data and ["ok"] * len(data)
"""


@pytest.fixture
def server(store: Path, archive: MakeArchive) -> Iterator[Server]:
    """Serves version 1.0 of the model `m`; 2.0 and 3.0 lie in the store, and 3.0 fails now and then."""
    archive("m", GOOD, file="m-1.0.mar")
    archive("m", GOOD, version="2.0", file="m-2.0.mar")
    archive("m", BAD, version="3.0", file="m-3.0.mar")
    with Server.of(store, "m=m-1.0.mar") as running:
        running.until_listening()
        until(lambda: status(f"{running.url}/v2/health/ready") == 200)
        yield running


def rollout(server: Server, *words: str) -> int:
    """The command, as it is typed."""
    return main(["rollout", "m", *words, "--url", server.url])


def rollout_under_load(server: Server, *words: str) -> tuple[int, Load]:
    """The command while clients ask, and what became of their requests."""
    with Load(server.url, 4, "m") as load:
        try:
            assert load.busy.wait(30)
            return rollout(server, *words), load
        finally:
            load.stop()


def default(server: Server) -> str:
    """The default version."""
    with urlopen(f"{server.url}/models/m") as found:
        return str(json.load(found)[0]["modelVersion"])


def test_a_good_version_is_rolled_out_without_a_failed_request(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--archive", "m-2.0.mar", "--steps", "10,50,100", "--hold", "30", "--shadow-first")
    status, load = rollout_under_load(server, "2.0", *words)
    told = capsys.readouterr().out
    assert status == 0, told
    assert "2.0 shadowing: 0% of the traffic" in told
    assert "2.0 completed: 100% of the traffic" in told
    assert default(server) == "2.0"
    assert (load.lost, load.statuses) == (0, {200})


def test_a_bad_version_goes_back(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--archive", "m-3.0.mar", "--steps", "50,100", "--hold", "100000")
    assert rollout_under_load(server, "3.0", *words)[0] == 4
    assert "3.0 rolled back, because " in capsys.readouterr().out  # of its errors, or of the time that they take
    assert default(server) == "1.0"


def test_mistakes_are_told_in_a_sentence(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert rollout(server, "9.0") == 1
    assert "Version 9.0 is not loaded" in capsys.readouterr().err
    assert rollout(server, "--pause") == 1
    assert "No rollout of model m is in progress." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        rollout(server)
    assert "--watch, --pause, --resume, --abort" in capsys.readouterr().err
