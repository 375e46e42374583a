"""A small decoder-only transformer over bytes, for which nothing but torch is needed."""

from pathlib import Path
from typing import Any

import torch
from slots import SlotCache, SlotModel, visible
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY = 257
END = 256
"""The token after the 256 bytes, which ends a sequence."""


class Layer(nn.Module):
    """Attention and a feed-forward part; `attend` stores keys and values, and gives those to look at."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, hidden: Tensor, mask: Tensor, attend: Any) -> Tensor:
        """The next hidden states [rows, tokens, width]."""
        rows, tokens, width = hidden.shape
        projected = self.qkv(self.attention_norm(hidden)).view(rows, tokens, 3, self.heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, *attend(key, value), attn_mask=mask)
        hidden = hidden + self.out(mixed.transpose(1, 2).reshape(rows, tokens, width))
        return hidden + self.feed(self.feed_norm(hidden))


class Network(nn.Module):
    """The layers with their weights; random ones unless they are loaded."""

    def __init__(self, width: int, depth: int, heads: int, length: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(length, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)

    def forward(self, ids: Tensor, positions: Tensor, mask: Tensor, update: Any = None) -> Tensor:
        """The last hidden states; `update(layer, keys, values)` is a cache, without one a text is on its own."""
        hidden = self.tokens(ids) + self.places(positions)
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, mask, lambda *pair, at=number: update(at, *pair) if update else pair)
        return self.norm(hidden)


class Decoder(SlotModel):
    """Predicts the next byte of sequences in slots; `weights` is a state dict's file, else they are of a seed."""

    end = END

    def __init__(
        self, width: int = 64, depth: int = 2, heads: int = 4, slots: int = 32, length: int = 512, seed: int = 0,
        weights: str | Path | None = None, backend: str | None = None, device: str = "cpu",
    ) -> None:  # fmt: skip
        super().__init__(slots, length, backend, device)
        self.network = random_network(seed, width, depth, heads, length).eval().to(self.device)
        if weights is not None:
            self.network.load_state_dict(torch.load(weights, weights_only=True))
        self.cache = SlotCache(depth, slots, heads, length, width // heads, self.network.head.weight)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return list(text.encode())

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens; a character that lacks bytes is U+FFFD."""
        return bytes(tokens).decode(errors="replace")

    def encode_chat(self, messages: list[dict[str, str]]) -> list[int]:
        """The tokens of a chat, up to where the assistant answers."""
        return self.encode("".join(f"{each['role']}: {each['content']}\n" for each in messages) + "assistant: ")

    def hidden(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        """The last hidden states."""
        return self.network(
            ids, positions, visible(positions, used), lambda *pair: self.cache.update(*pair, slots, positions, used)
        )

    def next_logits(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        """The logits of the next token."""
        return self.network.head(self.hidden(ids, slots, positions, used)[:, -1])


def random_network(seed: int, *shape: int) -> Network:
    """A network whose weights depend on the seed alone; they are larger than torch's, for texts that vary."""
    network, generator = Network(*shape), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=parameter.shape[1] ** -0.5, generator=generator)
        for module in network.modules():
            if isinstance(module, nn.Linear):
                module.bias.zero_()
    return network
