"""`marserve tune`: real archives, served in different ways under a short load."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.commands.tune.command import SearchSpace, main, make_axes
from model_registry.archive.model_yaml import server_settings
from tests.conftest import MakeArchive

WAITS = """
    import time
    def handle(data, context):
        if data:
            time.sleep(0.002)
            return [{"rows": len(data)} for row in data]
"""
OPTIONS = ["--seconds", "0.03", "--concurrency", "8", "--workers", "1"]


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without configuration."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sample(tmp_path: Path) -> str:
    (tmp_path / "input.json").write_text("[1]")
    return str(tmp_path / "input.json")


def tune(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = main([*words, *OPTIONS, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_batches_win_where_a_call_costs_the_same_however_many_rows_it_has(
    archive: MakeArchive, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = tune(
        capsys, str(archive("waits", WAITS)), "--request", sample, "--batch-sizes", "1,8", "--threads", "1"
    )
    assert status == 0
    assert found["best"]["setting"]["batch_size"] == 8
    assert [each["setting"]["batch_size"] for each in found["settings"]] == [1, 8]
    alone, together = found["settings"]
    assert alone["batch"] == 1
    assert together["batch"] > 4
    assert 2 < alone["p50"] <= alone["p95"] <= alone["p99"]
    config = server_settings(yaml.safe_load(found["config"]))
    assert config == {"min_workers": 1, "max_workers": 1, "batch_size": 8, "max_batch_delay": 10, "threads": 1}


def test_a_person_gets_a_table_with_an_arrow_and_the_lines_to_write(
    archive: MakeArchive, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("waits", WAITS, config="maxBatchDelay: 3\n")
    assert main([str(path), "--request", sample, *OPTIONS, "--batch-sizes", "2", "--threads", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.err.startswith("1 of about 1: batch size 2, workers 1, threads 1, delay 3 ms: ")
    lines = shown.out.splitlines()
    assert lines[0] == "waits on cpu, 8 clients, without HTTP:"
    assert lines[2].split()[:5] == ["->", "2", "1", "1", "3"]
    assert lines[-5:] == ["minWorkers: 1", "maxWorkers: 1", "batchSize: 2", "maxBatchDelay: 3", "threads: 1"]


def test_a_limit_that_nothing_keeps_to_is_reported(
    archive: MakeArchive, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(archive("waits", WAITS))
    assert main([path, "--request", sample, *OPTIONS, "--batch-sizes", "1", "--p95", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "  too slow\n" in out
    assert "Nothing keeps to a p95 of 0.1 ms; this comes nearest, for model-config.yaml:" in out


def test_the_requests_of_the_warm_up_are_samples(archive: MakeArchive, capsys: pytest.CaptureFixture[str]) -> None:
    config = "warmup:\n- json: [1]\n"
    assert tune(capsys, str(archive("waits", WAITS, config=config)), "--batch-sizes", "1")[0] == 0
    status, found = tune(capsys, str(archive("bare", WAITS)), "--batch-sizes", "1")
    assert (status, found["ok"]) == (1, False)
    assert "--request" in found["error"]


def test_a_handler_that_fails_shows_its_traceback_once(
    archive: MakeArchive, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("fails", "def handle(data, context):\n    if data: raise LookupError('no such flower')\n")
    assert main([str(path), "--request", sample, *OPTIONS]) == 1
    shown = capsys.readouterr()
    assert shown.out.count("LookupError: no such flower") == 1
    assert shown.out.endswith("FAILED       a request failed: Prediction failed\n")
    assert shown.err == ""


def test_a_handler_that_does_not_load_shows_its_traceback_once(
    archive: MakeArchive, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("broken", "raise LookupError('no weights')\n")
    assert main([str(path), "--request", sample, *OPTIONS]) == 1
    out = capsys.readouterr().out
    assert out.count("Traceback") == 1
    assert out.endswith("FAILED       it does not load: LookupError: no weights\n")


def test_a_setting_that_fails_is_reported_and_does_not_win(
    archive: MakeArchive, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handler that forgets that there may be several rows is as common as any."""
    path = str(archive("single", "def handle(data, context):\n    return data and [data[0]['body']]\n"))
    status, found = tune(capsys, path, "--request", sample, "--batch-sizes", "1,4", "--threads", "1")
    assert status == 0
    assert found["best"]["setting"]["batch_size"] == 1
    assert found["settings"][1]["error"] == "number of batch response mismatched"
    assert found["settings"][1]["errors"] >= 20


def test_files_that_are_not_there(sample: str, archive: MakeArchive, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.mar", "--request", sample]) == 2
    assert capsys.readouterr().err == "marserve tune: nowhere.mar does not exist\n"
    assert main([str(archive("waits", WAITS)), "--request", "nothing.json"]) == 2
    assert capsys.readouterr().err == "marserve tune: nothing.json: No such file or directory\n"


@pytest.mark.parametrize("words", [["--batch-sizes", "0"], ["--workers", "x"], ["--seconds", "0"]])
def test_invalid_numbers_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.mar", *words])
    assert f"argument {words[0]}: invalid" in capsys.readouterr().err


def layouts(cores: int, **options: Any) -> list[tuple[int, int | None]]:
    space = SearchSpace(workers=options.pop("workers", None), threads=options.pop("threads", None))
    axes = make_axes(space, cores, **{"gpu": False, "threads_matter": True, **options})
    return [(change["workers"], change["threads"]) for change in axes[1]]


def test_workers_and_threads_follow_from_the_machine() -> None:
    assert layouts(2) == [(1, None), (2, None), (1, 1), (1, 2)]
    assert layouts(2, threads_matter=False) == [(1, None), (2, None)]
    assert layouts(1) == [(1, None)]
    assert layouts(16, gpu=True) == [(1, None), (2, None)]
    assert layouts(16, workers=[1, 4])[2:] == [(1, 8), (1, 16), (4, 2), (4, 4)]
    assert layouts(2, workers=[3], threads=[5]) == [(3, 5)]
