"""The table and the conclusion."""

from pathlib import Path

from app.commands.optimize.report import as_json, lines, markdown
from app.commands.optimize.session import Plan, Result
from tests.app.commands.optimize.test_session import result

PLAN = Plan(Path("net.mar"), [], ["onnx"], Path("store"))
RESULTS = [result("onnx", 1600), Result("bf16", reason="no such instructions")]


def test_the_table_the_reasons_and_the_best() -> None:
    shown = list(lines(RESULTS, PLAN))
    assert shown[0].split()[:3] == ["ms", "of", "one"]
    assert [line.split()[0] for line in shown[1:3]] == ["original", "onnx"]
    assert "left out     bf16: no such instructions" in shown
    assert shown[-1] == "BEST         store/net-onnx.mar: 2.0 times the throughput of the original"
    assert "BEST         the original" in list(lines(RESULTS[1:], PLAN))[-1]


def test_the_table_for_a_document_and_for_machines() -> None:
    head, rule, *rows = markdown(RESULTS, PLAN)
    assert head.count("|") == rule.count("|") == rows[1].count("|")
    assert as_json(RESULTS, PLAN)["best"] == "onnx"
