"""A language model whose cache of keys and values has a slot for each sequence; any lengths share a step."""

from typing import Any

import torch
from torch import Tensor


class SlotCache:
    """Static keys and values: for each layer two tensors [slots + 1, heads, length, width].

    The last slot takes what rows without a sequence write.
    """

    def __init__(self, layers: int, slots: int, heads: int, length: int, width: int, like: Tensor) -> None:
        shape = (layers, slots + 1, heads, length, width)
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros_like(self.keys)

    def update(
        self, layer: int, keys: Tensor, values: Tensor, slots: Tensor, positions: Tensor, used: int
    ) -> tuple[Tensor, Tensor]:
        """Store [rows, heads, tokens, width] at `positions` [rows, tokens]; and give the first `used`."""
        at = (slots[:, None], slice(None), positions)
        self.keys[layer][at], self.values[layer][at] = keys.transpose(1, 2), values.transpose(1, 2)
        return self.keys[layer][slots, :, :used], self.values[layer][slots, :, :used]


class SlotModel:
    """A model as the scheduler asks for one: `prefill`, `step` and `embed`, over two methods of a subclass.

    With a `backend` of torch.compile every step has the same shape, a row for each slot and the whole length, and runs
    as one graph that is made at the first step.
    """

    def __init__(self, slots: int, length: int, backend: str | None, device: str) -> None:
        self.slots, self.length, self.device = slots, length, torch.device(device)
        self._compiled = torch.compile(self._next, dynamic=False, backend=backend) if backend else None

    def hidden(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        """The last hidden states [rows, tokens, width] of tokens `ids` [rows, tokens] at `positions` in `slots`."""
        raise NotImplementedError

    def next_logits(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        """The logits [rows, vocabulary] of the token that follows each row."""
        raise NotImplementedError

    def warm_up(self) -> "SlotModel":
        """Compile the step now, not with the first request."""
        self.step([0], [0], [0])
        return self

    @torch.inference_mode()
    def prefill(self, tokens: list[int], slot: int) -> Tensor:
        """Put a prompt into a slot; the logits [vocabulary] of the token that follows."""
        return self.next_logits(*self._prompt(tokens, slot))[0]

    @torch.inference_mode()
    def step(self, tokens: list[int], slots: list[int], positions: list[int]) -> Tensor:
        """Add one token to each sequence; the logits [rows, vocabulary] of those that follow."""
        if self._compiled is None:
            return self._next(*self._tensors(tokens, slots, positions), max(positions) + 1)
        missing = self.slots - len(slots)
        rows = self._tensors(tokens + [0] * missing, slots + [self.slots] * missing, positions + [0] * missing)
        return self._compiled(*rows, self.length)[: len(slots)]

    @torch.inference_mode()
    def embed(self, tokens: list[int], slot: int) -> list[float]:
        """The mean of a text's last hidden states."""
        return self.hidden(*self._prompt(tokens, slot))[0].float().mean(0).tolist()

    def _prompt(self, tokens: list[int], slot: int) -> tuple[Tensor, Tensor, Tensor, int]:
        ids, slots = self._tensors([tokens], [slot])
        return ids, slots, torch.arange(len(tokens), device=self.device)[None], len(tokens)

    def _tensors(self, *lists: list[Any]) -> list[Tensor]:
        return [torch.tensor(each, device=self.device) for each in lists]

    def _next(self, tokens: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        return self.next_logits(tokens[:, None], slots, positions[:, None], used)


def visible(positions: Tensor, used: int) -> Tensor:
    """The mask [rows, 1, tokens, used] of what each token attends to: itself, and what is before it."""
    return torch.arange(used, device=positions.device) <= positions[:, None, :, None]
