"""The first answer of a server, of this one and of none."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.first_answer import first_answer, main
from tests.support.free_ports import free_port

HANDLER = "def handle(data, context):\n    return data and [row['body']['text'].upper() for row in data]\n"
MARSERVE = (sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())")


def test_a_server_and_what_it_has_started_are_measured_and_ended(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(HANDLER)
    port = free_port()
    url = f"http://127.0.0.1:{port}/predictions/{tmp_path.name}"
    for _ in range(2):  # the first one has ended
        found = first_answer(url, (*MARSERVE, "serve", str(tmp_path), "--port", str(port)))
        assert found.cpu_seconds > 0
        assert found.processes >= 1
        assert found.memory > 1e6
    assert "process(es)" in str(found)


def test_a_command_that_ends_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has not answered"):
        main([f"http://127.0.0.1:{free_port()}/", sys.executable, "-c", "pass"])
