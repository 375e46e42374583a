"""Thousands of streams, many of whose clients leave early: none is lost, mixed up or left running.

The short version is a test; `python -m tests.system.test_streams [requests]` is the long one, and prints the ends of
the streams and the memory of the server.
"""

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.load import until
from tests.support.one_worker import write
from tests.support.processes import Server

CLIENTS = 32
SLOTS = 8
HANDLER = """
import asyncio

class Handler:
    def initialize(self, context):
        self.slots = asyncio.Semaphore(8)

    async def handle(self, data, context):
        body = data[0]["body"]
        if body == "state":
            with open("/proc/self/statm") as file:
                yield [{"free": self.slots._value, "pages": int(file.read().split()[1])}]
            return
        async with self.slots:
            for number in range(20):
                await asyncio.sleep(0.001 * (number % 3))
                yield [f"{body}:{number}\\n"]
"""
MANIFEST = {
    "model": {"modelName": "m", "handler": "handler.py", "modelVersion": "1.0", "configFile": "model-config.yaml"}
}


class Clients:
    """Ask a server for streams; each has a word of its own, which all of its tokens have to show."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self.found: Counter[str] = Counter()

    async def ask(self, text: str, lines: int | None = None) -> list[str]:
        """The chunks of the answer, or as many lines as were read before leaving."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"POST /predictions/m HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{text}".encode())
        read = [await reader.readline() for _ in range(lines)] if lines else (await reader.read()).splitlines()
        writer.close()
        return [line.decode().strip() for line in read]

    async def stream(self, word: str) -> None:
        """One stream: read to its end, or left."""
        lines = self._random.randrange(1, 40) if self._random.random() < 0.5 else None
        tokens = [line for line in await self.ask(word, lines) if ":" in line and line.startswith("word")]
        assert tokens == [f"{word}:{number}" for number in range(20)][: len(tokens)]
        assert lines or len(tokens) == 20
        self.found["left" if lines else "read"] += 1

    async def run(self, requests: int) -> None:
        """Make so many requests, some at once."""
        numbers = iter(range(requests))

        async def work() -> None:
            for number in numbers:
                await self.stream(f"word{number}")

        await asyncio.gather(*(work() for _ in range(CLIENTS)))

    def state(self) -> Any:
        """The free slots of the model, and the pages of memory of its process."""
        text = "".join(asyncio.run(self.ask("state")))
        start, end = text.find("{"), text.rfind("}")
        return json.loads(text[start : end + 1]) if start >= 0 else {}


def play(folder: Path, requests: int) -> tuple[Counter[str], list[int]]:
    """Run the streams in five parts; the counts of their ends, and the pages of memory after each part."""
    config = "minWorkers: 1\nmaxWorkers: 1\nasyncCommunication: true\n"
    files = {"handler.py": HANDLER, "model-config.yaml": config, "MAR-INF/MANIFEST.json": json.dumps(MANIFEST)}
    write(folder / "store" / "m", files)
    with Server.of(folder / "store", "m") as server:
        server.until_listening()
        clients, pages = Clients(server.port, 5), []
        until(lambda: "free" in clients.state())
        for _ in range(5):
            asyncio.run(clients.run(requests // 5))
            until(lambda: clients.state()["free"] == SLOTS)
            pages.append(clients.state()["pages"])
        return clients.found, pages


def test_no_stream_is_lost_mixed_up_or_left_running(tmp_path: Path) -> None:
    found, pages = play(tmp_path, 300)
    assert found["left"] + found["read"] == 300
    assert pages[-1] < pages[0] * 1.2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        ends, memory = play(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else 10000)
    print(f"{ends['read']} streams were read to their end, {ends['left']} left; memory in MB after each fifth:")
    print([page * 4096 >> 20 for page in memory])
