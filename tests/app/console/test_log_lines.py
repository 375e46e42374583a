"""The lines that a console shows."""

import logging
from pathlib import Path

import pytest

from app.console.log_lines import MAX_LINE_CHARACTERS, MAX_LINES, LogLines
from tests.conftest import MakeArchive
from tests.support.console_model import HANDLER
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_lines_of_models_and_of_the_server_are_taken_while_it_is_started(
    store: Path, archive: MakeArchive
) -> None:
    archive("upper", HANDLER.replace("raise", "print('it fails'); raise"))
    async with serving(store, "upper.mar") as client:
        log = LogLines(client.application.logs)
        await client.predict("upper", "fail")
        assert log.after(0) == ([], 0)
        log.start()
        await client.http.post("/predictions/upper", content="fail")
        logging.getLogger("marserve.test").warning("number %d", 7)
        log.stop()
        await client.http.post("/predictions/upper", content="fail")
    lines, missed = log.after(0)
    assert missed == 0
    described = [line.to_json() for line in lines]
    assert [each["text"] for each in described if "worker" not in each] == ["number 7"]
    of_model = [each for each in described if each.get("model") == "upper"]
    assert "it fails" in [each["text"] for each in of_model]
    assert any("ValueError: the text says so" in each["text"] for each in of_model)
    assert {each["version"] for each in of_model} == {"1.0"}


async def test_only_the_newest_lines_are_kept(store: Path) -> None:
    async with serving(store) as client:
        log = LogLines(client.application.logs)
    for number in range(MAX_LINES + 5):
        log.append("W-9000-upper_1.0", "INFO", str(number))
    lines, missed = log.after(0)
    assert (len(lines), missed, lines[-1].text) == (MAX_LINES, 5, str(MAX_LINES + 4))
    assert log.after(lines[-1].number) == ([], 0)
    log.append("", "ERROR", "a" * 50_000 + "the end")
    [line], _ = log.after(lines[-1].number)
    assert len(line.text) < MAX_LINE_CHARACTERS + 50
    assert line.text.endswith("the end")
