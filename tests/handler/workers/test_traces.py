"""Tracebacks begin where the archive's code does."""

from handler.workers.traces import own_traceback


def test_frames_of_the_server_before_the_archives_are_left_out() -> None:
    archive = {"__name__": "archive"}
    exec("def fail():\n    raise ValueError('broken')", archive)
    server = {"__name__": "handler.workers.loader", "fail": archive["fail"]}
    exec("def load():\n    fail()", server)
    own = {"__name__": "app.cli", "load": server["load"]}
    exec("try:\n    load()\nexcept ValueError as error:\n    caught = error", own)
    lines = own_traceback(own["caught"])
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if " in " in line] == ['  File "<string>", line 2, in fail']
    assert lines[-1] == "ValueError: broken"


def test_an_error_without_a_traceback_is_a_line() -> None:
    assert own_traceback(ValueError("broken")) == ["ValueError: broken"]
