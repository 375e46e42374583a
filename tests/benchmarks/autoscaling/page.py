"""The page docs/autoscaling.md and its charts."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.autoscaling.autoscaler import SYNC_SECONDS, Bounds
from tests.benchmarks.autoscaling.loads import Load, burst, day
from tests.benchmarks.autoscaling.pods import Capacity
from tests.benchmarks.autoscaling.simulation import (
    SCRAPE_SECONDS,
    Metric,
    Outcome,
    Sample,
    ongoing,
    queued,
    simulate,
    utilization,
)
from tests.benchmarks.time_chart import Line, Panel, panels

MEASURED = Path(__file__).parents[1] / "results" / "overload.json"
START_SECONDS = 20
PEAK_PODS = 6
"""The peaks of the loads, in pods that are full."""
CHARTS = {
    "a day": ("images/autoscaling-day.svg", 3600.0, "hours"),
    "a burst": ("images/autoscaling-burst.svg", 60.0, "minutes"),
}
IN_CHARTS = ("queue, 4", "CPU 70 % and queue, 4")


def measured_capacity() -> Capacity:
    """A pod with the model of tests.benchmarks.overload, as that has measured it: 100 places in its queue."""
    before, overload, *_ = json.loads(MEASURED.read_text(encoding="utf-8"))["rows"]
    return Capacity(overload["answered/s"], before["accepted p50 ms"] / 1000, 100, START_SECONDS)


def loads(capacity: Capacity) -> tuple[Load, Load]:
    """A burst from three quarters of a pod, and a day; both to the same peak."""
    return burst(0.75 * capacity.rate, PEAK_PODS * capacity.rate), day(PEAK_PODS * capacity.rate)


def policies(capacity: Capacity) -> dict[str, list[Metric]]:
    """The metrics that a deployment may be scaled by; the fourth are the manifest's."""
    return {
        "queue, 4": [queued(4)],
        "CPU 60 %": [utilization(60)],
        "CPU 70 %": [utilization(70)],
        "CPU 70 % and queue, 4": [utilization(70), queued(4)],
        "ongoing requests, 70 %": [ongoing(capacity, 0.7)],
    }


def outcomes(load: Load, capacity: Capacity) -> dict[str, Outcome]:
    """Each policy under a load."""
    bounds = Bounds.of_manifest()
    return {name: simulate(load, capacity, bounds, metrics) for name, metrics in policies(capacity).items()}


def page(found: dict[str, dict[str, Outcome]], capacity: Capacity) -> str:
    """The page, of the outcomes by load and policy."""
    tables = (line for load, by_policy in found.items() for line in _table(load, by_policy))
    return "\n".join([*_beginning(capacity), *tables, *_reading(found)]) + "\n"


def chart(load: str, by_policy: dict[str, Outcome]) -> str:
    """Load, pods, p95 and refusals over time, of the queue alone beside the manifest's metrics."""
    _, seconds, unit = CHARTS[load]
    shown = {name: by_policy[name].samples for name in IN_CHARTS}
    offered = Line("offered", [(each.at, each.offered) for each in shown[IN_CHARTS[0]]])

    def panel(title: str, value: Callable[[Sample], float]) -> Panel:
        return Panel(title, [Line(name, [(each.at, value(each)) for each in found]) for name, found in shown.items()])

    return panels(f"Autoscaling, {load}", seconds, unit, [
        Panel("requests a second", [offered]),
        panel("pods", lambda sample: sample.pods),
        panel("p95, ms", lambda sample: 1000 * sample.p95),
        panel("refused a second", lambda sample: sample.refused),
    ])  # fmt: skip


def _beginning(capacity: Capacity) -> Iterator[str]:
    yield f"""# Autoscaling

Kubernetes' autoscaler against two loads, simulated: no cluster was at hand. `python -m tests.benchmarks.autoscaling`
writes this page. The control loop is that of `autoscaling/v2` (every {SYNC_SECONDS} s, 10 % tolerance, at most four
pods or the double at once, scaled down by the highest wish of five minutes), its bounds are those of
`deploy/kubernetes/hpa.yaml`, metrics are scraped every {SCRAPE_SECONDS} s. A pod is what
[the overload benchmark](../tests/benchmarks/results/overload.md) has measured: {capacity.rate:.0f} requests a second,
{1000 * capacity.seconds:.0f} ms for one that does not wait, {capacity.queue} places in the queue. It takes
{capacity.start_seconds:.0f} s from the decision until it is ready, an assumption: scheduling, a pulled image, loading.
"""


def _table(load: str, by_policy: dict[str, Outcome]) -> Iterator[str]:
    yield f"""## {load.capitalize()}

| scaled by | pods, mean | pods, most | refused | p50 | p95 | p99 |
|---|---|---|---|---|---|---|"""
    for name, each in by_policy.items():
        latencies = " | ".join(f"{1000 * seconds:.0f} ms" for seconds in (each.p50, each.p95, each.p99))
        yield f"| {name} | {each.mean_pods:.1f} | {each.max_pods} | {each.refused:.2%} | {latencies} |"
    yield f"\n![{load.capitalize()}]({CHARTS[load][0]})\n"


def _reading(found: dict[str, dict[str, Outcome]]) -> Sequence[str]:
    alone, both = (found["a day"][name] for name in IN_CHARTS)
    sudden = found["a burst"][IN_CHARTS[1]]
    return [
        f"""## What follows

- **The queue alone is no measure.** It is empty until a pod is full; then it asks for many pods, the queues vanish, and
  five minutes later the pods are taken away again. Over the day {alone.refused:.1%} are refused, with
  {alone.mean_pods:.1f} pods on average.
- **CPU and queue together**, as the manifest has it: {both.refused:.1%} refused with {both.mean_pods:.1f} pods.
  The CPU asks before a pod is full, the queue in a burst, where the CPU cannot say more than full.
- **A model on a GPU** leaves the CPU idle. `marserve_ongoing_requests`, which the rules of the adapter make of the
  histogram of durations, does what both do. Its target depends on the model: 70 % of batch size times workers.
- **A burst** to {PEAK_PODS} full pods within ten seconds refuses {sudden.refused:.1%} whatever one does, until the
  new pods are ready: refusals are 503 at once, and clients may ask again. Only a larger `minReplicas` helps."""
    ]
