"""A small decoder-only transformer over bytes, whose cache of keys and values has a slot for each sequence.

It stands in the place of a real model: what the scheduler asks of one is `prefill`, `step` and `embed`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY = 257
END = 256
"""The token after the 256 bytes, which ends a sequence."""


class Layer(nn.Module):
    """Attention over a sequence's own slot, and a feed-forward part."""

    def __init__(self, width: int, heads: int, slots: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.register_buffer("cache", torch.zeros(2, slots, heads, length, width // heads), persistent=False)

    def forward(self, hidden: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
        """The next hidden states [rows, tokens, width], of tokens at `positions` [rows, tokens] in `slots` [rows]."""
        rows, tokens, width = hidden.shape
        projected = self.qkv(self.attention_norm(hidden)).view(rows, tokens, 3, self.heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        at = (slots[:, None], slice(None), positions)
        self.cache[0][at], self.cache[1][at] = key.transpose(1, 2), value.transpose(1, 2)
        used = int(positions.max()) + 1
        keys, values = self.cache[0, slots, :, :used], self.cache[1, slots, :, :used]
        visible = torch.arange(used, device=hidden.device) <= positions[:, None, :, None]
        mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible)
        hidden = hidden + self.out(mixed.transpose(1, 2).reshape(rows, tokens, width))
        return hidden + self.feed(self.feed_norm(hidden))


class Decoder(nn.Module):
    """Predicts the next token of sequences in slots; each slot holds `length` tokens at most."""

    def __init__(
        self, width: int = 64, depth: int = 2, heads: int = 4, slots: int = 32, length: int = 512, seed: int = 0
    ) -> None:
        super().__init__()
        self.slots, self.length = slots, length
        self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(length, width)
        self.layers = nn.ModuleList(Layer(width, heads, slots, length) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[1] ** -0.5)

    @torch.inference_mode()
    def prefill(self, tokens: list[int], slot: int) -> Tensor:
        """Put a prompt into a slot; the logits [vocabulary] of the token that follows."""
        return self.head(self._hidden([tokens], [slot], [0])[0, -1])

    @torch.inference_mode()
    def step(self, tokens: list[int], slots: list[int], positions: list[int]) -> Tensor:
        """Add one token to each sequence; the logits [rows, vocabulary] of those that follow."""
        return self.head(self._hidden([[token] for token in tokens], slots, positions)[:, 0])

    @torch.inference_mode()
    def embed(self, tokens: list[int], slot: int) -> list[float]:
        """The mean of a text's last hidden states."""
        return self._hidden([tokens], [slot], [0])[0].mean(0).tolist()

    def _hidden(self, tokens: list[list[int]], slots: list[int], starts: list[int]) -> Tensor:
        device = self.head.weight.device
        ids, chosen = torch.tensor(tokens, device=device), torch.tensor(slots, device=device)
        positions = torch.tensor(starts, device=device)[:, None] + torch.arange(ids.shape[1], device=device)
        hidden = self.tokens(ids) + self.places(positions)
        for layer in self.layers:
            hidden = layer(hidden, chosen, positions)
        return self.norm(hidden)
