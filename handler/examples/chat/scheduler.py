"""Continuous batching: sequences join a running batch and leave it between any two tokens."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(eq=False)
class Sequence:
    """A sequence in a slot; its tokens go to the queue, None at the end."""

    slot: int
    token: int
    position: int
    temperature: float
    tokens: "asyncio.Queue[int | Exception | None]" = field(default_factory=asyncio.Queue)


class Scheduler:
    """Steps all sequences of a model together, in one task of the event loop, for as long as there are any."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._free = list(range(model.slots))
        self._slot_freed = asyncio.Condition()
        self._running: list[Sequence] = []
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Scheduler with {len(self._running)} sequences, {len(self._free)} free slots>"

    @property
    def free_slots(self) -> int:
        """The number of sequences that could be added now."""
        return len(self._free)

    async def generate(self, prompt: list[int], count: int, temperature: float = 0.0) -> AsyncIterator[int]:
        """Yield at most `count` tokens that follow the prompt; the slot is free as soon as this ends, however it does.

        A prompt waits for a slot, in order of arrival. Raises ValueError where prompt and tokens are too long for one.
        """
        if not prompt or len(prompt) + count > self._model.length:
            raise ValueError(f"a prompt and its answer have 1 to {self._model.length} tokens together")
        slot = await self._take_slot()
        sequence = None
        try:
            token = _sample(self._model.prefill(prompt, slot)[None], [temperature])[0]
            sequence = Sequence(slot, token, len(prompt), temperature)
            self._running.append(sequence)
            self._start()
            for _ in range(count):
                if token == self._model.end:
                    return
                yield token
                token = await self._next_token(sequence)
        finally:
            if sequence is not None:
                self._running.remove(sequence)
            await self._free_slot(slot)

    async def embed(self, text: list[int]) -> list[float]:
        """The embedding of a text."""
        slot = await self._take_slot()
        try:
            return self._model.embed(text, slot)
        finally:
            await self._free_slot(slot)

    async def _next_token(self, sequence: Sequence) -> int:
        token = await sequence.tokens.get()
        if isinstance(token, Exception):
            raise token
        return token

    async def _take_slot(self) -> int:
        async with self._slot_freed:
            await self._slot_freed.wait_for(lambda: self._free)
            return self._free.pop()

    async def _free_slot(self, slot: int) -> None:
        self._free.append(slot)
        async with self._slot_freed:
            self._slot_freed.notify()

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._step_all())

    async def _step_all(self) -> None:
        while self._running:
            batch = [each for each in self._running if each.position < self._model.length]
            try:
                self._step(batch)
            except Exception as error:
                for sequence in batch:
                    sequence.tokens.put_nowait(error)
                return
            await asyncio.sleep(0)  # tokens are sent, sequences come and go

    def _step(self, batch: list[Sequence]) -> None:
        tokens, slots = [each.token for each in batch], [each.slot for each in batch]
        logits = self._model.step(tokens, slots, [each.position for each in batch])
        for sequence, token in zip(batch, _sample(logits, [each.temperature for each in batch]), strict=True):
            sequence.token, sequence.position = token, sequence.position + 1
            sequence.tokens.put_nowait(token)


def _sample(logits: torch.Tensor, temperatures: list[float]) -> list[int]:
    """A token for each row: the likeliest where the temperature is 0, else one by chance."""
    best: list[int] = logits.argmax(-1).tolist()
    if not any(temperatures):
        return best
    warmth = torch.tensor([each or 1.0 for each in temperatures], device=logits.device)[:, None]
    drawn = torch.multinomial((logits / warmth).softmax(-1), 1)[:, 0].tolist()
    return [token if warm else sure for token, sure, warm in zip(drawn, best, temperatures, strict=True)]
