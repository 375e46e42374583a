"""The page docs/scale.md and its chart, made of the figures alone."""

from collections.abc import Iterator, Sequence

from app.replicas.following import JITTER
from model_registry.state.heartbeats import INTERVAL_SECONDS, LIFETIME_INTERVALS, heartbeat_interval
from tests.benchmarks import plot
from tests.benchmarks.scale.convergence import ROUNDS, convergence
from tests.benchmarks.scale.limits import MODEL_MIB, bulk_minutes, limits, models_in_memory
from tests.benchmarks.scale.requests import (
    CHANGES_PER_HOUR,
    INTERVAL,
    document_bytes,
    dollars_per_month,
    idle_hour,
    one_change,
)
from tests.benchmarks.scale.stores import CLOUD_STORAGE, S3, STORES

SIZES = ((1, 10), (3, 10), (10, 100), (100, 1000), (1000, 10_000))
"""Replicas and models."""
DIVIDED, STATES = (1000, 10_000), 20
CHART = "images/scale.svg"


def page() -> str:
    """The page."""
    return "\n".join([*_beginning(), *_requests(), *_convergence(), *_limits(), *_division()]) + "\n"


def chart() -> str:
    """The dollars of a month by the number of replicas, at each store, with 100 models."""
    counts = (1, 3, 10, 30, 100, 300, 1000)
    series = {store.name: [(count, dollars_per_month(count, 100, store)) for count in counts] for store in STORES}
    return plot.lines("Requests of a shared state", "replicas", "dollars a month", series)


def _beginning() -> Iterator[str]:
    yield f"""# From one replica to a thousand

A [shared state](serving.md#several-replicas-one-state) is one object that each replica looks at every {INTERVAL:g} s,
and a heartbeat of each beside it. This page says what that costs, how fast a change is everywhere, and where it
ends. It is computed, not measured: `python -m tests.benchmarks.scale` writes it from the intervals that are
in the code, and a test holds that it is what that writes. Prices are list prices of one region; bytes within a region
cost nothing.
"""


def _requests() -> Iterator[str]:
    yield f"""## Requests and their price

An hour without a change, then one change with `wait=fleet`, then a month with {CHANGES_PER_HOUR} changes an hour:
"""
    columns = ["replicas", "models", "reads/h", "heartbeats/h", "listings/h"]
    columns += ["a change: reads", "writes", "listings", "bytes read", *(f"{each.name}, $/month" for each in STORES)]
    yield from (_row(columns), "|---" * len(columns) + "|")
    for replicas, models in SIZES:
        idle, change = idle_hour(replicas), one_change(replicas, models)
        prices = (f"{dollars_per_month(replicas, models, store):,.2f}" for store in STORES)
        counts = (idle.reads, idle.writes, idle.listings, change.reads, change.writes, change.listings)
        yield _row([replicas, models, *counts, _size(change.read_bytes), *prices])
    yield f"""
![Price by replicas]({CHART})

Nearly all reads are answered with 304 and no body. Up to 100 replicas the heartbeats, one in {INTERVAL_SECONDS:g} s
from each, cost most; more replicas write more rarely ({heartbeat_interval(1000):g} s at 1,000), so that all together
write {1000 / heartbeat_interval(1000):g} a second. A longer `state_interval` lowers the reads in proportion.
"""


def _convergence() -> Iterator[str]:
    yield f"""## How fast a change is everywhere

Seconds from the answer to the writer until replicas begin to load what is new (medians of {ROUNDS} simulated
changes). The time that the model takes to load comes on top, and is the same for all. Intervals differ by
{JITTER:.0%}, so that replicas do not ask at once.

| replicas | half of the others | the last one | the last one at worst | a killed one counts as alive for |
|---|---|---|---|---|"""
    for replicas, _ in SIZES:
        found = convergence(replicas)
        seen = LIFETIME_INTERVALS * heartbeat_interval(replicas)
        yield _row([replicas, f"{found.half:.1f} s", f"{found.last:.1f} s", f"{found.worst:.1f} s", f"{seen:g} s"])
    yield """
With `wait=fleet` the caller learns it a heartbeat and a listing later. A store that was away changes nothing of this:
the first look after it is back is at most one interval away.
"""


def _limits() -> Iterator[str]:
    yield """## Where it ends first

| at | what ends | what to do then |
|---|---|---|"""
    yield from (_row(limit) for limit in limits())
    yield ""


def _division() -> Iterator[str]:
    replicas, models = DIVIDED
    part = (replicas // STATES, models // STATES)
    memory = [f"{count * MODEL_MIB / 1024:,.1f} GiB" for count in (models, part[1])]
    yield f"""## A thousand replicas and ten thousand models

One document of {models:,} models has {_size(document_bytes(models))}: it fits, but no replica holds the models in
memory ({memory[0]} at {MODEL_MIB} MiB each; {models_in_memory():,} fit). Divided among {STATES} documents each has
{part[0]} replicas with {part[1]} models ({_size(document_bytes(part[1]))}), and a balancer chooses by the model's name
in the path:

```sh
marserve serve --model-store s3://models/part-07 --state s3://models/part-07/state.json
```

| | one document | {STATES} documents |
|---|---|---|"""
    yield _row(["memory of the models in a replica", *memory])
    yield _row(
        ["read by all replicas after a change", *(_size(one_change(*each).read_bytes) for each in (DIVIDED, part))]
    )
    latest = [f"{convergence(count).last:.1f} s" for count in (replicas, part[0])]
    yield _row(["the last replica begins to load after", *latest])
    for store in (CLOUD_STORAGE, S3):
        minutes = [f"{bulk_minutes(store.writes_per_second * count):.1f} min" for count in (1, STATES)]
        yield _row([f"{models:,} registrations by a call each, {store.name}", *minutes])
    for store in STORES:
        dollars = [dollars_per_month(*DIVIDED, store), STATES * dollars_per_month(*part, store)]
        yield _row([f"dollars a month, {store.name}", *dollars])
    yield """
The division costs heartbeats, as small groups write at the full rate; it is what makes the memory possible at all."""


def _row(values: Sequence[object]) -> str:
    cells = (f"{value:,.0f}" if isinstance(value, int | float) else str(value) for value in values)
    return f"| {' | '.join(cells)} |"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
