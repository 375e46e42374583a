"""Fits a model to the invented signs, a minute or two on one core: python -m signflow.training.train gcn"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from signflow.archive import read_labels

from .model import MODELS, WEIGHTS, save
from .synthetic import make_signs, make_windows

BATCH = 32
EPOCHS, EACH = 6, 120
"""Rounds over the training set, and performances of each sign in it."""


def main(argv: list[str] | None = None) -> None:
    """Train the model that is named and write its weights beside this file, or where --output says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", choices=MODELS, default="transformer")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--each", type=int, default=EACH, help="performances of each sign to learn from")
    parser.add_argument("--output", type=Path, help="the .npz file of the weights")
    wanted = parser.parse_args(argv)
    torch.set_num_threads(1)
    signs = make_signs(len(read_labels()))
    model = train(wanted.model, make_windows(signs, wanted.each, seed=1), wanted.epochs)
    windows, targets = make_windows(signs, 30, seed=2)
    print(
        f"{accuracy(model, windows, targets):.1%} of fresh performances are recognised; chance is {1 / len(signs):.1%}"
    )
    save(model, wanted.output or WEIGHTS / f"{wanted.model}.npz")


def train(
    name: str, examples: tuple[np.ndarray, np.ndarray], epochs: int, write_line: Callable[[str], None] = print
) -> nn.Module:
    """A model of that name in MODELS, fitted to windows [n, 64, 469] and the numbers of their signs [n]."""
    torch.manual_seed(0)
    windows, targets = (torch.from_numpy(part) for part in examples)
    model = MODELS[name](int(targets.max()) + 1)
    model.standardise.fit(windows)
    began = time.monotonic()
    for epoch, loss in enumerate(_rounds(model, windows, targets, epochs), start=1):
        write_line(f"epoch {epoch} of {epochs}: loss {loss:.3f} after {time.monotonic() - began:.0f} s")
    return model.eval()


def accuracy(model: nn.Module, windows: np.ndarray, targets: np.ndarray) -> float:
    """The share of windows whose sign the model finds."""
    with torch.inference_mode():
        return float((model(torch.from_numpy(windows)).argmax(dim=1).numpy() == targets).mean())


def _rounds(model: nn.Module, windows: torch.Tensor, targets: torch.Tensor, epochs: int) -> Iterator[float]:
    """The mean loss of each epoch."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    batches = -(-len(targets) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, epochs * batches)
    for _ in range(epochs):
        losses = []
        for chosen in torch.randperm(len(targets)).split(BATCH):
            loss = functional.cross_entropy(model(windows[chosen]), targets[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        yield sum(losses) / len(losses)


if __name__ == "__main__":
    main()
