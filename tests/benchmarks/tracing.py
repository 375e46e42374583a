"""The cost of tracing: CPU time of the server's process for a request, without it and at some sampling ratios.

    python -m tests.benchmarks.tracing [--requests 20000] [--rounds 3]

CPU time and not throughput, so that a busy machine does not matter much. Spans go to a receiver in another process.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.processes import Server
from tests.system.api_contract import write_archive

RATIOS = ("off", "0.01", "1")
CLIENTS = 16
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
REQUEST = b"POST /predictions/echo HTTP/1.1\r\nHost: x\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\na"


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def send(port: int, count: int) -> None:
    """Send that many requests over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
    writer.close()


async def send_all(port: int, requests: int) -> None:
    """Send requests from all clients."""
    await asyncio.gather(*(send(port, requests // CLIENTS) for _ in range(CLIENTS)))


def microseconds(store: Path, ratio: str, receiver_port: int, requests: int) -> float:
    """The CPU time of a request."""
    traced = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver_port}",
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": ratio,
    }
    with Server.of(store, "echo-1.0.mar", environ={} if ratio == "off" else traced) as server:
        server.until_listening()
        asyncio.run(send_all(server.port, requests // 4))
        before = cpu_seconds(server.process.pid)
        asyncio.run(send_all(server.port, requests))
        return 1e6 * (cpu_seconds(server.process.pid) - before) / requests


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    taken: dict[str, list[float]] = {ratio: [] for ratio in RATIOS}
    receiver = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    try:
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder, "store")
            store.mkdir()
            write_archive(store, "echo", "1.0")
            for _ in range(chosen.rounds):
                for ratio, values in taken.items():
                    values.append(microseconds(store, ratio, port, chosen.requests))
    finally:
        receiver.kill()
        receiver.wait()
    base = statistics.median(taken["off"])
    print("| sampled | CPU time of a request | more |\n|---|---:|---:|")
    for ratio, values in taken.items():
        median = statistics.median(values)
        print(f"| {ratio} | {median:.1f} us ({min(values):.1f} to {max(values):.1f}) | {median / base - 1:+.1%} |")


if __name__ == "__main__":
    main()
