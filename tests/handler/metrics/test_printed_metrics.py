"""Metrics that handlers print, as they do for TorchServe to read."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from handler.metrics.printed_metrics import divert_metrics
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
WHOLE = "[METRICS]Tokens.count:12.5|#ModelName:m,Level:Model|#type:GAUGE|#hostname:h,1795224445,id-1,id-2"

DECLARED = """
    dimensions: []
    ts_metrics: {}
    model_metrics:
      counter:
        - {name: Printed, unit: count, dimensions: [ModelName, Level]}
      gauge:
        - {name: Declared, unit: ms, dimensions: [ModelName, Level]}
"""
METERED = """
    from ts.metrics.metric_type_enum import MetricTypes
    class Metered:
        def initialize(self, context):
            self.declared = context.metrics.get_metric("Declared", MetricTypes.GAUGE)
        def handle(self, data, context):
            self.declared.add_or_update(2.5, ["metered", "Model"])
            for name in ("Printed", "Undeclared"):
                print(f"[METRICS]{name}.count:7|#ModelName:metered,Level:Model|#type:COUNTER|#hostname:h,1795224445")
            return [self.declared.dimension_names] * len(data)
"""


class Heard:
    """The log lines and the metrics that lines became."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.metrics: list[tuple[Any, ...]] = []
        self.write_line = divert_metrics(lambda stream, line: self.lines.append((stream, line)), self._take)

    def _take(
        self, name: str, value: float, unit: str, dimensions: Mapping[str, str], kind: str, request_ids: str
    ) -> None:
        self.metrics.append((name, value, unit, dict(dimensions), kind, request_ids))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("before", ["", "INFO > "])
def test_a_printed_metric_becomes_one_and_no_line_of_the_log(heard: Heard, stream: str, before: str) -> None:
    heard.write_line(stream, before + WHOLE)
    assert heard.metrics == [("Tokens", 12.5, "count", {"ModelName": "m", "Level": "Model"}, "GAUGE", "id-1,id-2")]
    assert heard.lines == []


def test_type_and_request_may_be_missing(heard: Heard) -> None:
    heard.write_line("stdout", "[METRICS] My Metric.ms:1e3|#|#hostname:h,1795224445")
    assert heard.metrics == [("My Metric", 1000.0, "ms", {}, "", "")]


@pytest.mark.parametrize("text", ["", "Tokens:1", "Tokens.count:many|#|#hostname:h,1", "A.b:1,5|#|#hostname:h,1"])
def test_what_cannot_be_read_is_told_to_the_operator(heard: Heard, text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "marserve.metrics"):
        heard.write_line("stdout", "[METRICS]" + text)
    assert caplog.messages == [f'Failed to parse metrics line: "[METRICS]{text}".']
    assert (heard.metrics, heard.lines) == ([], [])


@pytest.mark.parametrize("line", ["", "Tokens.count:1", "see " + WHOLE, "INFO > hello"])
def test_every_other_line_goes_to_the_log(heard: Heard, line: str) -> None:
    heard.write_line("stderr", line)
    assert heard.lines == [("stderr", line)]
    assert heard.metrics == []


async def test_printed_and_declared_metrics_are_shown(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    config = tmp_path / "metrics.yaml"
    config.write_text(DECLARED)
    archive("metered", METERED)
    async with serving(store, "metered.mar", metrics_config=config) as client:
        assert (await client.predict("metered")).json() == ["ModelName", "Level"]
        shown = (await client.http.get("/metrics")).text
    values = {line.partition("{")[0]: line.rpartition(" ")[2] for line in shown.splitlines() if "{" in line}
    assert (values["Printed"], values["Declared"]) == ("7.0", "2.5")
    assert "Undeclared" not in shown
