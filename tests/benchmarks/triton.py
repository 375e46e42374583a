"""Models of a repository beside bare ONNX Runtime and beside Triton itself, asked by perf_analyzer.

`python -m tests.benchmarks.triton --perf-analyzer PATH --triton "COMMAND {repository} {http} {grpc} {metrics}"` prints
a table: requests a second and the median time, by binary HTTP and by gRPC, of 1, 16 and 64 clients. Servers take turns
within each row. Without `--triton` that column stays empty. Triton's Python needs onnxruntime.
"""

import argparse
import csv
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from tests.benchmarks.machine import describe, eventually, headline
from tests.benchmarks.servers import Server
from tests.benchmarks.triton_models import MAX_BATCH, build
from tests.support.free_ports import free_ports

OURS = f'{sys.executable} -c "from app.cli import tritonserver; tritonserver()" --model-repository {{repository}} \
--http-port {{http}} --grpc-port {{grpc}} --metrics-port {{metrics}} --http-address 127.0.0.1 --grpc-address 127.0.0.1'
CLIENTS = (1, 16, 64)
PROTOCOLS = ("http", "grpc")
PYTHON_MODELS = ("identity", "mlp_python", "sign_python")
ONNX_MODELS = ("mlp_onnx", "sign_onnx")
START_SECONDS = 120.0


class Figure(NamedTuple):
    """Requests a second, and the median of their times in milliseconds."""

    rate: float
    p50: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f}/s, {self.p50:.2f} ms"


class TritonServer:
    """A server by its command line, whose places `{repository}`, `{http}`, `{grpc}` and `{metrics}` are filled."""

    def __init__(self, command: str, folder: Path, *, has_onnx: bool) -> None:
        folder.mkdir()
        self._ports = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
        self.files = build(folder / "repository", has_onnx=has_onnx)
        filled = command.format(repository=folder / "repository", **self._ports)
        self.process = Server(shlex.split(filled), folder, self._ports["http"])

    def wait_ready(self) -> None:
        """Return when all models serve."""
        assert eventually(self._is_ready, START_SECONDS), f"{self.process} is not ready"

    def _is_ready(self) -> bool:
        try:
            return self.process.call("GET", "/v2/health/ready")[0] == 200
        except OSError:
            return False

    def measure(self, analyzer: str, model: str, protocol: str, clients: int, seconds: float) -> Figure:
        """Ask a model with so many clients, at one window of measurement after another until three agree."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.csv")
            command = [
                analyzer, "-m", model, "-i", protocol, "-u", f"127.0.0.1:{self._ports[protocol]}",
                "--concurrency-range", str(clients), "--measurement-interval", str(round(1000 * seconds)), "-s", "999",
                "-r", "5", "-f", str(report), *(["-a"] if clients > 1 else []),
            ]  # fmt: skip
            ended = subprocess.run(command, check=False, capture_output=True, text=True, env=_without_proxy())
            if not report.exists():
                raise RuntimeError(f"{shlex.join(command)}: {ended.stdout[-1000:]}{ended.stderr[-1000:]}")
            (row,) = csv.DictReader(report.read_text().splitlines())
            return Figure(float(row["Inferences/Second"]), float(row["p50 latency"]) / 1000)


def _without_proxy() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def bare(file: Path, clients: int, seconds: float) -> Figure:
    """The best of a session with all cores, and of one session with one core for each of them; full batches if many."""
    ways = [(1, 0)] if clients == 1 else [(1, 0), (os.cpu_count() or 1, 1)]
    rows = min(clients, MAX_BATCH)
    return max((_bare(file, rows, threads, inner, seconds) for threads, inner in ways), key=lambda found: found.rate)


def _bare(file: Path, rows: int, threads: int, inner: int, seconds: float) -> Figure:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = inner

    def loop(index: int) -> list[float]:
        session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        inputs = {given.name: np.random.default_rng(index).random((rows, *given.shape[1:]), "f4")}
        took, end = [], time.perf_counter() + seconds
        session.run(None, inputs)
        while (began := time.perf_counter()) < end:
            session.run(None, inputs)
            took.append(time.perf_counter() - began)
        return took

    with ThreadPoolExecutor(threads) as pool:
        times = [each for found in pool.map(loop, range(threads)) for each in found]
    return Figure(len(times) * rows / seconds, 1000 * statistics.median(times))


def tables(servers: dict[str, TritonServer], analyzer: str, seconds: float) -> list[str]:
    """The lines of the table, printed as they come."""
    lines = ["| model | clients | protocol | bare | " + " | ".join(servers) + " |", "|---" * (4 + len(servers)) + "|"]
    print(*lines, sep="\n")
    files = next(iter(servers.values())).files
    for model in (*PYTHON_MODELS, *ONNX_MODELS):
        for clients in CLIENTS:
            name = model.partition("_")[0]
            limit = str(bare(files[name], clients, seconds)) if name in files else ""
            for protocol in PROTOCOLS:
                cells = [
                    str(server.measure(analyzer, model, protocol, clients, seconds))
                    if label == "marserve" or model in PYTHON_MODELS
                    else ""
                    for label, server in servers.items()
                ]
                lines.append(f"| {model} | {clients} | {protocol} | {limit} | {' | '.join(cells)} |")
                print(lines[-1], flush=True)
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--perf-analyzer", default="perf_analyzer", help="the load generator")
    parser.add_argument("--triton", help="the command of a real Triton")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a window of measurement; at least three each")
    chosen = parser.parse_args(arguments)
    commands = {"marserve": OURS} | ({"Triton": chosen.triton} if chosen.triton else {})
    print(headline(describe()), end="\n\n")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        servers = {
            label: TritonServer(command, Path(folder, label), has_onnx=label == "marserve")
            for label, command in commands.items()
        }
        for server in servers.values():
            stack.enter_context(server.process)
        for server in servers.values():
            server.wait_ready()
        tables(servers, chosen.perf_analyzer, chosen.seconds)


if __name__ == "__main__":
    main()
