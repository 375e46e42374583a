"""`marserve switch` on a server under load, and with versions that cannot be switched to."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from app.cli import main
from tests.conftest import MakeArchive
from tests.support.load import Load, status, until
from tests.support.processes import Server

HANDLER = """
    import time
    def handle(data, context):
        if data:
            time.sleep(0.005)
            if any(row["body"] == "odd" for row in data):
                raise ValueError("odd")
            return ["{}"] * len(data)
"""


@pytest.fixture
def server(store: Path, archive: MakeArchive) -> Iterator[Server]:
    """Serves version 1.0 of the model `says`, which answers its version."""
    for version in ("1.0", "2.0"):
        archive("says", HANDLER.format(version), version=version, file=f"says-{version}.mar")
    archive("says", "import not_there", version="3.0", file="says-3.0.mar")
    with Server.of(store, "says=says-1.0.mar") as running:
        running.until_listening()
        until(lambda: status(f"{running.url}/v2/health/ready") == 200)
        yield running


def answer(server: Server) -> str:
    """The answer to a request that names no version."""
    with urlopen(Request(f"{server.url}/predictions/says", b"x", {"Content-Type": "text/plain"})) as found:
        return str(found.read().decode())


def versions(server: Server) -> list[str]:
    """The registered versions."""
    with urlopen(f"{server.url}/models/says/all") as found:
        return [description["modelVersion"] for description in json.load(found)]


def switch(server: Server, *words: str) -> int:
    """The command, as it is typed."""
    return main(["switch", "says", *words, "--url", server.url])


def test_no_request_fails_while_versions_change_and_later_ones_are_the_new_versions(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "smoke.txt").write_text("x")
    with Load(server.url, 8, "says") as load:
        assert load.busy.wait(30)
        assert switch(server, "2.0", "--archive", "says-2.0.mar", "--smoke", str(tmp_path / "smoke.txt")) == 0
        assert {answer(server) for _ in range(20)} == {"2.0"}
        load.stop()
    assert (load.lost, load.statuses) == (0, {200})
    assert versions(server) == ["2.0"]
    errors = capsys.readouterr().err
    assert "says 2.0 is the default now." in errors
    assert "says 1.0 has answered what it had accepted, and is unregistered." in errors


def test_a_version_that_does_not_load_changes_nothing(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert switch(server, "3.0", "--archive", "says-3.0.mar") == 1
    assert (answer(server), versions(server)) == ("1.0", ["1.0"])
    reason = "ModuleNotFoundError: No module named 'not_there'. Remedy: if not_there is yours, archive it"
    expected = f"Not switched: 500: Failed to start workers for model says version: 3.0: {reason}"
    assert expected in capsys.readouterr().err


def test_a_version_that_fails_its_smoke_request_is_taken_out_again(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for body in ("x", "odd"):
        (tmp_path / f"{body}.txt").write_text(body)
    smoke = ["--smoke", str(tmp_path / "x.txt"), str(tmp_path / "odd.txt")]
    assert switch(server, "2.0", "--archive", "says-2.0.mar", *smoke) == 1
    assert (answer(server), versions(server)) == ("1.0", ["1.0"])
    errors = capsys.readouterr().err
    assert "odd.txt failed with 503: Prediction failed" in errors
    assert "says 2.0 is unregistered again." in errors


def test_an_archive_of_another_version_is_taken_out_again(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert switch(server, "4.0", "--archive", "says-2.0.mar") == 1
    assert versions(server) == ["1.0"]
    assert "says-2.0.mar holds 2.0, not version 4.0" in capsys.readouterr().err


def test_one_may_keep_the_old_version_and_go_back_to_it(server: Server) -> None:
    assert switch(server, "2.0", "--archive", "says-2.0.mar", "--keep") == 0
    assert (answer(server), sorted(versions(server))) == ("2.0", ["1.0", "2.0"])
    assert switch(server, "1.0") == 0
    assert (answer(server), versions(server)) == ("1.0", ["1.0"])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["1.0", "--archive", "says-1.0.mar"], "has a version 1.0 already"),
        (["9.0"], "has no version 9.0; name its archive"),
        (["2.0", "--archive", "nowhere.mar"], "404: Model not found at: nowhere.mar: "),
        (["1.0", "--smoke", "no_such_file"], "No such file"),
    ],
)
def test_an_impossible_switch_is_refused_with_its_reason(
    server: Server, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert switch(server, *words) == 1
    assert reason in capsys.readouterr().err
    assert versions(server) == ["1.0"]


def test_a_server_that_asks_for_a_token_gets_it(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("1.0", "2.0"):
        archive("says", HANDLER.format(version), version=version, file=f"says-{version}.mar")
    environ = {"K_SERVICE": "on a platform", "MARSERVE_MANAGEMENT_TOKEN": "secret"}
    with Server.of(store, "says=says-1.0.mar", environ=environ) as server:
        server.until_listening()
        assert switch(server, "2.0", "--archive", "says-2.0.mar") == 1
        assert "Not switched: 401: Management needs" in capsys.readouterr().err
        monkeypatch.setenv("MARSERVE_MANAGEMENT_TOKEN", "secret")
        assert switch(server, "2.0", "--archive", "says-2.0.mar") == 0
        assert answer(server) == "2.0"


def test_without_a_server_nothing_is_switched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["switch", "says", "2.0", "--url", "http://127.0.0.1:9"]) == 1
    assert "Not switched: http://127.0.0.1:9 cannot be reached: ConnectionRefusedError" in capsys.readouterr().err


def test_an_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["switch", "says", "2.0", "--url", "ftp://server"])
    assert "argument --url: ftp://server is no address such as http" in capsys.readouterr().err
