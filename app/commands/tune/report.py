"""The progress and the report of `marserve tune`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from app.commands.tune.search_space import Measurement, Objective

_HEAD = ("", "batch size", "workers", "threads", "delay ms", "req/s", "p50 ms", "p95 ms", "p99 ms", "mean batch", "")
_BAR_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class Report:
    """The measurements in their order, and the best of them."""

    model: str
    device: str
    concurrency: int
    objective: Objective
    found: Sequence[Measurement]
    best: Measurement

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "ok": True, "model": self.model, "device": self.device, "concurrency": self.concurrency,
            "objective": str(self.objective), "fits": self.objective.is_met_by(self.best),
            "settings": [each.as_json() for each in self.found], "best": self.best.as_json(),
            "config": self.best.setting.yaml(),
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """A line for each setting, the best with an arrow, and the lines to write into model-config.yaml."""
        yield f"{self.model} on {self.device}, {self.concurrency} clients, without HTTP:"
        rows = [_HEAD, *(_row(each, each is self.best, self.objective) for each in self.found)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        for row in rows:
            numbers = (text.rjust(width) for text, width in zip(row[:-1], widths, strict=False))
            yield f"{'  '.join(numbers)}  {row[-1]}".rstrip()
        yield ""
        if not self.objective.is_met_by(self.best):
            yield f"Nothing keeps to a p95 of {self.objective.limit:g} ms; this comes nearest, for model-config.yaml:"
        else:
            yield f"Best for {self.objective}, for model-config.yaml:"
        yield ""
        yield from self.best.setting.yaml().splitlines()


def _row(each: Measurement, is_best: bool, objective: Objective) -> tuple[str, ...]:
    setting = each.setting
    threads = "auto" if setting.threads is None else str(setting.threads)
    settings = (str(setting.batch_size), str(setting.workers), threads, str(setting.delay))
    figures = (f"{each.rate:.0f}", *(f"{value:.2f}" for value in (each.p50, each.p95, each.p99)), f"{each.batch:.1f}")
    shown = figures if each.rate else ("-",) * len(figures)
    return ("->" if is_best else "", *settings, *shown, _remark(each, objective))


def _remark(each: Measurement, objective: Objective) -> str:
    if each.errors:
        return f"{each.errors} errors: {each.error}"
    if each.error:
        return each.error
    if each.given_up:
        return "clearly worse, not measured to the end"
    return "" if objective.is_met_by(each) else "too slow"


class Progress:
    """Shows the progress of a search: a bar on a terminal, elsewhere a line for each setting that has been measured."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._is_terminal = self._out.isatty()

    def show(self, done: int, expected: int, found: Measurement) -> None:
        """Show that `done` of about `expected` settings have been measured, this one last."""
        expected = max(done, expected)
        result = f"{found.rate:.0f}/s, p95 {found.p95:.1f} ms" if found.rate else found.error
        if not self._is_terminal:
            print(f"{done} of about {expected}: {found.setting}: {result}", file=self._out, flush=True)
            return
        full = _BAR_CHARACTERS * done // expected
        text = f"[{'#' * full}{'.' * (_BAR_CHARACTERS - full)}] {done} of about {expected}: {found.setting}: {result}"
        print(f"\r\x1b[K{text[:150]}", end="", file=self._out, flush=True)

    def clear(self) -> None:
        """Remove the bar."""
        if self._is_terminal:
            print("\r\x1b[K", end="", file=self._out, flush=True)
