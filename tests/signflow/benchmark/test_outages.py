"""The measurement of outages, run against a real server: no sign is lost, and the table says why each was local."""

import logging
from pathlib import Path

import pytest

from app.initial_models.sample_archives import build_samples
from signflow.benchmark import outages


@pytest.mark.slow
def test_every_sign_is_translated_in_every_state_of_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "signflow")  # put back at the end; the command silences it
    build_samples(tmp_path)
    outages.main([str(tmp_path), "--signs", "6", "--hedge-ms", "50"])
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    states = {row[0]: row for row in rows if len(row) == 6 and row[1].isdigit()}
    assert {row[1] for row in states.values()} == {"6"}
    unanswered = ("slow: 0.5 s more", "stopped (SIGSTOP)", "killed", "a port that never accepts")
    assert {name: int(states[name][2]) for name in unanswered} == dict.fromkeys(unanswered, 6)
    assert "protocol 3" in states["every second request fails"][3]
    assert states["slow: 0.5 s more"][3] == "slow 6"
    assert "connect" in states["killed"][3]
