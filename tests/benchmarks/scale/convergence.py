"""The time until replicas have a change: each looks at the document at its own intervals, which differ a little."""

import random
import statistics
from typing import NamedTuple

from app.replicas.following import JITTER
from tests.benchmarks.scale.requests import INTERVAL

ROUNDS = 400


class Convergence(NamedTuple):
    """Seconds from a change until half of the replicas, and until the last one, begin to load it; medians of rounds.

    `worst` is the last replica in the worst case: it has just looked, and its interval is the longest.
    """

    half: float
    last: float
    worst: float


def convergence(replicas: int, interval: float = INTERVAL, seed: int = 19) -> Convergence:
    """The followers of one writer; a lone replica has its change at once."""
    followers = replicas - 1
    if followers == 0:
        return Convergence(0, 0, 0)
    rng = random.Random(seed)
    rounds = [sorted(_next_look(rng, interval) for _ in range(followers)) for _ in range(ROUNDS)]
    half = statistics.median(statistics.median(times) for times in rounds)
    return Convergence(half, statistics.median(times[-1] for times in rounds), interval * (1 + JITTER))


def _next_look(rng: random.Random, interval: float) -> float:
    """Seconds to the next look of a replica whose last one was at any time."""
    return rng.random() * interval * rng.uniform(1 - JITTER, 1 + JITTER)
