"""The report of `marserve compare`: lines for people, an object for machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from app.commands.compare.comparison import VERDICTS, Comparison, median_latency
from app.commands.compare.differences import Difference
from app.commands.http_client import HttpClient, NoResponse, Response

MAX_DIFFERENCES = 12
"""Differences of one request that are printed; the JSON report has them all."""
SERVERS = ("baseline", "candidate")


def as_lines(comparison: Comparison) -> Iterator[str]:
    """The differences of one request; nothing if its responses are equal."""
    if comparison.verdict == "equal":
        return
    bad = sum(each.verdict != "equal" for each in comparison.rounds)
    times = f", {bad} of {len(comparison.rounds)} times" if len(comparison.rounds) > 1 else ""
    yield f"{comparison.sample}  ({comparison.sample.place}{times})"
    for server in SERVERS:
        outcome = getattr(comparison.worst, server)
        if isinstance(outcome, NoResponse):
            yield f"  no answer of the {server}: {outcome}"
    found = comparison.worst.differences
    yield from (f"  {_line(each)}" for each in found[:MAX_DIFFERENCES])
    if len(found) > MAX_DIFFERENCES:
        yield f"  and {len(found) - MAX_DIFFERENCES} more; --json shows them all"
    if not comparison.is_steady:
        yield "  the baseline itself answers differently from time to time"


def _line(difference: Difference) -> str:
    gap = "" if difference.gap is None else f"  (off by {difference.gap:.2g})"
    return f"{difference.where:<32}  {difference.baseline}  ->  {difference.candidate}{gap}"


def summary(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The table at the end: a line for each path, one for all, and remarks."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(str(comparison.sample), []).append(comparison)
    width = max(map(len, groups), default=0)
    yield f"{'':<{width}}  {'equal':>6}  {'different':>9}  {'failed':>6}  {'baseline':>10}  {'candidate':>10}"
    yield from (_row(name, group, width) for name, group in groups.items())
    if len(groups) > 1:
        yield _row("all", comparisons, width)
    found = [each for comparison in comparisons for each in comparison.worst.differences]
    if found and all(each.gap is not None for each in found):
        yield f"Nothing but numbers differ, by {max(each.gap or 0 for each in found):.2g} at most; see --tolerance."
    equal = (each.worst.baseline for each in comparisons if each.verdict == "equal")
    errors = Counter(answer.status for answer in equal if isinstance(answer, Response) and answer.status >= 400)
    for status, count in sorted(errors.items()):
        yield f"{count} of the equal answers are {status} on both servers."


def _row(name: str, group: Sequence[Comparison], width: int) -> str:
    equal, different, failed = (sum(each.verdict == verdict for each in group) for verdict in VERDICTS)
    medians = (median_latency(group, server) for server in SERVERS)
    times = ("-" if seconds is None else f"{seconds * 1e3:.2f} ms" for seconds in medians)
    return f"{name:<{width}}  {equal:>6}  {different:>9}  {failed:>6}  " + "  ".join(f"{time:>10}" for time in times)


def as_json(comparisons: Sequence[Comparison], baseline: HttpClient, candidate: HttpClient) -> dict[str, Any]:
    """The report for machines; latencies are medians in seconds."""
    return {
        **{verdict: sum(each.verdict == verdict for each in comparisons) for verdict in VERDICTS},
        "baseline": {"url": baseline.url, "latency": median_latency(comparisons, "baseline")},
        "candidate": {"url": candidate.url, "latency": median_latency(comparisons, "candidate")},
        "requests": [_request(comparison) for comparison in comparisons],
    }


def _request(comparison: Comparison) -> dict[str, Any]:
    sample, worst = comparison.sample, comparison.worst
    return {
        "place": sample.place,
        "method": sample.method,
        "path": sample.path,
        "verdict": comparison.verdict,
        "steady": comparison.is_steady,
        "baseline": _outcome(worst.baseline),
        "candidate": _outcome(worst.candidate),
        "differences": [asdict(each) for each in worst.differences],
    }


def _outcome(outcome: Response | NoResponse) -> dict[str, Any]:
    if isinstance(outcome, NoResponse):
        return {"failure": str(outcome)}
    return {"status": outcome.status, "latency": outcome.seconds}
