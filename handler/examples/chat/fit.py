"""Fits the small decoder to a few texts, so that an example says something; a real model takes its place."""

from collections.abc import Sequence

import torch
from decoder import END, VOCABULARY, Network, random_network
from slots import visible
from torch.nn import functional

IGNORED = -100
"""The target of tokens that are given, not to be learned."""


def fit(pairs: Sequence[tuple[str, str]], steps: int, width: int, depth: int, heads: int, length: int) -> Network:
    """A network that answers each prompt with its text, after `steps` over all of them at once."""
    network = random_network(0, width, depth, heads, length)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(0.5)
    ids, targets = rows_of(pairs)
    positions = torch.arange(ids.shape[1])[None]
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps) if steps else None
    for _ in range(steps):
        logits = network.head(network(ids, positions, visible(positions, ids.shape[1])))
        loss = functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def rows_of(pairs: Sequence[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [rows, tokens], and those that follow them: of the answer and its end, else IGNORED."""
    texts = [(list(prompt.encode()), [*answer.encode(), END]) for prompt, answer in pairs]
    size = max(len(prompt) + len(answer) for prompt, answer in texts) - 1
    ids, targets = torch.zeros(len(texts), size, dtype=torch.long), torch.full((len(texts), size), IGNORED)
    for row, (prompt, answer) in enumerate(texts):
        whole = torch.tensor(prompt + answer)
        ids[row, : len(whole) - 1] = whole[:-1]
        targets[row, len(prompt) - 1 : len(whole) - 1] = torch.tensor(answer)
    return ids, targets
