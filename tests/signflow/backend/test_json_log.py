"""The lines of the backend's log."""

import io
import json
import logging
from pathlib import Path

from signflow.backend.json_log import JsonLines


def test_a_log_line_is_one_object_with_its_extras_and_exceptions() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("signflow.test")
    log.addHandler(handler)
    log.warning("The %s\nis new", "line", extra={"event": "fallback", "place": Path("here")})
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    log.removeHandler(handler)
    first, second = map(json.loads, written.getvalue().splitlines())
    assert {**first, "time": 0} == {
        "time": 0, "level": "WARNING", "logger": "signflow.test", "message": "The line\nis new", "event": "fallback",
        "place": "here",
    }  # fmt: skip
    assert "ValueError: broken" in second["exception"]
