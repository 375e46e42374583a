"""The example of a language model without an engine: OpenAI's client, sequences that share steps, free slots."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

pytest.importorskip("torch")

from tests.conftest import MakeArchive
from tests.support.examples import CHAT, decoder, scheduler
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
Decoder, Scheduler = decoder.Decoder, scheduler.Scheduler


@asynccontextmanager
async def chatting(store: Path, archive: MakeArchive) -> AsyncIterator[Client]:
    """A server with the example's archive."""
    files = {name: (CHAT / name).read_text() for name in ("decoder.py", "scheduler.py", "slots.py", "text_stream.py")}
    config = (CHAT / "model-config.yaml").read_text()
    archive("chat", (CHAT / "handler.py").read_text(), files, config=config)
    async with serving(store) as client:
        assert (await client.register("chat.mar", synchronous=True)).status_code == 200
        yield client


async def test_openais_client_works_unmodified(store: Path, archive: MakeArchive) -> None:
    async with chatting(store, archive) as client:
        base = "http://server/predictions/chat/1.0/v1"
        ask = openai.AsyncOpenAI(base_url=base, api_key="any", http_client=client.http, max_retries=0)
        assert [model.id async for model in ask.models.list()] == ["chat"]
        chosen: dict[str, Any] = {
            "model": "chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8, "temperature": 0,
        }  # fmt: skip
        whole = await ask.chat.completions.create(**chosen)
        options = {"stream": True, "stream_options": {"include_usage": True}}
        *pieces, last = [piece async for piece in await ask.chat.completions.create(**chosen, **options)]
        assert last.usage == whole.usage
        assert len(pieces) > 2
        assert "".join(piece.choices[0].delta.content for piece in pieces) == whole.choices[0].message.content
        assert pieces[-1].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
        completion = await ask.completions.create(model="chat", prompt="hello", max_tokens=4)
        assert completion.usage.prompt_tokens == 5
        vectors = await ask.embeddings.create(model="chat", input=["a", "b"])
        assert [len(each.embedding) for each in vectors.data] == [64, 64]
        with pytest.raises(openai.BadRequestError, match="tokens"):
            await ask.completions.create(model="chat", prompt="", max_tokens=4)
        with pytest.raises(openai.NotFoundError):
            await ask.images.generate(prompt="a cat")


async def collect(scheduler: Any, text: str, count: int = 6) -> list[int]:
    """The tokens after a text."""
    return [token async for token in scheduler.generate(list(text.encode()), count)]


async def test_sequences_that_share_steps_are_what_they_are_without_others() -> None:
    scheduler = Scheduler(Decoder(width=32, slots=3, length=64))
    texts = [f"text number {number}" * (1 + number % 3) for number in range(5)]
    separate = [await collect(scheduler, text) for text in texts]
    together = await asyncio.gather(*(collect(scheduler, text) for text in texts))
    assert together == separate
    assert repr(scheduler) == "<Scheduler with 0 sequences, 3 free slots>"


async def test_a_sequence_that_is_left_frees_its_slot_at_once() -> None:
    scheduler = Scheduler(Decoder(width=16, depth=1, slots=1, length=64))
    tokens = scheduler.generate([1, 2, 3], 50)
    await anext(tokens)
    waiting = asyncio.ensure_future(collect(scheduler, "next", 2))
    await asyncio.sleep(0)
    assert scheduler.free_slots == 0
    await tokens.aclose()  # type: ignore[attr-defined]
    assert len(await waiting) <= 2
    assert scheduler.free_slots == 1


async def test_a_model_that_fails_costs_the_sequences_in_the_step() -> None:
    model = Decoder(width=16, depth=1, slots=2, length=64)
    scheduler = Scheduler(model)
    step, model.step = model.step, lambda *arguments: 1 / 0  # type: ignore[assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        await collect(scheduler, "text")
    model.step = step  # type: ignore[method-assign]
    assert scheduler.free_slots == 2
    await collect(scheduler, "text")
    with pytest.raises(ValueError, match="1 to 64 tokens"):
        await collect(scheduler, "x" * 64)
