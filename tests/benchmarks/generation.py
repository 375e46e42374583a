"""Tokens per second of the example of a language model at 1, 8 and 32 clients, with the same archive on each server.

`python -m tests.benchmarks.generation [--tokens 100] [--torchserve COMMAND] [--compile]` prints a table: the bare loop
of one sequence, marserve, and TorchServe if its command is given. The servers run one after the other.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from handler.examples.building import CHAT, CHAT_FILES, language_model, write_archive
from tests.benchmarks.jobs import Body
from tests.benchmarks.servers import OURS, Candidate
from tests.support.examples import decoder

SHAPE = {"width": 256, "depth": 4, "heads": 8, "length": 256}
SLOTS = 32
PROMPT = "A prompt of some length"
PATH = "/predictions/chat/1.0/v1/completions"
HEAD = "server | clients | tokens/s | first token, median ms | slowest client of the fastest"


def body_of(count: int, *, stream: bool) -> bytes:
    """A request for `count` tokens, or for fewer if the model ends before."""
    options = {"stream": stream, "stream_options": {"include_usage": True}}
    return json.dumps({"prompt": PROMPT, "max_tokens": count, **options}).encode()


def bare_rate(count: int) -> float:
    """Tokens per second of one sequence, with nothing around the model."""
    model = decoder.Decoder(**SHAPE, slots=SLOTS)
    tokens = model.encode(PROMPT)
    token = int(model.prefill(tokens, 0).argmax())
    started = perf_counter()
    for number in range(count):
        token = int(model.step([token], [0], [len(tokens) + number]).argmax())
    return count / (perf_counter() - started)


async def ask(port: int, count: int) -> tuple[int, float, float]:
    """One stream: its tokens, the seconds to the first, and those to the end."""
    started, first, tokens = perf_counter(), 0.0, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = body_of(count, stream=True)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    while (line := await reader.readline()) and b"[DONE]" not in line:  # TorchServe keeps the connection all the same
        if line.startswith(b"data: {"):
            first = first or perf_counter() - started
            tokens = (json.loads(line[6:]).get("usage") or {}).get("completion_tokens", tokens)
    writer.close()
    return tokens, first, perf_counter() - started


async def measure(port: int, clients: int, count: int) -> str:
    """The figures of clients that all begin at once."""
    started = perf_counter()
    found = await asyncio.gather(*(ask(port, count) for _ in range(clients)))
    seconds = perf_counter() - started
    rates = [tokens / whole for tokens, _, whole in found]
    total = sum(tokens for tokens, _, _ in found) / seconds
    return (
        f"{clients} | {total:.0f} | {median(first for _, first, _ in found) * 1000:.0f} | {min(rates) / max(rates):.2f}"
    )


def measure_server(candidate: Candidate, store: Path, folder: Path, count: int) -> None:
    """Print the rows of one server."""
    folder.mkdir()
    with candidate.server(["chat"], store, folder) as server:
        server.until_right(PATH, Body("application/json", body_of(2, stream=False)), None)
        for clients in (1, 8, 32):
            print(f"| {candidate.name} | {asyncio.run(measure(server.port, clients, count))} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--torchserve", help="the command of a TorchServe")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    options = parser.parse_args()
    print(f"bare loop, one sequence: {bare_rate(options.tokens):.0f} tokens/s\n\n| {HEAD} |\n|---|---|---|---|---|")
    candidates = [Candidate("marserve", OURS)]
    if options.torchserve:
        candidates.append(Candidate("TorchServe", (options.torchserve,)))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        store.mkdir()
        config = language_model(None, {**SHAPE, "slots": SLOTS}, options.compile)
        write_archive(store, "chat", CHAT / "handler.py", CHAT_FILES, config)
        for number, candidate in enumerate(candidates):
            measure_server(candidate, store, Path(folder, str(number)), options.tokens)


if __name__ == "__main__":
    main()
