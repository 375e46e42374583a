"""Progress is shown on a terminal only."""

import sys

import pytest

from app.commands.progress import show_progress


@pytest.mark.parametrize(("is_terminal", "written"), [(True, "\r\x1b[Kone\r\x1b[K"), (False, "")])
def test_a_line_replaces_the_last_one(
    is_terminal: bool, written: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    show_progress("one")
    show_progress("")
    assert capsys.readouterr().err == written
