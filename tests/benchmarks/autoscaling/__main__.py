"""Write docs/autoscaling.md and its charts: python -m tests.benchmarks.autoscaling (a minute)."""

from pathlib import Path

from tests.benchmarks.autoscaling.page import CHARTS, chart, loads, measured_capacity, outcomes, page

DOCS = Path(__file__).parents[3] / "docs"

if __name__ == "__main__":
    capacity = measured_capacity()
    found = {load.name: outcomes(load, capacity) for load in loads(capacity)}
    (DOCS / "autoscaling.md").write_text(page(found, capacity), encoding="utf-8")
    for name, by_policy in found.items():
        (DOCS / CHARTS[name][0]).write_text(chart(name, by_policy), encoding="utf-8")
