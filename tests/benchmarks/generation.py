"""Tokens per second of the example of a language model, at 1, 8 and 32 clients, beside the bare loop of one sequence.

`python -m tests.benchmarks.generation [tokens]`; the server is a process of its own, the bare loop runs before it.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.support.examples import CHAT, decoder
from tests.support.load import until
from tests.support.one_worker import write
from tests.support.processes import Server

SHAPE = {"width": 256, "depth": 4, "heads": 8, "slots": 32, "length": 256}
PROMPT = "A prompt of some length"


def bare_rate(count: int) -> float:
    """Tokens per second of one sequence, with nothing around the model."""
    model = decoder.Decoder(**SHAPE)
    tokens = list(PROMPT.encode())
    token = int(model.prefill(tokens, 0).argmax())
    started = perf_counter()
    for number in range(count):
        token = int(model.step([token], [0], [len(tokens) + number]).argmax())
    return count / (perf_counter() - started)


async def ask(port: int, count: int) -> tuple[int, float]:
    """One stream: its tokens, and the seconds to the first."""
    started, first = perf_counter(), 0.0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"prompt": PROMPT, "max_tokens": count, "stream": True}).encode()
    head = "POST /predictions/chat/1.0/v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    tokens = 0
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            first, tokens = first or perf_counter() - started, tokens + 1
    writer.close()
    return tokens, first


async def measure(port: int, clients: int, count: int) -> str:
    """A row of the table."""
    started = perf_counter()
    found = await asyncio.gather(*(ask(port, count) for _ in range(clients)))
    rate = sum(tokens for tokens, _ in found) / (perf_counter() - started)
    return f"| {clients} | {rate:.0f} | {median(first for _, first in found) * 1000:.0f} |"


def main(count: int) -> None:
    """Print the table."""
    print(f"bare loop, one sequence: {bare_rate(count):.0f} tokens/s\n")
    print("| clients | tokens/s | time to first token, median ms |\n|---|---|---|")
    names = ("handler.py", "decoder.py", "scheduler.py", "slots.py", "text_stream.py")
    config = {"minWorkers": 1, "maxWorkers": 1, "asyncCommunication": True, "handler": SHAPE}
    model = {"modelName": "chat", "handler": "handler.py", "modelVersion": "1.0", "configFile": "model-config.yaml"}
    files = {"model-config.yaml": json.dumps(config), "MAR-INF/MANIFEST.json": json.dumps({"model": model})}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "store/chat"), {**files, **{name: (CHAT / name).read_text() for name in names}})
        with Server.of(Path(folder, "store"), "chat") as server:
            server.until_listening()
            until(lambda: asyncio.run(ask(server.port, 2))[0] > 0)
            for clients in (1, 8, 32):
                print(asyncio.run(measure(server.port, clients, count)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
