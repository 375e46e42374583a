"""The series that TorchServe lacks: `marserve_...`, in seconds and with labels as Prometheus would have them."""

from collections.abc import Callable

from handler.metrics.exposition import Exposition
from handler.metrics.families import Family, Kind

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def _family(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(f"marserve_{name}", kind, "", ("model_name", "model_version", *labels), help_text)


_DURATION = _family("request_duration_seconds", "histogram", "Time from arrival to answer of successful predictions.")
_WAITING = _family("queue_duration_seconds", "histogram", "Time in the queue of successful predictions.")
_BATCH = _family("batch_size", "histogram", "Requests in each batch that a handler was given.")
_FAILURES = _family("failures_total", "counter", "Predictions that failed, by reason.", "reason")
_DRIFT = _family("drift_score", "gauge", "Drift of a feature in the last window, by statistic.", "feature", "statistic")
_QUEUED = _family("queued_requests", "gauge", "Requests that wait for a worker.")
_READY = _family("workers_ready", "gauge", "Workers that have loaded the model and are alive.")
_ABANDONED = _family("workers_abandoned", "gauge", "Workers given up as their handlers hang; the threads still run.")
_THREADS = _family("batch_threads", "gauge", "Threads that compute a batch, in each worker.")
_EXPECTED = _family(
    "expected_requests", "gauge", "The usual number of requests in flight at once: a batch waits for no more."
)
_GATHERING = _family("batch_gathering", "gauge", "1 while batches wait for expected requests, 0 while that costs time.")
_PACING = _family("loop_pacing", "gauge", "1 while the event loop waits for quick batches.")
_PROCESSES = _family("worker_processes", "gauge", "Workers that run in processes of their own.")

_SHARE = _family("traffic_share", "gauge", "Share, 0 to 1, of the requests that name no version.")
_SHADOW = _family("shadow_answers_total", "counter", "Answers of a shadow, by their comparison.", "result")
_ROLLOUT_SHARE = _family("rollout_share", "gauge", "Share, 0 to 1, that a rollout gives to its new version.")
_ROLLOUTS = _family("rollouts_total", "counter", "Rollouts to the version that ended, by their outcome.", "outcome")

LOST_LINES = Family("marserve_lost_log_lines", "gauge", "", (), "Log lines that could not be written since the start.")
REFUSALS = Family(
    "marserve_refusals_total", "counter", "", ("reason",), "Connections and requests refused or cut before an answer."
)

STATE_AGE = Family("marserve_state_age_seconds", "gauge", "", (), "Time since the shared state was last read.")
STATE_LAG = Family("marserve_state_lag_revisions", "gauge", "", (), "Revisions that are stored, but not in force here.")
STATE_CONFLICTS = Family(
    "marserve_state_conflicts", "gauge", "", (), "Changes since the start that another replica's overtook."
)
STATE = (STATE_AGE, STATE_LAG, STATE_CONFLICTS)

_CONTROLLERS = (_THREADS, _EXPECTED, _GATHERING, _PACING, _PROCESSES)
_OF_A_VERSION = (_DURATION, _WAITING, _BATCH, _QUEUED, _READY, _ABANDONED, _SHARE, _ROLLOUT_SHARE, *_CONTROLLERS)
_TRAFFIC = (_SHADOW, _ROLLOUTS)


def declare_marserve_metrics(exposition: Exposition) -> None:
    """Show these families too."""
    for family in (*_OF_A_VERSION, _FAILURES, _DRIFT, *_TRAFFIC, REFUSALS, LOST_LINES, *STATE):
        exposition.declare(family, _SIZES if family is _BATCH else _SECONDS)


class MarserveSeries:
    """These series of one model version. Where the families are not declared, its updates do nothing."""

    def __init__(self, exposition: Exposition, name: str, version: str) -> None:
        self._exposition = exposition
        self._key = (name, version)
        self._reasons: set[str] = set()
        self._drifts: set[tuple[str, str]] = set()
        self._counted: set[tuple[Family, str]] = set()
        self.record_durations = exposition.bind_many(_DURATION, self._key)
        """Takes the seconds from arrival to answer of successful predictions."""
        self.record_exemplar = exposition.exemplars(_DURATION, self._key)
        """Takes the seconds of one of them with its trace id."""
        self.record_waits = exposition.bind_many(_WAITING, self._key)
        """Takes their seconds in the queue."""
        self.record_batches = exposition.bind_many(_BATCH, self._key)
        """Takes the sizes of batches."""

    def __repr__(self) -> str:
        return f"<MarserveSeries of {'/'.join(self._key)}>"

    def record_failures(self, reason: str, count: int) -> None:
        """Add failed predictions."""
        self._reasons.add(reason)
        self._exposition.bind(_FAILURES, (*self._key, reason))(count)

    def record_drift(self, feature: str, statistic: str, value: float) -> None:
        """Set a statistic of the last window."""
        self._drifts.add((feature, statistic))
        self._exposition.bind(_DRIFT, (*self._key, feature, statistic))(value)

    def set_traffic_share(self, share: float) -> None:
        """Set the share of the requests that name no version."""
        self._exposition.bind(_SHARE, self._key)(share)

    def set_rollout_share(self, share: float) -> None:
        """Set the share that a rollout gives to this version, its new one."""
        self._exposition.bind(_ROLLOUT_SHARE, self._key)(share)

    def count_shadow_answer(self, result: str) -> None:
        """Add an answer of this version as a shadow: agreed, differed or dropped."""
        self._count(_SHADOW, result)

    def count_rollout(self, outcome: str) -> None:
        """Add a rollout to this version that has ended."""
        self._count(_ROLLOUTS, outcome)

    def _count(self, family: Family, label: str) -> None:
        self._counted.add((family, label))
        self._exposition.bind(family, (*self._key, label))(1)

    def remove_drift(self) -> None:
        """Remove the statistics of drift."""
        while self._drifts:
            self._exposition.remove(_DRIFT, (*self._key, *self._drifts.pop()))

    def watch(self, queued: Callable[[], float], ready: Callable[[], float], abandoned: Callable[[], float]) -> None:
        """Show gauges that call these functions at each scrape."""
        for family, read in ((_QUEUED, queued), (_READY, ready), (_ABANDONED, abandoned)):
            self._exposition.watch(family, self._key, read)

    def watch_controllers(self, *reads: Callable[[], float]) -> None:
        """Show the threads of a batch, the expected requests, whether batches gather and the loop waits, processes."""
        for family, read in zip(_CONTROLLERS, reads, strict=True):
            self._exposition.watch(family, self._key, read)

    def remove(self) -> None:
        """Remove them all, so that versions long gone do not pile up in the exposition."""
        for family in _OF_A_VERSION:
            self._exposition.remove(family, self._key)
        self.remove_drift()
        for family, label in self._counted:
            self._exposition.remove(family, (*self._key, label))
        for reason in self._reasons:
            self._exposition.remove(_FAILURES, (*self._key, reason))
