"""The harness of `tests/benchmarks`, in a short run against a real server, and what it makes of its figures."""

import ast
import asyncio
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

import pytest

from tests.benchmarks import generator, plot, refusals, report
from tests.benchmarks.__main__ import Plan, candidates, measure
from tests.benchmarks.arrivals import policies, sweep
from tests.benchmarks.hot_path import STAGES
from tests.benchmarks.jobs import BODIES, JOBS, LARGE, ROOT, Body, Job, Serving, read, same, write
from tests.benchmarks.machine import eventually
from tests.benchmarks.open_loop import NO_RESPONSE, OpenLoop, Record, arrivals, percentile, plan, statuses
from tests.benchmarks.overload import recovery


def test_a_short_run_measures_the_server_and_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signflow.benchmark.load_generator.WARM_UP_SECONDS", 0)
    lines: list[str] = []
    wanted = Plan([JOBS["echo"]], [4], list(candidates([1], None)), 0.3, 0, 1, 100, 0, 0, Serving())
    results = measure(wanted, tmp_path, generator.by_itself, lines.append)
    rows = {row["server"]: row for row in results["rows"]}
    assert set(rows) == {report.BARE, report.CONSTANT, report.THREADED, "marserve, 1 worker"}
    assert len(lines) == 4
    assert all(row["rate"] > 0 and row["errors"] == row["wrong"] == 0 for row in rows.values())
    ours = rows["marserve, 1 worker"]
    assert ours["x_bare"] == ours["rate"] / rows[report.BARE]["rate"]
    assert ours["memory"] > 1e7
    assert ours["cold"] > 0
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == results["rows"]
    assert "| 4 | marserve, 1 worker |" in (tmp_path / "results.md").read_text()
    assert len(list(ET.parse(tmp_path / "echo.svg").getroot().iter("{http://www.w3.org/2000/svg}rect"))) == 9


def cell(rate: float, others: float, server: str = "marserve") -> report.Cell:
    return {
        "job": "echo", "clients": 1, "server": server, "rate": rate, "p50": 1.0, "p99": 2.0, "cpu": 0.1, "memory": 1,
        "cold": 1.0, "others": others, "errors": 1, "wrong": 2,
    }  # fmt: skip


def test_a_row_is_the_median_of_its_quiet_cells_and_counts_every_error() -> None:
    (row,) = report.rows([cell(100, 0), cell(300, 0.1), cell(200, 0.05), cell(5, 1)], 0.15)
    assert (row["rate"], row["spread"], row["rounds"], row["noisy"]) == (200, 1.0, 3, False)
    assert (row["errors"], row["wrong"]) == (4, 8)


def test_without_a_quiet_cell_the_quietest_counts_and_is_marked() -> None:
    (row,) = report.rows([cell(100, 0.5), cell(300, 0.9)], 0.15)
    assert (row["rate"], row["noisy"]) == (100, True)


def test_ratios_are_to_the_better_setting_of_torchserve() -> None:
    cells = [cell(100, 0), cell(50, 0, "TorchServe, 1 worker"), cell(80, 0, "TorchServe, 2 workers")]
    row = report.rows(cells, 0.15)[0]
    assert (row["x_torchserve"], row["x_bare"]) == (1.25, None)


def test_lines_are_a_picture_with_a_key() -> None:
    drawn = ET.fromstring(plot.lines("<t>", "rate", "ms", {"a & b": [(10, 1.5), (1000, 20)], "c": [(10, 0)]}))
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<t>", "a & b", "10", "1000"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 2


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        ({"a": [1.0001]}, {"a": [1.0]}, True),
        ({"a": [1.1]}, {"a": [1.0]}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ([1], [1, 2], False),
        ("x", "x", True),
    ],
)
def test_answers_may_differ_only_by_what_floating_point_does(found: object, wanted: object, equal: bool) -> None:
    assert same(found, wanted) is equal


