"""The choice of the number of threads, start by start: a simulation with a fake clock and noisy batches.

Run `python -m tests.benchmarks.controllers`. One worker on two cores serves batches of SignFlow's TorchScript model, or
the single requests of a lone client, whose times are those of the bare handler. A batch with two threads is as slow as
the slower one of both, so that a neighbour doubles its time; with one thread it loses a tenth. The previous rule is
here only to be compared with.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple, Protocol

from handler.batching.autotuner import Autotuner
from tests.benchmarks.plot import bars
from tests.benchmarks.tables import parser, publish

NOISE = 0.12  # standard deviation of a batch's time
BURST_SECONDS = 0.15
STARTS = 200


class Load(NamedTuple):
    """The rows of a batch, its seconds by the number of threads, and those between two: answers, the next requests."""

    rows: int
    seconds: dict[int, float]
    gap: float


FULL_BATCHES = Load(16, {1: 0.060, 2: 0.035}, 0.003)
LONE_CLIENT = Load(1, {1: 0.0050, 2: 0.0035}, 0.0015)


class Rule(Protocol):
    """Chooses the number of threads for each batch."""

    def choose(self) -> int:
        """The number for the next batch."""

    def record(self, rows: int, seconds: float) -> None:
        """Add its time."""


class Fixed:
    """Always the same number."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def choose(self) -> int:
        """The number."""
        return self._threads

    def record(self, rows: int, seconds: float) -> None:
        """Nothing is learned."""


class BlocksOfFive:
    """The previous rule: five batches with one thread, five with two, five with one again; two have to win by 15 %.

    What has been found holds for 200 batches or 5 s of work, and up to eight times as long where it changes nothing.
    """

    def __init__(self) -> None:
        self.best = 1
        self._interval = 200
        self._row_times: list[float] = []
        self._medians: dict[int, float] = {}
        self._batches, self._busy = 0, 0.0
        self._trials = deque([1, 2, 1])

    def choose(self) -> int:
        """The number on trial, or the best."""
        return self._trials[0] if self._trials else self.best

    def record(self, rows: int, seconds: float) -> None:
        """Add a batch's time."""
        self._batches, self._busy = self._batches + 1, self._busy + seconds
        if not self._trials:
            if self._batches >= self._interval or self._busy >= 5.0 * self._interval / 200:
                self._trials.extend([self.best, 3 - self.best, self.best])
                self._batches, self._busy = 0, 0.0
            return
        self._row_times.append(seconds / rows)
        if len(self._row_times) == 5:
            self._medians[self._trials.popleft()] = median(self._row_times)
            self._row_times = []
        if not self._trials:
            best = 2 if self._medians[2] < 0.85 * self._medians[1] else 1
            self._interval = 200 if best != self.best else min(2 * self._interval, 1600)
            self.best = best


class Neighbour:
    """Keeps one core busy in bursts, half of the time, between two times."""

    def __init__(self, source: random.Random, start: float, end: float) -> None:
        self._bursts: list[tuple[float, float]] = []
        while start < end:
            burst = source.expovariate(1 / BURST_SECONDS)
            self._bursts.append((start, min(end, start + burst)))
            start += burst + source.expovariate(1 / BURST_SECONDS)

    def overlap(self, start: float, end: float) -> float:
        """The part of that time in which it is busy."""
        busy = sum(max(0.0, min(end, off) - max(start, on)) for on, off in self._bursts)
        return busy / (end - start)


def rates(
    rule: Rule, seed: int, load: Load, neighbour: tuple[float, float], windows: Sequence[tuple[float, float]]
) -> list[float]:
    """Requests a second in each of the windows."""
    source = random.Random(seed)
    other, now = Neighbour(source, *neighbour), 0.0
    served = [0] * len(windows)
    while now < windows[-1][1]:
        threads = rule.choose()
        seconds = load.seconds[threads] * max(0.5, source.gauss(1.0, NOISE))
        seconds *= 1 + other.overlap(now, now + seconds) * (1.0 if threads == 2 else 0.1)
        rule.record(load.rows, seconds)
        now += seconds + load.gap
        for index, (start, end) in enumerate(windows):
            served[index] += load.rows * (start <= now < end)
    return [count / (end - start) for count, (start, end) in zip(served, windows, strict=True)]


SCENARIOS: dict[str, tuple[Load, tuple[float, float], Sequence[tuple[float, float]]]] = {
    "nothing else runs": (FULL_BATCHES, (0.0, 0.0), ((0.0, 2.0), (3.0, 20.0))),
    "a neighbour throughout": (FULL_BATCHES, (0.0, 20.0), ((0.0, 2.0), (3.0, 20.0))),
    "a neighbour for the first 1.5 s": (FULL_BATCHES, (0.0, 1.5), ((0.0, 2.0), (4.5, 20.0))),
    "a neighbour from 5 to 10 s": (FULL_BATCHES, (5.0, 10.0), ((5.0, 10.0), (13.0, 20.0))),
    "a lone client": (LONE_CLIENT, (0.0, 0.0), ((0.0, 2.0), (3.0, 6.0))),
    "a lone client, a neighbour throughout": (LONE_CLIENT, (0.0, 6.0), ((0.0, 2.0), (3.0, 6.0))),
}
RULES: dict[str, Callable[[], Rule]] = {
    "blocks of five, 15 %": BlocksOfFive, "alternating pairs": lambda: Autotuner((2, 1)),
}  # fmt: skip


def measure(starts: int = STARTS) -> list[dict[str, Any]]:
    """The rate of each rule as a part of the better fixed number's in the same windows: worst, 5th and median start."""
    rows = []
    for scenario, (load, *surroundings) in SCENARIOS.items():
        fixed = [[rates(Fixed(n), seed, load, *surroundings) for seed in range(starts)] for n in load.seconds]
        best = [[max(rates) for rates in zip(*each, strict=True)] for each in zip(*fixed, strict=True)]
        for name, new in RULES.items():
            found = [rates(new(), seed, load, *surroundings) for seed in range(starts)]
            for index, (start, end) in enumerate(surroundings[1]):
                parts = sorted(each[index] / bound[index] for each, bound in zip(found, best, strict=True))
                rows.append(
                    {
                        "scenario": scenario,
                        "seconds": f"{start:g}-{end:g}",
                        "rule": name,
                        "best fixed": median(each[index] for each in best),
                        "worst start": parts[0],
                        "1 of 20": parts[len(parts) // 20],
                        "median": median(parts),
                    }
                )
    return rows


def main() -> None:
    """Simulate, and write the results."""
    options = parser("controllers", __doc__)
    options.add_argument("--starts", type=int, default=STARTS)
    chosen = options.parse_args()
    rows = measure(chosen.starts)
    groups = {
        f"{row['scenario']}, {row['seconds']} s": {
            each["rule"]: each["worst start"] for each in rows if each["scenario"] == row["scenario"] and
            each["seconds"] == row["seconds"]
        } for row in rows
    }  # fmt: skip
    chart = bars("The worst of the starts, as a part of the best fixed number of threads", "part", groups)
    notes = (
        f"{chosen.starts} simulated starts: requests a second as a part of those of the better fixed number of threads "
        "with the same neighbour. Nothing is timed, so that the machine does not matter."
    )
    publish("controllers", chosen.out, rows, notes, {"controllers": chart})


if __name__ == "__main__":
    main()
