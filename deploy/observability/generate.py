"""Writes dashboard.json, for Grafana, and rules.yaml, for Prometheus, beside itself.

Run `python deploy/observability/generate.py`. Every metric that a panel or an alert asks for is looked up among those
that a server declares; an unknown one is an error.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1]))

from handler.metrics.server_metrics import Metrics  # noqa: E402

METRIC = re.compile(r"\b(marserve_\w+|ts_\w+|Requests\dXX|\w+Utilization|MemoryUsed|QueueTime)\b")
CHOSEN = '{model_name=~"$model",model_version=~"$version"}'
BY_VERSION = "by (model_name, model_version)"
WIDTH, HEIGHT = 8, 8
RUNBOOK = "docs/observability.md"


class Panel(NamedTuple):
    """A graph: its queries by their legends."""

    title: str
    unit: str
    queries: dict[str, str]
    stack: bool = False


class Alert(NamedTuple):
    """An alert rule; `holds` is the time for which the expression has to be true."""

    name: str
    expression: str
    holds: str
    severity: str
    summary: str


def _quantile(metric: str, part: float) -> str:
    return f"histogram_quantile({part}, sum {BY_VERSION[:-1]}, le) (rate({metric}_bucket{CHOSEN}[$__rate_interval])))"


def _shadow_rate(result: str) -> str:
    return f"sum {BY_VERSION} (rate(marserve_shadow_answers_total{CHOSEN[:-1]},result{result}}}[$__rate_interval]))"


LEGEND = "{{model_name}} {{model_version}}"
PANELS = (
    Panel("Predictions a second", "reqps", {
        LEGEND: f"sum {BY_VERSION} (rate(marserve_request_duration_seconds_count{CHOSEN}[$__rate_interval]))"}),
    Panel("Failures a second, by reason", "reqps", {
        LEGEND + " {{reason}}":
            f"sum {BY_VERSION[:-1]}, reason) (rate(marserve_failures_total{CHOSEN}[$__rate_interval]))"}),
    Panel("Latency", "s", {f"p{100 * part:g} {LEGEND}": _quantile("marserve_request_duration_seconds", part)
                           for part in (0.5, 0.95, 0.99)}),
    Panel("Waiting in the queue, p95", "s", {LEGEND: _quantile("marserve_queue_duration_seconds", 0.95)}),
    Panel("Requests in a batch, mean", "short", {
        LEGEND: f"sum {BY_VERSION} (rate(marserve_batch_size_sum{CHOSEN}[$__rate_interval])) / "
                f"sum {BY_VERSION} (rate(marserve_batch_size_count{CHOSEN}[$__rate_interval]))"}),
    Panel("Queued requests", "short", {LEGEND: f"sum {BY_VERSION} (marserve_queued_requests{CHOSEN})"}),
    Panel("Workers", "short", {
        f"ready {LEGEND}": f"sum {BY_VERSION} (marserve_workers_ready{CHOSEN})",
        f"abandoned {LEGEND}": f"sum {BY_VERSION} (marserve_workers_abandoned{CHOSEN}) > 0"}),
    Panel("Share of the traffic", "percentunit", {
        LEGEND: f"max {BY_VERSION} (marserve_traffic_share{CHOSEN})"}, stack=True),
    Panel("Rollouts: share of the new version", "percentunit", {
        LEGEND: f"max {BY_VERSION} (marserve_rollout_share{CHOSEN})"}),
    Panel("Shadow: agreement", "percentunit", {
        LEGEND: _shadow_rate('="agreed"') + " / " + _shadow_rate('!="dropped"')}),
    Panel("Drift: psi of the features that drift most", "short", {
        LEGEND + " {{feature}}": f"topk(10, marserve_drift_score{CHOSEN[:-1]},statistic=\"psi\"}})"}),
    Panel("Responses a second", "reqps", {
        f"{hundreds}xx": f"sum (rate(Requests{hundreds}XX[$__rate_interval]))" for hundreds in (2, 4, 5)}),
    Panel("Refusals a second, by reason", "reqps", {
        "{{reason}}": "sum by (reason) (rate(marserve_refusals_total[$__rate_interval]))"}),
    Panel("Host", "percent", {"CPU": "avg (CPUUtilization)", "memory": "avg (MemoryUtilization)",
                              "GPU {{DeviceId}}": "avg by (DeviceId) (GPUUtilization)"}),
)  # fmt: skip

_FAILED = f"sum {BY_VERSION} (rate(marserve_failures_total[5m]))"
_SERVED = f"sum {BY_VERSION} (rate(marserve_request_duration_seconds_count[5m]))"
_MODEL = "{{ $labels.model_name }} {{ $labels.model_version }}"
ALERTS = (
    Alert("MarserveNoWorker", f"sum {BY_VERSION} (marserve_workers_ready) == 0", "2m", "critical",
          f"{_MODEL} has no worker: every request is refused."),
    Alert("MarserveFailures", f"{_FAILED} / ({_FAILED} + {_SERVED}) > 0.05", "5m", "critical",
          f"More than 5 % of the predictions of {_MODEL} fail."),
    Alert("MarserveSlow",
          f"histogram_quantile(0.95, sum {BY_VERSION[:-1]}, le) "
          "(rate(marserve_request_duration_seconds_bucket[5m]))) > 2",
          "10m", "warning", f"The p95 of {_MODEL} is above 2 s."),
    Alert("MarserveQueueGrows", f"sum {BY_VERSION} (min_over_time(marserve_queued_requests[5m])) > 20", "5m", "warning",
          f"More than 20 requests of {_MODEL} have waited for five minutes on end: add workers, or batch more."),
    Alert("MarserveWorkerHangs", f"sum {BY_VERSION} (marserve_workers_abandoned) > 0", "1m", "warning",
          f"A worker of {_MODEL} hangs and cannot be killed; the server ends itself when too many do."),
    Alert("MarserveRefuses", "sum by (reason) (rate(marserve_refusals_total[5m])) > 1", "5m", "warning",
          "Connections or requests are refused: {{ $labels.reason }}."),
    Alert("MarserveLosesLogLines", "delta(marserve_lost_log_lines[10m]) > 0", "0m", "warning",
          "Log lines cannot be written: is a disk full?"),
    Alert("MarserveStateIsOld", "max by (instance) (marserve_state_age_seconds) > 60", "2m", "warning",
          "A replica cannot read the shared state: it serves what it has, and no change reaches it."),
    Alert("MarserveReplicaBehind", "max by (instance) (marserve_state_lag_revisions) > 0", "5m", "warning",
          "A replica has not put the newest shared state in force; its log has the reason."),
    Alert("MarserveDrift", 'max by (model_name, model_version, feature) (marserve_drift_score{statistic="psi"}) > 0.1',
          "15m", "warning", f"{_MODEL} sees other data than it was made for: {{{{ $labels.feature }}}}."),
    Alert("MarserveFeatureMissing",
          'max by (model_name, model_version, feature) (marserve_drift_score{statistic="missing"}) > 0.2',
          "15m", "warning", f"Requests of {_MODEL} lack {{{{ $labels.feature }}}}."),
    Alert("MarserveShadowDiffers",
          f'sum {BY_VERSION} (increase(marserve_shadow_answers_total{{result="differed"}}[15m])) / '
          f'sum {BY_VERSION} (increase(marserve_shadow_answers_total{{result!="dropped"}}[15m])) > 0.02',
          "5m", "warning", f"More than 2 % of the shadowed answers of {_MODEL} differ."),
    Alert("MarserveRolledBack",
          f'sum {BY_VERSION} (increase(marserve_rollouts_total{{outcome="rolled_back"}}[1h])) > 0',
          "0m", "critical", f"The rollout to {_MODEL} was taken back; GET /models/NAME/rollout says why."),
    Alert("MarserveRolloutStands",
          f"max {BY_VERSION} (marserve_rollout_share) > 0 and max {BY_VERSION} (marserve_rollout_share) < 1 "
          f"and max {BY_VERSION} (changes(marserve_rollout_share[2d])) == 0",
          "2d", "warning", f"The rollout to {_MODEL} has not moved for two days."),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The dashboard; its data source and models are chosen on the page."""
    return {
        "title": "marserve", "uid": "marserve", "schemaVersion": 39, "version": 1, "editable": True,
        "tags": ["marserve"], "time": {"from": "now-1h", "to": "now"}, "refresh": "10s",
        "templating": {"list": [
            {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
            _variable("model", "label_values(marserve_workers_ready, model_name)"),
            _variable("version", 'label_values(marserve_workers_ready{model_name=~"$model"}, model_version)'),
        ]},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }  # fmt: skip


def _variable(name: str, query: str) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {"name": name, "label": name.capitalize(), "type": "query", "datasource": source, "refresh": 2,
            "query": {"query": query, "refId": name}, "includeAll": True, "multi": True,
            "current": {"text": "All", "value": "$__all"}}  # fmt: skip


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    columns = 24 // WIDTH
    place = {"x": number % columns * WIDTH, "y": number // columns * HEIGHT, "w": WIDTH, "h": HEIGHT}
    source = {"type": "prometheus", "uid": "${source}"}
    targets = [{"refId": chr(65 + index), "expr": query, "legendFormat": legend, "datasource": source, "exemplar": True}
               for index, (legend, query) in enumerate(panel.queries.items())]  # fmt: skip
    stacking = {"mode": "normal" if panel.stack else "none"}
    custom = {"fillOpacity": 30 if panel.stack else 8, "showPoints": "never", "stacking": stacking}
    return {"id": number + 1, "type": "timeseries", "title": panel.title, "datasource": source, "gridPos": place,
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
            "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
            "targets": targets}  # fmt: skip


def rules() -> dict[str, Any]:
    """The alert rules."""
    return {"groups": [{"name": "marserve", "rules": [
        {"alert": alert.name, "expr": alert.expression, "for": alert.holds, "labels": {"severity": alert.severity},
         "annotations": {"summary": alert.summary, "runbook": RUNBOOK}} for alert in ALERTS]}]}  # fmt: skip


def unknown_metrics() -> Iterator[str]:
    """The metrics that panels or alerts ask for, and no server has."""
    declared = {family.name for family, _ in Metrics().families()}
    queries = [query for panel in PANELS for query in panel.queries.values()]
    for query in (*queries, *(alert.expression for alert in ALERTS)):
        plain = re.sub(r'"[^"]*"', "", query)
        for name in METRIC.findall(plain):
            if name not in declared and re.sub("_(bucket|sum|count)$", "", name) not in declared:
                yield name


def main() -> None:
    """Write both files."""
    if missing := sorted(set(unknown_metrics())):
        sys.exit(f"No server has these metrics: {', '.join(missing)}")
    (FOLDER / "dashboard.json").write_text(json.dumps(dashboard(), indent=1) + "\n", encoding="utf-8")
    text = yaml.safe_dump(rules(), sort_keys=False, width=110, allow_unicode=True)
    (FOLDER / "rules.yaml").write_text(f"# Written by generate.py.\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
