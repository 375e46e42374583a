"""The memory that a server needs as its connections and its models grow; nothing is timed.

Run `python -m tests.benchmarks.costs`. Connections have asked once, and are idle then; models are registrations of one
archive with a worker that has answered once. The status is 1 if one of them costs more than its limit.
"""

import http.client
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from tests.benchmarks.jobs import JOBS
from tests.benchmarks.plot import lines
from tests.benchmarks.servers import Server, marserve
from tests.benchmarks.tables import parser, publish

LIMITS_KB = {"idle connection": 10.0, "idle model": 1000.0}
CONNECTIONS = (100, 1000, 2000, 4000)
MODELS = (10, 50, 100, 200)
Add = Callable[[Server, int], None]
"""Adds the thing of that number to a server."""


@contextmanager
def connections() -> Iterator[Add]:
    """Adds connections that have asked once, and closes them all in the end."""
    opened: list[http.client.HTTPConnection] = []

    def add(server: Server, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        opened.append(connection)
        connection.request("GET", "/ping")
        assert connection.getresponse().read()

    try:
        yield add
    finally:
        for connection in opened:
            connection.close()


def add_model(server: Server, number: int) -> None:
    """Register the archive under one more name; its worker answers once."""
    name = f"model{number}"
    query = f"url=echo.mar&model_name={name}&synchronous=true"
    status, answer = server.call("POST", f"/models?{query}", port=server.management)
    assert status == 200, answer
    status, answer = server.call("POST", f"/predictions/{name}", JOBS["echo"].bodies()[0])
    assert status == 200, answer


def growth(kind: str, add: Add, counts: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each count: the server's memory, and what each further one has cost since the row before."""
    rows = []
    with marserve([JOBS["echo"]]) as server:
        memory = [server.tree.memory()]
        for before, count in pairwise((0, *counts)):
            for number in range(before, count):
                add(server, number)
            memory.append(server.tree.memory())
            each = (memory[-1] - memory[-2]) / 1e3 / (count - before)
            rows.append({"kind": kind, "count": count, "memory MB": memory[-1] / 1e6, "each further, kB": each})
    return rows


def measure(connection_counts: Sequence[int], model_counts: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of both kinds."""
    with connections() as add_connection:
        rows = growth("idle connection", add_connection, connection_counts)
    return rows + growth("idle model", add_model, model_counts)


def main() -> int:
    """Measure, and write the results; the status is 1 if one more costs too much."""
    options = parser("costs", __doc__)
    options.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    options.add_argument("--models", type=int, nargs="+", default=MODELS)
    chosen = options.parse_args()
    rows = measure(chosen.connections, chosen.models)
    series = {
        f"{kind}s": [(row["count"], row["memory MB"]) for row in rows if row["kind"] == kind] for kind in LIMITS_KB
    }
    chart = lines("Memory of the server", "connections or models", "MB", series)
    limits = ", ".join(f"{kind} {limit:g} kB" for kind, limit in LIMITS_KB.items())
    publish("costs", chosen.out, rows, f"Proportional set size, the kernel's buffers not included. Limits: {limits}.",
            {"costs": chart})  # fmt: skip
    last = {row["kind"]: row["each further, kB"] for row in rows}
    return int(any(last[kind] > limit for kind, limit in LIMITS_KB.items()))


if __name__ == "__main__":
    sys.exit(main())
