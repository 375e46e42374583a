"""The service in a process, and the surroundings that its handler finds there."""

import os
from pathlib import Path

import pytest

from handler.workers.process.child_service import ChildEnvironment, OwnPython
from tests.support.process_service import Make


def test_the_archives_modules_are_those_that_python_finds(tmp_path: Path) -> None:
    (tmp_path / "own.py").touch()
    modules = OwnPython(tmp_path)
    assert (modules.holds("own"), modules.holds("missing"), modules.forbids("json")) == (True, False, True)
    assert modules.load("json").__name__ == "json"


@pytest.mark.parametrize("allowed", [True, False])
def test_any_object_may_be_loaded_while_the_handler_is(tmp_path: Path, allowed: bool) -> None:
    with ChildEnvironment(tmp_path, allowed).loading():
        assert os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD") == ("1" if allowed else None)
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ


def test_chunks_go_before_their_answer(make: Make) -> None:
    source = """
        from ts.handler_utils.utils import send_intermediate_predict_response
        def handle(data, context):
            if data:
                send_intermediate_predict_response(["piece"], context.request_ids, "", 200, context)
            return data and ["end"]
    """
    chunks: list[bytes] = []
    answer = make(source).ask("x", deliver=lambda outcomes: chunks.append(outcomes[0][1].output.body))
    assert (chunks, answer) == ([b"piece"], ["end"])
