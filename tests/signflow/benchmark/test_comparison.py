"""SignFlow's benchmark: the callers that it measures with, what it counts, and a short run against a real server."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.initial_models.sample_archives import build_samples
from signflow.benchmark import comparison
from signflow.benchmark.bar_chart import render_charts
from signflow.benchmark.in_process import measure_in_process
from signflow.benchmark.load_generator import Measurement, make_bodies, make_request, measure
from tests.support.processes import MARSERVE

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def measured_against(answer: Answer, rate: float | None = None) -> Measurement:
    """Three callers for a moment, against a server of the test's own."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await measure("127.0.0.1", port, [make_request("/", "text/plain", b"hello")] * 3, 0.3, rate)


@pytest.fixture(autouse=True)
def no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signflow.benchmark.load_generator.WARM_UP_SECONDS", 0)
    monkeypatch.setattr("signflow.benchmark.in_process.WARM_UP_SECONDS", 0)


@pytest.mark.anyio
async def test_every_answer_is_counted_even_in_pieces() -> None:
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while await reader.readuntil(b"hello"):
            for piece in (OK[:10], OK[10:40], OK[40:]):
                writer.write(piece)
                await writer.drain()
            sent += 1

    found = await measured_against(_until_gone(answer))
    assert 0 < len(found.latencies) <= sent <= len(found.latencies) + 3
    assert found.throughput == pytest.approx(len(found.latencies) / 0.3)
    assert found.errors == 0
    assert 0 < found.percentile(50) <= found.percentile(99)


@pytest.mark.anyio
async def test_a_rate_is_kept() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"hello"):
            writer.write(OK)

    found = await measured_against(_until_gone(answer), rate=100)
    assert 0 < len(found.latencies) <= 33


@pytest.mark.anyio
async def test_other_statuses_and_lost_connections_are_errors() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"hello")
        writer.write(OK.replace(b"200", b"503"))
        await reader.readuntil(b"hello")
        writer.close()

    found = await measured_against(_until_gone(refuse))
    assert (found.latencies, found.errors) == ([], 6)


def _until_gone(answer: Answer) -> Answer:
    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    return patient


@pytest.mark.parametrize("form", ["windows", "landmarks", "points"])
def test_the_bare_loop_translates_what_the_clients_send(form: str) -> None:
    bodies = make_bodies(3, form)
    before = list(sys.path)
    found = measure_in_process(bodies, 2, 2, 0.1)
    assert found.answers == len(found.latencies) >= 2  # a batch at least, however slow the machine
    assert found.errors == 0
    assert 0 < found.cpu < 1
    assert sys.path == before


def test_a_row_is_the_best_of_its_settings_and_a_chart_shows_it() -> None:
    slow, fast = (
        comparison.Result("x", name, Measurement(1, [0.01] * count, cpu=0.0012))
        for name, count in (("slow", 5), ("<fast>", 50))
    )
    assert comparison.best([slow, fast, slow]) is fast
    rows = comparison.table("windows", [fast, slow]).splitlines()[2:]
    assert rows[0] == "| x | <fast> | 50 | 100% | 10.0 | 10.0 | 10.0 | 1.20 | 0 |"
    assert rows[1] == "| x | slow | 5 | 10% | 10.0 | 10.0 | 10.0 | 1.20 | 0 |"
    drawn = ElementTree.fromstring(render_charts("t", "n", list(comparison.bars("windows", [fast, slow]))))
    widths = [float(bar.get("width", "")) for bar in drawn.findall("{*}rect")[1:]]
    assert widths[1] == pytest.approx(widths[0] / 10)
    assert "x: <fast>" in [text.text for text in drawn.findall("{*}text")]


@pytest.mark.slow
def test_the_command_measures_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_samples(tmp_path)
    command = [*MARSERVE[:-1], "'import sys; from app.cli import torchserve; sys.exit(torchserve())'", comparison.FLAGS]
    few = [
        "--signers",
        "4",
        "--seconds",
        "1",
        "--batches",
        "4",
        "--workers",
        "1",
        "--forms",
        "points",
        "--svg",
        str(tmp_path / "it.svg"),
    ]
    comparison.main([str(tmp_path), *few, "--marserve", " ".join(command)])
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert [row[0].strip() for row in rows] == ["points", "---", "no server", "marserve"]
    assert rows[3][1].strip() == "batch 4, 1 worker, delay 5 ms"
    assert all(int(row[2]) > 0 and int(row[-1]) == 0 for row in rows[2:])
    assert "marserve: batch 4" in (tmp_path / "it.svg").read_text()


@pytest.mark.slow
def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    build_samples(tmp_path)
    few = ["--seconds", "0.1", "--batches", "1", "--workers", "1", "--marserve", "sh -c 'echo no port; exit 3'"]
    with pytest.raises(RuntimeError, match="marserve did not start: no port"):
        comparison.main([str(tmp_path), *few])


def test_landmarks_are_sent_as_json_and_windows_as_bytes() -> None:
    kind, body = make_bodies(1, "landmarks")[0]
    assert (kind, list(json.loads(body))) == ("application/json", ["frames"])
    kind, body = make_bodies(1, "windows")[0]
    assert (kind, len(body)) == ("application/octet-stream", 64 * 469 * 4)
