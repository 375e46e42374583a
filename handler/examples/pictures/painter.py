"""A diffusion model of toy size, loaded and called as the pipelines of diffusers are."""

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

SIZE = 16
"""Pixels of a side."""
BUCKETS = 512
FILE = "painter.pt"


class Painter(nn.Module):
    """Guesses a picture [3 * SIZE * SIZE] from one with noise, the share of noise, and the words of a prompt."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        pixels = 3 * SIZE * SIZE
        self.words = nn.EmbeddingBag(BUCKETS, width, mode="sum")
        self.start, self.middle = nn.Linear(pixels + 1 + width, width), nn.Linear(2 * width, width)
        self.end = nn.Linear(2 * width, pixels)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Painter":
        """The model whose weights are in the folder."""
        painter = cls()
        painter.load_state_dict(torch.load(Path(folder, FILE), weights_only=True))
        return painter.eval()

    def forward(self, noisy: Tensor, noise: Tensor, prompts: Sequence[str]) -> Tensor:
        """The pictures [rows, pixels] without the share `noise` [rows, 1] of noise."""
        words = self.read(prompts)
        hidden = functional.gelu(self.start(torch.cat([noisy, noise, words], 1)))
        hidden = functional.gelu(self.middle(torch.cat([hidden, words], 1)))
        return self.end(torch.cat([hidden, words], 1))

    def read(self, prompts: Sequence[str]) -> Tensor:
        """The vectors [rows, width] of prompts."""
        words = [[zlib.crc32(word.encode()) % BUCKETS for word in re.findall(r"\w+", text.lower())] for text in prompts]
        starts = [sum(map(len, words[:index])) for index in range(len(words))]
        device = self.end.weight.device
        ids = torch.tensor([word for text in words for word in text], dtype=torch.long, device=device)
        return self.words(ids, torch.tensor(starts, device=device))

    @torch.inference_mode()
    def __call__(  # type: ignore[override]
        self, prompt: Sequence[str], num_inference_steps: int = 25, generator: Sequence[torch.Generator] = ()
    ) -> SimpleNamespace:
        """`images` for the prompts: noise that is taken away step by step."""
        device = self.end.weight.device
        noisy = torch.stack([torch.randn(3 * SIZE * SIZE, generator=each, device=device) for each in generator])
        shares = torch.linspace(1, 0, num_inference_steps + 1).tolist()
        for share, following in pairwise(shares):
            clean = self.forward(noisy, torch.full((len(noisy), 1), share, device=device), prompt)
            noisy = clean + (noisy - clean) * (following / share)
        pixels = ((noisy.clamp(-1, 1) + 1) * 127.5).round().byte().view(-1, 3, SIZE, SIZE).permute(0, 2, 3, 1)
        images = [Image.fromarray(each.numpy()).resize((128, 128), Image.Resampling.NEAREST) for each in pixels.cpu()]
        return SimpleNamespace(images=images)
