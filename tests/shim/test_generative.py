"""TorchServe's generative side: its handler for vLLM, and its launcher of language models."""

import asyncio
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ts.llm_launcher
import yaml
from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.service import PredictionException

from tests.support.fake_vllm import modules

CONFIG = {
    "handler": {
        "model_path": "weights",
        "vllm_engine_config": {"max_num_seqs": 16, "served_model_name": ["m", "alias"], "unknown": 1},
        "adapters": {"small": "adapters/small"},
    }
}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop of the thread."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
    """An initialized vLLM handler, and its context."""
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    found = importlib.import_module("ts.torch_handler.vllm_handler").VLLMHandler()
    found.context = Context("m", str(tmp_path), {}, 1, None, "0.12.0", True, MetricsCacheYamlImpl({}), CONFIG)
    found.context.metrics.model_name, found.context.metrics.sink = "m", lambda *metric: None
    found.initialize(found.context)
    yield found
    sys.modules.pop("ts.torch_handler.vllm_handler")


def ask(handler: Any, loop: asyncio.AbstractEventLoop, path: str, **body: Any) -> Any:
    """The answer, after the pieces that were sent before it."""
    pieces: list[Any] = []
    context = handler.context
    context.request_ids, context.metrics.request_ids = {0: "id"}, {0: "id"}
    context.request_processor = [RequestProcessor({"url_path": path})]
    context.send_piece = lambda index, piece: pieces.append(piece)
    (answer,) = loop.run_until_complete(handler.handle([{"body": {"model": "m", **body}}], context))
    return [*pieces, answer]


def test_vllm_answers_on_openais_paths(handler: Any, loop: asyncio.AbstractEventLoop) -> None:
    assert ask(handler, loop, "v1/models") == [{"data": ["m", "alias"]}]
    for path in ("v1/completions", "v1/chat/completions"):
        assert ask(handler, loop, path) == [{"text": "token0 token1"}]
        streamed = ["data: token0\n\n", "data: token1\n\n", "data: [DONE]\n\n"]
        assert ask(handler, loop, path, stream=True) == streamed
    assert ask(handler, loop, "v1/completions", model="z") == [{"message": "no such model"}]
    with pytest.raises(PredictionException, match="Unknown API endpoint: v1/embeddings"):
        ask(handler, loop, "v1/embeddings")


def test_the_engine_is_configured_as_the_file_says(handler: Any) -> None:
    arguments = handler.vllm_engine.arguments
    assert (arguments.model, arguments.max_num_seqs, hasattr(arguments, "unknown")) == ("weights", 16, False)
    (adapter,) = handler.chat_completion_service.options["lora_modules"]
    assert (adapter.name, adapter.path) == ("small", "adapters/small")


def test_the_launcher_serves_an_archive_of_the_named_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    configs: list[Any] = []

    def start(**options: Any) -> Any:
        started.append(options)
        configs.append(yaml.safe_load((tmp_path / "store/llm/model-config.yaml").read_text()))
        return types.SimpleNamespace(get=lambda: None)

    monkeypatch.setattr(ts.llm_launcher, "start", start)
    monkeypatch.setattr(ts.llm_launcher, "stop", lambda wait: None)
    arguments = ["--model_name", "llm", "--model_store", str(tmp_path / "store"), "--model_id", "a/b"]
    ts.llm_launcher.main(ts.llm_launcher.parser().parse_args([*arguments, "--vllm_engine.max_num_seqs", "8"]))
    assert started == [
        {"model_store": str(tmp_path / "store"), "no_config_snapshots": True, "models": "llm", "disable_token": False}
    ]
    (config,) = configs
    assert config["asyncCommunication"] is True
    assert config["handler"]["model_path"] == "a/b"
    assert config["handler"]["vllm_engine_config"]["max_num_seqs"] == 8
    assert not (tmp_path / "store/llm").exists()
    with pytest.raises(RuntimeError, match="Unsupported LLM engine 'trt_llm'"):
        ts.llm_launcher.main(ts.llm_launcher.parser().parse_args([*arguments, "--engine", "trt_llm"]))