@pytest.mark.parametrize("job", [JOBS["echo"], JOBS["mlp"], JOBS["sign"], LARGE], ids=lambda job: job.name)
def test_every_request_differs_from_the_others(job: Job, tmp_path: Path) -> None:
    bodies = job.bodies()
    assert len({body.value for body in bodies}) == BODIES
    write(bodies, tmp_path)
    assert read(tmp_path) == bodies


@pytest.mark.anyio
async def test_an_open_loop_sends_when_requests_are_due_and_counts_what_is_refused_or_lost() -> None:
    closed: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while body := (await reader.readuntil(b"}"))[-2:-1]:
                if body == b"2":
                    break
                status = b"503 No" if body == b"1" else b"200 OK"
                end = b"Connection: close\r\n" if body == b"1" else b""
                writer.write(b"HTTP/1.1 " + status + b"\r\n" + end + b"Content-Length: 2\r\n\r\n{}")
        writer.close()
        closed.append(asyncio.create_task(writer.wait_closed()))

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        bodies = [Body("application/json", b'{"x": %d}' % number) for number in range(3)]
        async with OpenLoop(server.sockets[0].getsockname()[1]) as loop:
            records = await loop.send(plan("few", "/", bodies, iter([0.0, 0.01, 0.02, 0.03])))
            made = len(loop._made)
        while len(closed) < made:
            await asyncio.sleep(0.001)
        await asyncio.gather(*closed, return_exceptions=True)
    assert statuses(records) == {200: 2, 503: 1, NO_RESPONSE: 1}
    assert [record.due for record in records] == sorted(record.due for record in records)
    assert percentile(records, 50) > 0


def test_independent_arrivals_come_at_their_rate() -> None:
    times = list(arrivals(1000, 2))
    assert 1800 < len(times) < 2200
    assert times == sorted(times)
    assert times[-1] < 2


@pytest.mark.anyio
async def test_at_a_low_rate_a_fixed_delay_costs_more_than_the_own_policy(tmp_path: Path) -> None:
    """Three policies of the batcher, each under its own short sweep."""
    rows = await sweep(tmp_path, policies(200), [5], 0.4)
    assert [row["policy"] for row in rows] == ["marserve", "fixed 200 ms", "no delay"]
    assert all(row["refused"] == 0 for row in rows)
    assert rows[1]["p50 ms"] > 200


@pytest.mark.parametrize("options", [(), ("--keep",)])
def test_the_least_of_refusals_are_refusals(options: tuple[str, ...]) -> None:
    with refusals.minimal(*options) as server:
        assert eventually(lambda: refusals.refuses(server), 10)
        results = asyncio.run(refusals.measure(server, 100, 0.3))
    assert list(ast.literal_eval(results["statuses"])) == [503]


def test_the_stages_of_a_request_add_up(tmp_path: Path) -> None:
    """In a process of its own: the server's functions stay wrapped."""
    command = [sys.executable, "-m", "tests.benchmarks.hot_path", "--requests", "50", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    results = json.loads((tmp_path / "hot_path.json").read_text())["rows"]
    assert len(results) == len(STAGES) + 2
    stages = [row["us"] for row in results[: len(STAGES) - 1]]
    assert min(stages) > 0
    assert results[-3]["us"] == pytest.approx(sum(stages))


def test_the_server_has_recovered_when_a_quarter_of_a_second_is_as_before() -> None:
    before = [Record("before", number / 10, number / 10 + 0.02, 200) for number in range(10)]
    slow = [Record("after", 5 + number / 10, 5 + number / 10 + 0.5, 200) for number in range(4)]
    refused = [Record("after", 5.6, 5.61, 503)]
    quick = [Record("after", 5.8 + number / 10, 5.8 + number / 10 + 0.02, 200) for number in range(6)]
    assert recovery(before, [*slow, *refused, *quick]) == 0.75
    assert recovery(before, quick) == 0
