"""A deployment under a load curve, scaled by a metric: pods, latencies and refusals over time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tests.benchmarks.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Bounds
from tests.benchmarks.autoscaling.loads import Load
from tests.benchmarks.autoscaling.pods import Capacity, Pods, Step

SCRAPE_SECONDS = 15
SYNC_OFFSET_SECONDS = 10
"""From a scrape to the control loop's next look: the way through Prometheus and its adapter."""
SAMPLES = 240
"""Points of a curve in a chart."""


class Metric(NamedTuple):
    """A metric and its target average."""

    of_pod: Callable[[float, float], float]
    """By the requests that wait in it, and by the share of its time that it was busy since the last scrape."""
    target: float


def queued(target: float) -> Metric:
    """marserve_queued_requests."""
    return Metric(lambda waiting, _: waiting, target)


def utilization(target: float) -> Metric:
    """The CPU in percent of its request, of a pod that uses it all while it answers requests."""
    return Metric(lambda _, busy: 100 * busy, target)


def ongoing(capacity: Capacity, share: float) -> Metric:
    """marserve_ongoing_requests; the target is a share of those that a pod answers at once when it is full."""
    at_once = capacity.rate * capacity.seconds
    return Metric(lambda waiting, busy: waiting + at_once * busy, share * at_once)


class Sample(NamedTuple):
    """A part of the time: its beginning, the offered and refused requests a second, the pods, and the p95."""

    at: float
    offered: float
    refused: float
    pods: float
    p95: float


class Outcome(NamedTuple):
    """Pods on average and at most, the share of refused requests, quantiles of the answered ones in seconds."""

    mean_pods: float
    max_pods: int
    refused: float
    p50: float
    p95: float
    p99: float
    samples: list[Sample]


class _Recorder:
    """Latencies with their weights, in all and by parts of the time, and what each part has seen."""

    def __init__(self, seconds: float) -> None:
        self._length = seconds / SAMPLES
        self._all: list[Step] = []
        self._part: list[tuple[int, int, Step]] = []
        self.samples: list[Sample] = []
        self.offered = self.refused = 0

    def record(self, now: float, arrivals: int, pods: int, step: Step) -> None:
        """Add a step."""
        self.offered, self.refused = self.offered + arrivals, self.refused + step.refused
        self._all.append(step)
        self._part.append((arrivals, pods, step))
        if now >= (len(self.samples) + 1) * self._length:
            offered, counts, steps = zip(*self._part, strict=True)
            rates = (sum(offered) / self._length, sum(each.refused for each in steps) / self._length)
            self.samples.append(Sample(now, *rates, sum(counts) / len(counts), *_quantiles(steps, 0.95)))
            self._part = []

    def quantiles(self, *shares: float) -> list[float]:
        """Quantiles of all answers."""
        return _quantiles(self._all, *shares)


def _quantiles(steps: Sequence[Step], *shares: float) -> list[float]:
    """Quantiles of latencies that count with the numbers of their answers."""
    weights = np.concatenate([each.answered for each in steps])
    values = np.concatenate([each.latencies for each in steps])
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    places = (np.searchsorted(below, share * below[-1]) for share in shares)
    return [float(values[order][min(place, below.size - 1)]) for place in places]


def simulate(load: Load, capacity: Capacity, bounds: Bounds, metrics: Sequence[Metric], seed: int = 19) -> Outcome:
    """Run a load curve against a deployment that starts with its fewest pods."""
    rng, pods, recorder = np.random.default_rng(seed), Pods(capacity, bounds.min_pods), _Recorder(load.seconds)
    autoscaler, scraped, most = Autoscaler(bounds, [each.target for each in metrics]), list[list[float]](), 0
    for number in range(round(load.seconds / load.step)):
        now = number * load.step
        arrivals = int(rng.poisson(load.rate(now) * load.step))
        recorder.record(now, arrivals, pods.count, pods.serve(now, arrivals, load.step, rng))
        if now % SCRAPE_SECONDS == 0:
            seen = zip(pods.queues, pods.busy_seconds / SCRAPE_SECONDS, strict=True)
            scraped = [[metric.of_pod(*each) for metric in metrics] for each in seen]
            pods.busy_seconds[:] = 0
        if now % SYNC_SECONDS == SYNC_OFFSET_SECONDS:
            pods.scale(now, autoscaler.decide(now, scraped[: pods.queues.size], pods.count))
            most = max(most, pods.count)
    mean = sum(each.pods for each in recorder.samples) / len(recorder.samples)
    return Outcome(
        mean, most, recorder.refused / recorder.offered, *recorder.quantiles(0.5, 0.95, 0.99), recorder.samples
    )
