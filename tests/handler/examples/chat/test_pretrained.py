"""A model of transformers in the example: its slots give what its own `generate` gives, one by one and over HTTP."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers", reason="the extra `generative` is not installed")

import anyio
import torch

from tests.conftest import MakeArchive
from tests.support.examples import CHAT, chat_module, scheduler
from tests.support.serving import serving

TEXTS = ("hello", "a longer text than the first", "é")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a tokenizer."""
    path = tmp_path_factory.mktemp("model")
    chat_module("make_model").make_model(path)
    return path


async def generate(steps: Any, tokens: list[int]) -> list[int]:
    """Twelve tokens."""
    return [token async for token in steps.generate(tokens, 12)]


@pytest.mark.anyio
async def test_slots_give_what_generate_gives(folder: Path) -> None:
    model = chat_module("pretrained").Pretrained(folder, slots=2, length=64)
    steps, found = scheduler.Scheduler(model), {}

    async def collect(text: str) -> None:
        found[text] = await generate(steps, model.encode(text))

    async with anyio.create_task_group() as group:
        for text in TEXTS:
            group.start_soon(collect, text)
    for text in TEXTS:
        prompt = torch.tensor([model.encode(text)])
        whole = model.model.generate(prompt, max_new_tokens=12, do_sample=False)[0].tolist()
        assert found[text] == [token for token in whole[prompt.shape[1] :] if token != model.end]


def test_models_that_do_not_attend_to_everything_are_refused(folder: Path) -> None:
    pretrained = chat_module("pretrained")
    with pytest.raises(ValueError, match="length 4096 is more than the 512 positions"):
        pretrained.Pretrained(folder, length=4096)
    config = chat_module("pretrained").Pretrained(folder, slots=1, length=64).model.config
    config.layer_types, config.sliding_window = ["full_attention", "sliding_attention"], 32
    pretrained.check_attention(config, 32)
    with pytest.raises(ValueError, match="sliding_attention; this needs full attention"):
        pretrained.check_attention(config, 33)


@pytest.mark.anyio
async def test_the_archive_serves_it(folder: Path, store: Path, archive: MakeArchive) -> None:
    names = ("pretrained.py", "scheduler.py", "slots.py", "text_stream.py")
    config = f"asyncCommunication: true\nhandler: {{path: '{folder}', slots: 4, length: 128}}\n"
    files = {name: (CHAT / name).read_text() for name in names}
    archive("chat", (CHAT / "handler.py").read_text(), files, config=config)
    async with serving(store) as client:
        assert (await client.register("chat.mar", synchronous=True)).status_code == 200
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
        answer = (await client.http.post("/predictions/chat/1.0/v1/chat/completions", json=body)).json()
        assert answer["usage"] == {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
        assert answer["choices"][0]["finish_reason"] == "length"
