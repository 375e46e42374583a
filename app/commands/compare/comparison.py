"""What came of sending the same requests to two servers: verdicts, counts, latencies, as values and as text."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from app.commands.compare.differences import Difference, Rule, differences
from app.commands.http_client import Answer, Failure, Peer
from app.commands.sample_requests import Sample

VERDICTS = ("equal", "different", "failed")
SHOWN = 12
"""How many differences of one request are printed; a JSON report has them all."""


@dataclass(frozen=True, slots=True)
class Round:
    """One sending of a request to both servers."""

    baseline: Answer | Failure
    candidate: Answer | Failure
    differences: Sequence[Difference] = ()

    @property
    def verdict(self) -> str:
        """One of VERDICTS; failed, where one of the two gave no answer."""
        if isinstance(self.baseline, Failure) or isinstance(self.candidate, Failure):
            return "failed"
        return "different" if self.differences else "equal"

    def light(self) -> "Round":
        """The same without the bodies: thousands of them would not fit into memory."""
        return replace(self, baseline=_light(self.baseline), candidate=_light(self.candidate))


@dataclass(frozen=True)
class Comparison:
    """A request and its rounds."""

    sample: Sample
    rounds: Sequence[Round]
    steady: bool = True
    """Whether the baseline agrees with itself in all rounds."""

    @cached_property
    def worst(self) -> Round:
        """The first of the rounds that came out worst."""
        return max(self.rounds, key=lambda each: VERDICTS.index(each.verdict))

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        return self.worst.verdict

    @property
    def unreachable(self) -> bool:
        """Whether no connection could be made to one of the servers."""
        outcomes = [outcome for each in self.rounds for outcome in (each.baseline, each.candidate)]
        return any(isinstance(outcome, Failure) and outcome.unreachable for outcome in outcomes)


def _light(outcome: Answer | Failure) -> Answer | Failure:
    return outcome.without_body() if isinstance(outcome, Answer) else outcome


def compare(sample: Sample, baseline: Peer, candidate: Peer, rule: Rule, repeat: int = 1) -> Comparison:
    """Send a request to both servers, `repeat` times, the baseline first."""
    rounds = [_round(baseline.ask(sample), candidate.ask(sample), rule) for _ in range(repeat)]
    answers = [each.baseline for each in rounds if isinstance(each.baseline, Answer)]
    steady = not any(differences(answers[0], other, rule) for other in answers[1:])
    return Comparison(sample, [each.light() for each in rounds], steady)


def _round(baseline: Answer | Failure, candidate: Answer | Failure, rule: Rule) -> Round:
    if isinstance(baseline, Failure) or isinstance(candidate, Failure):
        return Round(baseline, candidate)
    return Round(baseline, candidate, differences(baseline, candidate, rule))


def as_lines(comparison: Comparison) -> Iterator[str]:
    """What a person reads of a request whose answers are not equal; nothing of one whose are."""
    if comparison.verdict == "equal":
        return
    bad = sum(each.verdict != "equal" for each in comparison.rounds)
    times = f", {bad} of {len(comparison.rounds)} times" if len(comparison.rounds) > 1 else ""
    yield f"{comparison.sample}  ({comparison.sample.place}{times})"
    yield from _failures(comparison.worst)
    found = comparison.worst.differences
    yield from (f"  {_line(each)}" for each in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} more; --json tells them all"
    if not comparison.steady:
        yield "  the baseline itself answers differently from time to time"


def _failures(worst: Round) -> Iterator[str]:
    for name, outcome in (("baseline", worst.baseline), ("candidate", worst.candidate)):
        if isinstance(outcome, Failure):
            yield f"  no answer of the {name}: {outcome.reason}"


def _line(difference: Difference) -> str:
    gap = "" if difference.gap is None else f"  (off by {difference.gap:.2g})"
    return f"{difference.where:<32}  {difference.baseline}  ->  {difference.candidate}{gap}"


def summary(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The table at the end: a line for each path, and one for all."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(str(comparison.sample), []).append(comparison)
    width = max(map(len, groups), default=0)
    yield f"{'':<{width}}  {'equal':>6}  {'different':>9}  {'failed':>6}  {'baseline':>10}  {'candidate':>10}"
    yield from (_row(name, group, width) for name, group in groups.items())
    if len(groups) > 1:
        yield _row("all", comparisons, width)
    yield from _advice(comparisons)


def _row(name: str, group: Sequence[Comparison], width: int) -> str:
    equal, different, failed = (sum(each.verdict == verdict for each in group) for verdict in VERDICTS)
    times = (_milliseconds(_median(group, server)) for server in ("baseline", "candidate"))
    return f"{name:<{width}}  {equal:>6}  {different:>9}  {failed:>6}  " + "  ".join(f"{time:>10}" for time in times)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.2f} ms"


def _median(group: Sequence[Comparison], server: str) -> float | None:
    """The median latency of the answers that one server gave, in seconds."""
    outcomes = [getattr(each, server) for comparison in group for each in comparison.rounds]
    seconds = [outcome.seconds for outcome in outcomes if isinstance(outcome, Answer)]
    return statistics.median(seconds) if seconds else None


def _advice(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What tolerance would be needed, where nothing but numbers differ."""
    found = [each for comparison in comparisons for each in comparison.worst.differences]
    if found and all(each.gap is not None for each in found):
        yield f"Nothing but numbers differ, by {max(each.gap or 0 for each in found):.2g} at most; see --tolerance."


def report(comparisons: Sequence[Comparison], baseline: Peer, candidate: Peer) -> dict[str, Any]:
    """All of it as a JSON object; latencies are medians in seconds."""
    counts = {verdict: sum(each.verdict == verdict for each in comparisons) for verdict in VERDICTS}
    return {
        **counts,
        "baseline": {"url": baseline.url, "latency": _median(comparisons, "baseline")},
        "candidate": {"url": candidate.url, "latency": _median(comparisons, "candidate")},
        "requests": [_entry(comparison) for comparison in comparisons],
    }


def _entry(comparison: Comparison) -> dict[str, Any]:
    worst = comparison.worst
    return {
        "place": comparison.sample.place,
        "method": comparison.sample.method,
        "path": comparison.sample.path,
        "verdict": comparison.verdict,
        "steady": comparison.steady,
        "baseline": _outcome(worst.baseline),
        "candidate": _outcome(worst.candidate),
        "differences": [asdict(each) for each in worst.differences],
    }


def _outcome(outcome: Answer | Failure) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"failure": outcome.reason}
    return {"status": outcome.status, "latency": outcome.seconds}
