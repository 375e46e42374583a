"""Python models: their life, their answers, and what is wrong with some."""

from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from handler.errors import HandlerError
from handler.job import StreamChunk
from handler.tensors.errors import TensorError
from handler.tensors.requests import DEFERRED, TensorResponse
from tests.support.tensor_models import INT32, jobs, loaded, request, signature, spec_of, write_python_model

ONE = signature({"X": (INT32, [1])}, {"Y": (INT32, [1])})
HEAD = "class TritonPythonModel:\n"


def execute(tmp_path: Path, body: str, *, decoupled: bool = False, wait: int = 0) -> tuple[Any, list[Any]]:
    """The outcome of one request, and what was delivered beside it."""
    write_python_model(tmp_path, HEAD + body)
    service, delivered = loaded(spec_of(tmp_path, ONE, is_decoupled=decoupled)), SimpleQueue[Any]()
    (outcome,) = service.predict(jobs(request(ONE, X=[3])), lambda pairs: [delivered.put(one) for _, one in pairs])
    return outcome, [delivered.get(timeout=10) for _ in range(wait or delivered.qsize())]


def answer(outcome: Any) -> list[int]:
    assert isinstance(outcome, TensorResponse), outcome
    values: list[int] = outcome.outputs[0].array.tolist()
    return values


def message(outcome: Any) -> str:
    assert isinstance(outcome, HandlerError)
    return str(outcome)


def test_a_model_has_a_life(tmp_path: Path) -> None:
    source = HEAD + (
        "    def initialize(self, args): self.args = args\n"
        "    def execute(self, requests):\n"
        "        from beside import PLUS\n"
        "        values = [request.inputs()[0].as_numpy() + PLUS for request in requests]\n"
        "        return [pb_utils.InferenceResponse([pb_utils.Tensor('Y', value)]) for value in values]\n"
        "    def finalize(self):\n"
        "        import pathlib\n"
        "        end = pathlib.Path(self.args['model_repository'], 'end')\n"
        "        end.write_text(self.args['model_instance_name'])\n"
    )
    write_python_model(tmp_path, source)
    (tmp_path / "beside.py").write_text("PLUS = 4")
    service = loaded(spec_of(tmp_path, ONE))
    assert answer(service.predict(jobs(request(ONE, X=[3])), print)[0]) == [7]
    service.close()
    assert (tmp_path / "end").read_text() == "m_0"


@pytest.mark.parametrize(("body", "words"), [
    ("    def execute(self, requests): raise ValueError('no')", "ValueError: no\n\nAt:\n  "),
    ("    def execute(self, requests): return 'x'", "Expected a list in the execute return, found type '<class 'str"),
    ("    def execute(self, requests): return ['x']", "Expected an 'InferenceResponse' object in the execute function"),
    ("    def execute(self, requests): return []", "size is:1, and InferenceResponse(s) size is:0\n"),
    ("    def execute(self, requests): return None", "whose response sender it did not use"),
    ("    pass", "does not implement `execute` method."),
])  # fmt: skip
def test_what_is_wrong_fails_the_batch_in_tritons_words(tmp_path: Path, body: str, words: str) -> None:
    outcome, _ = execute(tmp_path, body)
    assert message(outcome).startswith("Failed to process the request(s) for model 'm_0', message: ")
    assert words in message(outcome)


@pytest.mark.parametrize(("source", "words"), [
    ("raise ImportError('gone')", "ImportError: gone"),
    ("class TritonPythonModel(:", "SyntaxError"),
    ("class Other: pass", "has no attribute 'TritonPythonModel'"),
    (HEAD + "    def initialize(self, args): 1 / 0", "ZeroDivisionError: division by zero\n\nAt:\n"),
])  # fmt: skip
def test_a_model_that_cannot_start_says_why(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        loaded(spec_of(write_python_model(tmp_path, source), ONE))
    assert words in caught.value.message


def test_a_coroutine_runs_on_a_loop_of_the_instance(tmp_path: Path) -> None:
    outcome, _ = execute(tmp_path, (
        "    async def execute(self, requests):\n"
        "        import asyncio\n"
        "        await asyncio.sleep(0)\n"
        "        return [pb_utils.InferenceResponse([request.inputs()[0]]) for request in requests]\n"
    ))  # fmt: skip
    assert answer(outcome) == [3]


def test_a_sender_answers_once_where_the_model_is_not_decoupled(tmp_path: Path) -> None:
    outcome, delivered = execute(tmp_path, (
        "    def execute(self, requests):\n"
        "        sender = requests[0].get_response_sender()\n"
        "        sender.send(pb_utils.InferenceResponse([pb_utils.Tensor('Y', np.array([1], np.int32))]), flags=1)\n"
        "        try: sender.send(flags=1)\n"
        "        except RuntimeError as error: assert 'closed' in str(error)\n"
        "        else: raise SystemExit\n"
    ))  # fmt: skip
    assert outcome is DEFERRED
    assert answer(delivered[0]) == [1]


def test_a_decoupled_model_answers_later_and_often(tmp_path: Path) -> None:
    outcome, delivered = execute(tmp_path, (
        "    def execute(self, requests):\n"
        "        import threading\n"
        "        threading.Thread(target=self.answer, args=[requests[0].get_response_sender()]).start()\n"
        "    def answer(self, sender):\n"
        "        for value in range(2):\n"
        "            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor('Y', np.array([value], np.int32))]))\n"
        "        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)\n"
    ), decoupled=True, wait=3)  # fmt: skip
    assert outcome is DEFERRED
    assert [answer(one.output) for one in delivered[:2] if isinstance(one, StreamChunk)] == [[0], [1]]
    assert delivered[2].is_empty


def test_a_decoupled_model_returns_nothing(tmp_path: Path) -> None:
    outcome, _ = execute(tmp_path, "    def execute(self, requests): return []", decoupled=True)
    assert "the execute function must return None" in message(outcome)
