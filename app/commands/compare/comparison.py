"""The same requests, sent to two servers: responses and their differences, verdicts, medians of latencies."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from app.commands.compare.differences import Difference, Rule, differences
from app.commands.http_client import HttpClient, NoResponse, Response
from app.commands.sample_requests import Sample

VERDICTS = ("equal", "different", "failed")
"""From the best to the worst."""


@dataclass(frozen=True, slots=True)
class Round:
    """One sending of a request to both servers."""

    baseline: Response | NoResponse
    candidate: Response | NoResponse
    differences: Sequence[Difference] = ()

    @property
    def verdict(self) -> str:
        """One of VERDICTS; "failed" where one of the two did not respond."""
        if isinstance(self.baseline, NoResponse) or isinstance(self.candidate, NoResponse):
            return "failed"
        return "different" if self.differences else "equal"

    def without_bodies(self) -> "Round":
        """The round as it is kept: the bodies of thousands would not fit into memory."""
        return replace(self, baseline=_without_body(self.baseline), candidate=_without_body(self.candidate))


@dataclass(frozen=True)
class Comparison:
    """A request and its rounds."""

    sample: Sample
    rounds: Sequence[Round]
    is_steady: bool = True
    """Whether the baseline agrees with itself in all rounds."""

    @cached_property
    def worst(self) -> Round:
        """The first of the rounds with the worst verdict."""
        return max(self.rounds, key=lambda each: VERDICTS.index(each.verdict))

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        return self.worst.verdict

    @property
    def is_unreachable(self) -> bool:
        """Whether no connection could be made to one of the servers."""
        outcomes = [outcome for each in self.rounds for outcome in (each.baseline, each.candidate)]
        return any(isinstance(outcome, NoResponse) and outcome.unreachable for outcome in outcomes)


def compare(sample: Sample, baseline: HttpClient, candidate: HttpClient, rule: Rule, repeat: int = 1) -> Comparison:
    """Send a request to both servers, `repeat` times, the baseline first."""
    rounds = [_round(_send(sample, baseline), _send(sample, candidate), rule) for _ in range(repeat)]
    responses = [each.baseline for each in rounds if isinstance(each.baseline, Response)]
    is_steady = not any(any(differences(responses[0], other, rule)) for other in responses[1:])
    return Comparison(sample, [each.without_bodies() for each in rounds], is_steady)


def median_latency(comparisons: Sequence[Comparison], server: str) -> float | None:
    """The median seconds of the responses of one server, "baseline" or "candidate"; None without any."""
    outcomes = [getattr(each, server) for comparison in comparisons for each in comparison.rounds]
    seconds = [outcome.seconds for outcome in outcomes if isinstance(outcome, Response)]
    return statistics.median(seconds) if seconds else None


def _send(sample: Sample, server: HttpClient) -> Response | NoResponse:
    try:
        return server.send(sample.method, sample.path, sample.headers, sample.body)
    except NoResponse as error:
        return error


def _round(baseline: Response | NoResponse, candidate: Response | NoResponse, rule: Rule) -> Round:
    if isinstance(baseline, NoResponse) or isinstance(candidate, NoResponse):
        return Round(baseline, candidate)
    return Round(baseline, candidate, list(differences(baseline, candidate, rule)))


def _without_body(outcome: Response | NoResponse) -> Response | NoResponse:
    return outcome.without_body() if isinstance(outcome, Response) else outcome
