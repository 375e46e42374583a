"""The suite's parts: every test is in one, and one that fails or hangs says so."""

import sys
from pathlib import Path

import pytest

from tests.run import parts, run_part


def test_every_test_is_in_a_part(tmp_path: Path) -> None:
    for name in ("app/api/test_a.py", "system/test_b.py", "support/help.py", "test_c.py", "zebra/test_d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert parts(tmp_path) == ["app", "system", "test_c.py", "zebra"]
    assert {"handler", "model_registry", "test_marserve.py"} < set(parts())


@pytest.mark.anyio
async def test_a_part_says_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_part("good", (sys.executable, "-c", "print('dots'); print('5 passed')"))
    assert not await run_part("bad", (sys.executable, "-c", "print('what failed'); exit(3)"))
    assert capsys.readouterr().out == "good: 5 passed\nwhat failed\nbad failed with status 3\n"


@pytest.mark.anyio
async def test_a_part_that_hangs_is_stopped_and_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    hangs = "import faulthandler, threading\nfaulthandler.enable()\ndef waits(): threading.Event().wait()\nwaits()"
    assert not await run_part("slow", (sys.executable, "-c", hangs), limit_seconds=5)
    told = capsys.readouterr().out
    assert "in waits" in told
    assert told.endswith("slow did not end within 5 s\n")
