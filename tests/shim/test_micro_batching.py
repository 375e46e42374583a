"""Batches in parts: ts.handler_utils.micro_batching, and the streamer for batches of texts."""

import gc
import importlib
import sys
import threading
import types

import pytest
import torch
from ts.context import Context, RequestProcessor
from ts.handler_utils.micro_batching import HANDLER_METHODS, MicroBatching
from ts.metrics.metrics_store import MetricsStore
from ts.torch_handler.base_handler import BaseHandler


class Doubler(BaseHandler):
    """Doubles numbers and notes which part passed which stage; does not call its base class."""

    def __init__(self, size=2, parallelism=None):
        self.log = []
        self.handle = MicroBatching(self, size, parallelism)

    def record(self, stage, data):
        self.log.append((stage, self.handle.get_micro_batch_idx(), list(data)))
        return data

    def preprocess(self, data):
        return self.record("preprocess", data)

    def inference(self, data):
        return [number * 2 for number in self.record("inference", data)]

    def postprocess(self, data):
        return self.record("postprocess", data)

    def describe_handle(self):
        return "doubles"

    def explain_handle(self, prepared, raw):
        return ["explained", prepared, raw]


@pytest.fixture
def made():
    """Make handlers whose threads end with the test."""
    handlers = []

    def make(kind=Doubler, **options):
        handlers.append(kind(**options))
        return handlers[-1]

    yield make
    for handler in handlers:
        handler.handle.shutdown()


def make_context(**headers):
    """A context for one request."""
    context = Context("m", "/d", {}, 1, None, "0.12.0", metrics=MetricsStore("id", "m"))
    context.request_processor = [RequestProcessor(headers)]
    return context


def threads_of(stage):
    """The number of threads of a stage."""
    return sum(thread.name == f"micro-batch-{stage}" for thread in threading.enumerate())


def test_a_batch_passes_in_parts_and_comes_back_in_order(made):
    handler, context = made(), make_context()
    assert handler.handle([1, 2, 3, 4, 5], context) == [2, 4, 6, 8, 10]
    assert [metric.name for metric in context.metrics.store] == ["HandlerTime"]
    assert handler.context is context
    assert sorted(handler.log) == [
        ("inference", 0, [1, 2]),
        ("inference", 1, [3, 4]),
        ("inference", 2, [5]),
        ("postprocess", 0, [2, 4]),
        ("postprocess", 1, [6, 8]),
        ("postprocess", 2, [10]),
        ("preprocess", 0, [1, 2]),
        ("preprocess", 1, [3, 4]),
        ("preprocess", 2, [5]),
    ]


def test_an_empty_batch_passes_no_stage(made):
    handler = made()
    assert (handler.handle([], make_context()), handler.log) == ([], [])


def test_answers_may_be_any_iterable(made):
    class Generating(Doubler):
        def inference(self, data):
            return torch.tensor(data)

        def postprocess(self, data):
            return (number.item() for number in data)

    assert made(Generating).handle([1, 2, 3], make_context()) == [1, 2, 3]


def test_descriptions_and_explanations_are_made_in_one_piece(made):
    handler = made()
    assert handler.handle([1, 2, 3], make_context(describe="True")) == ["doubles"]
    assert handler.handle([1, 2, 3], make_context(explain="True")) == ["explained", [1, 2, 3], [1, 2, 3]]
    assert handler.log == [("preprocess", None, [1, 2, 3])]


def test_an_exception_in_a_stage_reaches_the_caller_and_the_next_batch_is_fine(made):
    """In TorchServe it ends the stage's thread, and the request hangs for ever."""

    class Picky(Doubler):
        def inference(self, data):
            if 3 in data:
                raise ValueError("no threes")
            return super().inference(data)

    handler = made(Picky)
    with pytest.raises(ValueError, match="no threes"):
        handler.handle([1, 2, 3, 4, 5], make_context())
    assert handler.handle([1, 2, 4], make_context()) == [2, 4, 8]


def test_stages_have_as_many_threads_as_they_are_given(made):
    handler = made(parallelism={"inference": 2})
    assert [threads_of(stage) for stage in HANDLER_METHODS] == [1, 2, 1]
    handler.handle.parallelism = {"preprocess": 2}
    assert [threads_of(stage) for stage in HANDLER_METHODS] == [2, 1, 1]
    assert handler.handle.parallelism == {"preprocess": 2}
    assert handler.handle([1, 2, 3], make_context()) == [2, 4, 6]
    assert repr(handler.handle) == "<MicroBatching by 2: 2 x preprocess, 1 x inference, 1 x postprocess>"


def test_only_the_three_stages_can_be_given_threads(made):
    with pytest.raises(AssertionError, match="stages are"):
        made().handle.parallelism = {"predict": 2}


def test_the_size_of_parts_can_change(made):
    handler = made()
    handler.handle.micro_batch_size = 3
    handler.handle([1, 2, 3], make_context())
    assert ("inference", 0, [1, 2, 3]) in handler.log


def test_shutdown_ends_the_threads():
    handler = Doubler()
    handler.handle.shutdown()
    handler.handle.shutdown()
    assert [threads_of(stage) for stage in HANDLER_METHODS] == [0, 0, 0]


def test_a_handler_that_nobody_holds_takes_its_threads_with_it():
    handler = Doubler()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("micro-batch-")]
    assert len(threads) == 3
    del handler
    gc.collect()
    for thread in threads:
        thread.join(5)
    assert [thread.is_alive() for thread in threads] == [False] * 3


@pytest.fixture
def streamer(monkeypatch):
    """The streamer's class, with a stand-in for transformers whose pieces are the tokens themselves."""

    class TextIteratorStreamer:
        def __init__(self, tokenizer, skip_prompt, timeout, **options):
            self.pieces = []

        def put(self, tokens):
            self.pieces.append(str(tokens.tolist()))

        def end(self):
            self.pieces.append(None)

        def __next__(self):
            if self.pieces[0] is None:
                raise StopIteration
            return self.pieces.pop(0)

    streamers = types.ModuleType("transformers.generation.streamers")
    streamers.BaseStreamer, streamers.TextIteratorStreamer = object, TextIteratorStreamer
    for name in ("transformers", "transformers.generation"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "transformers.generation.streamers", streamers)
    monkeypatch.delitem(sys.modules, "ts.handler_utils.hf_batch_streamer", raising=False)
    return importlib.import_module("ts.handler_utils.hf_batch_streamer").TextIteratorStreamerBatch


def test_generated_texts_are_streamed_side_by_side(streamer):
    stream = streamer("tokenizer", 2, skip_special_tokens=True)
    stream.put(torch.tensor([[1, 2], [3, 4]]))
    stream.put(torch.tensor([5, 6]))
    stream.end()
    assert list(stream) == [[{"text": "[[1, 2]]"}, {"text": "[[3, 4]]"}], [{"text": "[5]"}, {"text": "[6]"}]]


def test_a_text_that_ends_early_falls_silent(streamer):
    stream = streamer("tokenizer", 2)
    stream.streamers[0].end()
    stream.put(torch.tensor([5, 6]))
    stream.end()
    assert next(stream) == [{"text": ""}, {"text": "[6]"}]


def test_tokens_for_another_number_of_texts_are_refused(streamer):
    with pytest.raises(
        ValueError, match=r"batch size is set to 1 but got input tensor of shape torch.Size\(\[2, 1\]\)"
    ):
        streamer("tokenizer", 1).put(torch.tensor([[1], [2]]))
