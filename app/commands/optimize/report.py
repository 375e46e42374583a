"""The table of `marserve optimize`, as text, Markdown, or an object for machines."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.commands.optimize.agreement import figures
from app.commands.optimize.measurement import Figures
from app.commands.optimize.session import Plan, Result, best

_MIB = 1 << 20


def lines(results: Sequence[Result], plan: Plan) -> Iterator[str]:
    """The table, the reasons of what was left out, notes, and the best."""
    measured = [result for result in results if result.pair is not None]
    if measured:
        yield from _aligned([_head(plan), *_rows(measured, plan)])
    for result in results:
        if not result.ok:
            yield f"left out     {result.target}: {result.reason}"
        for note in result.notes:
            yield f"             {result.target}: {note}"
        if result.agreement is not None:
            yield f"             {result.target}: {'; '.join(figures(result.agreement))}"
    yield from _conclusion(results, plan)


def _conclusion(results: Sequence[Result], plan: Plan) -> Iterator[str]:
    winner = best(results)
    if winner is None or winner.pair is None:
        yield "BEST         the original: no target within the tolerance serves more"
        return
    yield f"BEST         {plan.out / winner.archive}: {winner.pair.gain:.1f} times the throughput of the original"


def markdown(results: Sequence[Result], plan: Plan) -> Iterator[str]:
    """The table for a document."""
    head = _head(plan)
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in _rows([result for result in results if result.pair is not None], plan):
        yield f"| {' | '.join(row)} |"


def as_json(results: Sequence[Result], plan: Plan) -> dict[str, Any]:
    """For machines."""
    winner = best(results)
    return {
        "ok": True, "archive": str(plan.archive), "out": str(plan.out), "best": winner and winner.target,
        "results": [result.as_json() for result in results],
    }  # fmt: skip


def _head(plan: Plan) -> list[str]:
    rates = [f"req/s of a core, {size} at once" for size in plan.batch_sizes]
    return ["", "ms of one", *rates, "gain", "memory MiB", "file MiB", "start s", "top-1", "top-5", "mean diff",
            "max diff", "equal answers"]  # fmt: skip


def _rows(measured: Sequence[Result], plan: Plan) -> Iterator[list[str]]:
    first = measured[0].pair
    assert first is not None
    yield ["original", *_figures(first.original, 1.0), *("-",) * 5]
    for result in measured:
        assert result.pair is not None
        assert result.agreement is not None
        found = result.agreement
        parts = [_percent(found.top1), _percent(found.top_k), f"{found.mean:.2g}", f"{found.largest:.2g}"]
        yield [result.target, *_figures(result.pair.target, result.pair.gain), *parts, _percent(found.answers)]


def _figures(each: Figures, gain: float) -> list[str]:
    memory = "-" if each.memory is None else f"{each.memory / _MIB:.0f}"
    rates = [f"{rate:.0f}" for rate in each.rates.values()]
    return [f"{each.latency:.2f}", *rates, f"{gain:.2f}", memory, f"{each.size / _MIB:.2f}", f"{each.start:.1f}"]


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{part:.1%}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (text.rjust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join([first.strip().ljust(widths[0]), *others])
