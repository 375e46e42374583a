"""The metrics of models of repositories, in Prometheus' text format under Triton's names."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from handler.tensors.statistics import Failure, Statistics
from model_registry.tensors.response_cache import ResponseCache
from model_registry.triton.model_states import ModelStates, Served

PINNED_MEMORY_BYTES = 268_435_456
"""The size of a pool that Triton has; none is needed here, but dashboards ask for it."""
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
Labels = Mapping[str, str]
Kind = Literal["counter", "gauge", "histogram"]


class Family(NamedTuple):
    """A family with one series for each version."""

    name: str
    kind: Kind
    help: str
    read: Callable[[Served], float]


def _of(read: Callable[[Statistics], float]) -> Callable[[Served], float]:
    return lambda served: read(served.model.statistics)


def _microseconds(read: Callable[[Statistics], int]) -> Callable[[Served], float]:
    return lambda served: read(served.model.statistics) // 1000


SUCCESS = Family(
    "nv_inference_request_success", "counter", "Number of successful inference requests, all batch sizes",
    _of(lambda counted: counted.success.count),
)  # fmt: skip
FAILURE = ("nv_inference_request_failure", "counter", "Number of failed inference requests, all batch sizes")
COUNTERS = [
    Family(
        "nv_inference_count", "counter", "Number of inferences performed (does not include cached requests)",
        _of(lambda counted: counted.inference_count),
    ),
    Family(
        "nv_inference_exec_count", "counter", "Number of model executions performed (does not include cached requests)",
        _of(lambda counted: counted.execution_count),
    ),
    Family(
        "nv_inference_request_duration_us", "counter",
        "Cumulative inference request duration in microseconds (includes cached requests)",
        _microseconds(lambda counted: counted.success.nanoseconds),
    ),
    Family(
        "nv_inference_queue_duration_us", "counter",
        "Cumulative inference queuing duration in microseconds (includes cached requests)",
        _microseconds(lambda counted: counted.queue.nanoseconds),
    ),
    Family(
        "nv_inference_compute_input_duration_us", "counter",
        "Cumulative compute input duration in microseconds (does not include cached requests)",
        _microseconds(lambda counted: counted.compute.compute_input.nanoseconds),
    ),
    Family(
        "nv_inference_compute_infer_duration_us", "counter",
        "Cumulative compute inference duration in microseconds (does not include cached requests)",
        _microseconds(lambda counted: counted.compute.compute_infer.nanoseconds),
    ),
    Family(
        "nv_inference_compute_output_duration_us", "counter",
        "Cumulative inference compute output duration in microseconds (does not include cached requests)",
        _microseconds(lambda counted: counted.compute.compute_output.nanoseconds),
    ),
]  # fmt: skip
CACHE = [
    Family(
        "nv_cache_num_hits_per_model", "counter", "Number of cache hits per model",
        _of(lambda counted: counted.cache_hit.count),
    ),
    Family(
        "nv_cache_num_misses_per_model", "counter", "Number of cache misses per model",
        _of(lambda counted: counted.cache_miss.count),
    ),
    Family(
        "nv_cache_hit_duration_per_model", "counter", "Total cache hit duration per model, in microseconds",
        _microseconds(lambda counted: counted.cache_hit.nanoseconds),
    ),
    Family(
        "nv_cache_miss_duration_per_model", "counter", "Total cache miss duration per model, in microseconds",
        _microseconds(lambda counted: counted.cache_miss.nanoseconds),
    ),
]  # fmt: skip
PENDING = Family(
    "nv_inference_pending_request_count", "gauge",
    "Instantaneous number of pending requests awaiting execution per-model.", lambda served: len(served.batcher),
)  # fmt: skip


class MetricsPage:
    """Reads the counters of every version that serves, whenever it is asked for."""

    def __init__(self, states: ModelStates, cache: ResponseCache | None = None, *, has_cpu: bool = True) -> None:
        self._states = states
        self._cache = cache
        self._families = [*COUNTERS, *(CACHE if cache is not None else ()), PENDING]
        self._cpu = CpuGauges() if has_cpu else None

    def __repr__(self) -> str:
        return f"<MetricsPage of {self._states}>"

    def render(self) -> str:
        """The page."""
        versions = [served for model in self._states for served in model.ready().values()]
        labels = [_labels(served) for served in versions]
        lines = [*_family(SUCCESS, versions, labels), *_failures(versions, labels)]
        for family in self._families:
            lines += _family(family, versions, labels)
        lines += _gauge(
            "nv_pinned_memory_pool_total_bytes", "Pinned memory pool total memory size, in bytes", PINNED_MEMORY_BYTES
        )
        lines += _gauge("nv_pinned_memory_pool_used_bytes", "Pinned memory pool used memory size, in bytes", 0)
        lines += _cache_gauges(self._cache) if self._cache is not None else ()
        lines += self._cpu.lines() if self._cpu is not None else ()
        lines += _own_families()
        return "".join(f"{line}\n" for line in lines)


class CpuGauges:
    """The host's processors and memory; a platform without /proc has none."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._ticks = self._read_ticks()

    def __repr__(self) -> str:
        return f"<CpuGauges of {self._proc}>"

    def lines(self) -> Iterator[str]:
        """The three gauges; utilization is the mean since the last call."""
        before, self._ticks = self._ticks, self._read_ticks()
        if self._ticks is None or before is None:
            return
        busy, total = (now - then for now, then in zip(self._ticks, before, strict=True))
        yield from _gauge("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", busy / total if total else 0.0)
        lines = (line.split(":") for line in (self._proc / "meminfo").read_text().splitlines())
        sizes = {name: int(rest.split()[0]) * 1024 for name, rest in lines}
        yield from _gauge("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", sizes["MemTotal"])
        used = sizes["MemTotal"] - sizes.get("MemAvailable", sizes["MemFree"])
        yield from _gauge("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", used)

    def _read_ticks(self) -> tuple[int, int] | None:
        """Clock ticks since boot: busy, and all."""
        try:
            first, *_ = (self._proc / "stat").read_text().splitlines()
        except (OSError, ValueError):
            return None
        ticks = [int(field) for field in first.split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _labels(served: Served) -> Labels:
    tags: Mapping[str, str] = dict(served.model.config.metric_tags)
    return {"model": served.name, **tags, "version": served.version}


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
    number = str(int(value)) if float(value).is_integer() else repr(float(value))
    return f"{name}{f'{{{inside}}}' if inside else ''} {number}"


def _gauge(name: str, text: str, value: float) -> Iterator[str]:
    yield from _head(name, "gauge", text)
    yield _sample(name, {}, value)


def _family(family: Family, versions: Iterable[Served], labels: Iterable[Labels]) -> Iterator[str]:
    yield from _head(family.name, family.kind, family.help)
    for served, each in zip(versions, labels, strict=True):
        yield _sample(family.name, each, family.read(served))


def _failures(versions: Iterable[Served], labels: Iterable[Labels]) -> Iterator[str]:
    yield from _head(*FAILURE)
    for served, each in zip(versions, labels, strict=True):
        for reason in Failure:
            counted = served.model.statistics.failures[reason]
            yield _sample(FAILURE[0], {"model": served.name, "reason": reason.value, **each}, counted)


def _cache_gauges(cache: ResponseCache) -> Iterator[str]:
    about = "in response cache"
    yield from _gauge("nv_cache_num_entries", f"Number of responses stored {about}", len(cache))
    yield from _gauge("nv_cache_num_hits", f"Number of cache hits {about}", cache.hits)
    yield from _gauge("nv_cache_num_misses", f"Number of cache misses {about}", cache.misses)
    yield from _gauge("nv_cache_num_lookups", f"Number of cache lookups {about}", cache.hits + cache.misses)
    yield from _gauge("nv_cache_num_evictions", f"Number of cache evictions {about}", cache.evictions)


def _own_families() -> Iterator[str]:
    """The families that models have made, if any model could."""
    shim: Any = sys.modules.get("triton_python_backend_utils.metrics")
    for family in shim.families() if shim is not None else ():
        kind = ("counter", "gauge", "histogram")[family.kind]
        yield from _head(family.name, kind, family.description)
        for metric in list(family.metrics.values()):
            yield from _own_samples(family.name, metric)


def _own_samples(name: str, metric: Any) -> Iterator[str]:
    if not metric.buckets:
        yield _sample(name, metric.labels, metric.amount)
        return
    total = 0
    for bound, count in zip([*metric.buckets, "+Inf"], metric.counts, strict=True):
        total += count
        yield _sample(f"{name}_bucket", {**metric.labels, "le": f"{bound:g}" if bound != "+Inf" else bound}, total)
    yield _sample(f"{name}_sum", metric.labels, metric.amount)
    yield _sample(f"{name}_count", metric.labels, total)
