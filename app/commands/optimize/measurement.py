"""Figures of archives that are measured in turn, so that what else the machine does hits all of them alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.commands.optimize.child_process import ChildProcess

ROUNDS = 3
CALL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds of one request, requests per second of one core, bytes, and seconds from the start to an answer.

    All without HTTP and queue: the handler with its pre- and postprocessing, on one worker. Rates are by batch size and
    of the time that processors have worked, which is what a busy server can give, and hardly depends on its neighbours.
    """

    latency: float
    rates: Mapping[int, float]
    memory: int | None
    size: int
    start: float

    @property
    def best_rate(self) -> float:
        """The requests per second at the best of its batch sizes."""
        return max(self.rates.values())

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "rates": {str(size): rate for size, rate in self.rates.items()}}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "Figures":
        """Read what `as_json` has written."""
        return cls(**{**fields, "rates": {int(size): rate for size, rate in fields["rates"].items()}})


@dataclass(frozen=True, slots=True)
class Pair:
    """The figures of the original and of a target, measured in the same minutes."""

    original: Figures
    target: Figures

    @property
    def gain(self) -> float:
        """The factor by which the target serves more requests."""
        return self.target.best_rate / self.original.best_rate if self.original.best_rate else math.inf


def measure_pair(
    original: ChildProcess, target: ChildProcess, batch_sizes: Sequence[int], seconds: float, sizes: tuple[int, int]
) -> Pair:
    """Measure both in turn, each batch size for `seconds` in each of ROUNDS. Raises ChildFailed."""
    processes = (original, target)
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    memory: dict[int, int | None] = {}
    for _ in range(ROUNDS):
        for rows in batch_sizes:
            for place, process in enumerate(processes):
                answer = process.call("measure", CALL_SECONDS, rows=rows, seconds=seconds)
                found.setdefault((place, rows), []).append((answer["seconds"], answer["cpu_seconds"]))
                memory[place] = answer["memory"]
    figures = []
    for place, process in enumerate(processes):
        # the least, because others disturb and never help
        best = {rows: [min(each) for each in zip(*found[place, rows], strict=True)] for rows in batch_sizes}
        figures.append(
            Figures(
                latency=1e3 * best[min(batch_sizes)][0] / min(batch_sizes),
                rates={rows: rows / used for rows, (_, used) in best.items()},
                memory=memory[place],
                size=sizes[place],
                start=process.started["start_seconds"],
            )
        )
    return Pair(*figures)
