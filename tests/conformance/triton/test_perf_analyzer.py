"""perf_analyzer, unmodified, by HTTP and gRPC. Old wheels of tritonclient carry the program."""

import csv
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.triton.servers import ServerThread
from tests.support.free_ports import free_ports
from tests.support.repositories import copy_models

PROGRAM = os.environ.get("PERF_ANALYZER") or shutil.which("perf_analyzer")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs perf_analyzer on PATH, or its path in PERF_ANALYZER")


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Of a server of a plain model and of a decoupled one."""
    folder = copy_models(tmp_path_factory.mktemp("analyzed") / "repository", "add_sub", "auto_decoupled")
    numbers = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
    server = ServerThread(
        [f"--model-repository={folder}", *(f"--{name}-port={port}" for name, port in numbers.items())]
    )
    server.wait_started()
    yield numbers
    assert server.stop() == 0


def analyze(folder: Path, ports: dict[str, int], model: str, protocol: str, *options: str) -> dict[str, str]:
    """The row of its report."""
    report = folder / "report.csv"
    command = [
        str(PROGRAM), "-m", model, "-i", protocol, "-u", f"127.0.0.1:{ports[protocol]}", "--measurement-interval",
        "200", "-s", "999", "-r", "3", "-f", str(report), *options,
    ]  # fmt: skip
    variables = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, timeout=60)
    assert report.exists(), ended.stdout + ended.stderr
    (row,) = csv.DictReader(report.read_text().splitlines())
    return row


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("options", [(), ("-b", "2"), ("--shared-memory", "system"), ("-a",)], ids=" ".join)
def test_rate_and_the_servers_own_times_are_found(
    tmp_path: Path, ports: dict[str, int], protocol: str, options: tuple[str, ...]
) -> None:
    row = analyze(tmp_path, ports, "add_sub", protocol, "--concurrency-range", "2", *options)
    assert float(row["Inferences/Second"]) > 0
    assert float(row["Server Queue"]) + float(row["Server Compute Infer"]) > 0


def test_decoupled_models_are_asked_by_streams(tmp_path: Path, ports: dict[str, int]) -> None:
    data = tmp_path / "data.json"  # as many responses as the number says
    data.write_text('{"data": [{"IN": {"content": [2], "shape": [1]}}]}')
    row = analyze(tmp_path, ports, "auto_decoupled", "grpc", "--streaming", "--input-data", str(data))
    assert float(row["Inferences/Second"]) > 0
