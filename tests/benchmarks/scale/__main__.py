"""Write docs/scale.md and its chart: python -m tests.benchmarks.scale."""

from pathlib import Path

from tests.benchmarks.scale.page import CHART, chart, page

DOCS = Path(__file__).parents[3] / "docs"

if __name__ == "__main__":
    (DOCS / "scale.md").write_text(page(), encoding="utf-8")
    (DOCS / CHART).write_text(chart(), encoding="utf-8")
