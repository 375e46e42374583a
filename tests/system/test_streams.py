"""Thousands of streams, many of whose clients leave early: none is lost, mixed up or left running.

The short version is a test; `python -m tests.system.test_streams [requests]` is the long one, and prints what it found.
"""

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from handler.examples import chat
from tests.support.load import until
from tests.support.processes import Server

CLIENTS = 32
TOKENS = 12
EXAMPLE = Path(chat.__file__).parent
CONFIG = (
    "minWorkers: 1\nmaxWorkers: 1\nasyncCommunication: true\nhandler: {width: 16, depth: 1, slots: 8, length: 64}\n"
)
STATE = """
    async def state(self, body, context):
        with open("/proc/self/statm") as file:
            return [{"free": self.scheduler.free_slots, "pages": int(file.read().split()[1])}]
"""


def write_model(store: Path) -> None:
    """The example's archive, with one path more, which tells of its slots."""
    folder = store / "chat"
    (folder / "MAR-INF").mkdir(parents=True)
    for name in ("decoder.py", "scheduler.py"):
        (folder / name).write_text((EXAMPLE / name).read_text())
    source = (EXAMPLE / "handler.py").read_text()
    source = source.replace("    async def list_models", STATE.lstrip("\n") + "\n    async def list_models")
    source = source.replace('"v1/models": self.list_models,', '"v1/models": self.list_models, "state": self.state,')
    (folder / "handler.py").write_text(source)
    (folder / "model-config.yaml").write_text(CONFIG)
    model = {"modelName": "chat", "handler": "handler.py", "modelVersion": "1.0", "configFile": "model-config.yaml"}
    (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps({"model": model}))


class Clients:
    """Ask a server for completions of their own prompts; whole answers are what a prompt's first was."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self.found: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    async def ask(self, path: str, body: Any, lines: int | None = None) -> str:
        """The answer, or so many lines of it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        content = json.dumps(body).encode()
        head = f"POST /predictions/chat/1.0/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Connection: close\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        read = [await reader.readline() for _ in range(lines)] if lines else [await reader.read()]
        writer.close()
        return b"".join(read).decode()

    async def stream(self, number: int) -> None:
        """One stream: read to its end and compared, or left."""
        prompt = f"prompt {number % 40}"
        body = {"prompt": prompt, "max_tokens": TOKENS, "stream": True}
        if self._random.random() < 0.5:
            await self.ask("v1/completions", body, self._random.randrange(1, 20))
            self.found["left"] += 1
            return
        answer = await self.ask("v1/completions", body)
        events = [line[6:] for line in answer.splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]", answer
        text = "".join(json.loads(event)["choices"][0]["text"] for event in events[:-1])
        assert text == self.first.setdefault(prompt, text)
        self.found["read"] += 1

    async def run(self, requests: int) -> None:
        """Make so many requests, some at once."""
        numbers = iter(range(requests))

        async def work() -> None:
            for number in numbers:
                await self.stream(number)

        await asyncio.gather(*(work() for _ in range(CLIENTS)))

    def state(self) -> Any:
        """The free slots of the model, and the pages of memory of its process."""
        return json.loads(asyncio.run(self.ask("state", {})).partition("\r\n\r\n")[2])


def play(store: Path, requests: int) -> tuple[Counter[str], list[int]]:
    """Run the streams in five parts; what became of them, and the pages of memory after each part."""
    write_model(store)
    with Server.of(store, "chat", environ={"TS_DISABLE_TOKEN_AUTHORIZATION": "true"}) as server:
        server.until_listening()
        clients, pages = Clients(server.port, 5), []
        until(lambda: "free" in asyncio.run(clients.ask("state", {})))
        for _ in range(5):
            asyncio.run(clients.run(requests // 5))
            until(lambda: clients.state()["free"] == 8)
            pages.append(clients.state()["pages"])
        return clients.found, pages


def test_no_stream_is_lost_mixed_up_or_left_running(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    found, pages = play(tmp_path / "store", 40)
    assert found["left"] + found["read"] == 40
    assert pages[-1] < pages[0] * 1.2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ends, memory = play(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 10000)
    print(f"{ends['read']} streams were read to their end, {ends['left']} left; memory in MB after each fifth:")
    print([page * 4096 >> 20 for page in memory])
