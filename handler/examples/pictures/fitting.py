"""Fits the small painter to circles, squares and stripes of four colours."""

import itertools
from pathlib import Path

import torch

from handler.examples.pictures.painter import FILE, SIZE, Painter

COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1), "yellow": (1, 1, -1)}
SHAPES = ("circle", "square", "stripe")
STYLE = ", flat colours, on a white ground"
WORDS = [f"a {colour} {shape}" for colour, shape in itertools.product(COLOURS, SHAPES)]


def picture(words: str) -> torch.Tensor:
    """The picture [3 * SIZE * SIZE] of "a COLOUR SHAPE", from -1 to 1."""
    _, colour, shape = words.split()
    rows, columns = torch.meshgrid(*[torch.arange(SIZE) - (SIZE - 1) / 2] * 2, indexing="ij")
    areas = {
        "circle": rows**2 + columns**2 < 25,
        "square": (rows.abs() < 5) & (columns.abs() < 5),
        "stripe": rows.abs() < 2,
    }
    return torch.where(areas[shape], torch.tensor(COLOURS[colour]).view(3, 1, 1), torch.ones(3, 1, 1)).flatten()


def fit_painter(folder: Path, steps: int) -> None:
    """Write a painter after so many steps over all pictures."""
    torch.manual_seed(0)
    painter, pictures = Painter(), torch.stack([picture(words) for words in WORDS])
    optimizer = torch.optim.AdamW(painter.parameters(), 3e-3)
    for step in range(steps):
        prompts = [words + STYLE if step % 2 else words for words in WORDS]
        noise = torch.rand(len(WORDS), 1)
        noisy = (1 - noise) * pictures + noise * torch.randn_like(pictures)
        loss = (painter.forward(noisy, noise, prompts) - pictures).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(painter.state_dict(), folder / FILE)
