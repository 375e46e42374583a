"""Registers and unregisters models again and again, and measures the resources that the process keeps.

Run `python -m tests.benchmarks.soak --rounds 200`; its status is 0 if nothing was left behind and memory has settled.
`--handler torch` takes a model of PyTorch instead of one that does all that Python offers, `--isolation process` has
processes for workers.

Of PyTorch it takes neither torch.jit.trace nor torch.compile: a process that does nothing but trace small models again
and again grows with each, with no server at all, and compiling them grew a server. Memory is measured after the
allocator has given back to the system what it keeps for later, as it does when a model is unregistered.
"""

import argparse
import asyncio
import ctypes
import gc
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from handler.job import Input, Output, Part
from model_registry.registration import Registration
from model_registry.registry import Registry
from tests.benchmarks.colliding import PRACTICES, pack
from tests.benchmarks.silence import silence
from tests.support.footprint import Footprint
from tests.support.serving import serving

WARMING = 20
"""Rounds after which everything that is made once is there."""
SETTLED = 8 << 20
"""Bytes that the second half of the rounds may add: an allocator gives back late."""

TORCH = """
    import io, torch
    from model import Net

    class Handler:
        def initialize(self, context):
            file = io.BytesIO()
            torch.save(Net(), file)
            file.seek(0)
            self.net = torch.load(file, weights_only=False).eval()

        def handle(self, data, context):
            with torch.no_grad():
                self.net(torch.ones(len(data), 64))
            return [{"who": "soaked/1"} for _ in data]
"""
NET = """
    import torch
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(64, 4096), torch.nn.ReLU(), torch.nn.Linear(4096, 64))
        def forward(self, x):
            return self.layers(x)
"""


@dataclass(frozen=True)
class Soak:
    """Rounds on one registry: in each a model is registered, asked in every way it can be, and unregistered."""

    registry: Registry
    file: str
    isolation: str
    write_line: Callable[[str], None]

    async def run(self, rounds: int, temporary: Path) -> dict[str, object]:
        """The resources that the last rounds hold beyond the first, by kind; "memory" where it still grows."""
        await self._repeat(WARMING)
        before = Footprint.now(temporary)
        await self._repeat(rounds // 2)
        halfway = _footprint(temporary)
        self.write_line(_line(rounds // 2, halfway))
        await self._repeat(rounds - rounds // 2)
        after = await _settled(before, temporary)
        self.write_line(_line(rounds, after))
        grown = after.grown(before)
        if after.memory - halfway.memory > SETTLED:
            grown["memory"] = after.memory - halfway.memory
        return grown

    async def _repeat(self, rounds: int) -> None:
        for _ in range(rounds):
            await self._round()

    async def _round(self) -> None:
        version = await self.registry.register(Registration(self.file, initial_workers=2, isolation=self.isolation))
        for practice in PRACTICES:
            output = await version.predict(Input((Part("body", "text/plain", practice.encode()),)), "id")
            assert isinstance(output, Output)
            assert json.loads(output.body)["who"] == "soaked/1"
        await self.registry.unregister("soaked")


def _footprint(temporary: Path) -> Footprint:
    gc.collect()
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    return Footprint.now(temporary)


async def _settled(before: Footprint, temporary: Path) -> Footprint:
    """The footprint once threads that only have to notice that they are over have ended."""
    for _ in range(50):
        after = _footprint(temporary)
        if not after.grown(before):
            break
        await asyncio.sleep(0.1)
    return after


def _line(rounds: int, footprint: Footprint) -> str:
    return (
        f"{rounds:5} rounds: {footprint.memory >> 20} MiB, {len(footprint.modules)} modules, "
        f"{footprint.threads.total()} threads, {footprint.files.total()} files, {len(footprint.folders)} folders"
    )


async def soak(
    folder: Path, rounds: int, isolation: str, write_line: Callable[[str], None], handler: str = "plain"
) -> dict[str, object]:
    """Run all rounds in a server of their own, whose store and temporary files are in that folder."""
    store = folder / "store"
    files = {"handler.py": TORCH, "model.py": NET} if handler == "torch" else {}
    file = pack(store, "soaked", "1", "{}", files)
    async with serving(store) as client:
        return await Soak(client.application.registry, file, isolation, write_line).run(rounds, folder)


def main() -> int:
    """Run as the command line says, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--isolation", choices=("thread", "process"), default="thread")
    parser.add_argument("--handler", choices=("plain", "torch"), default="plain")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, silence() as terminal:
        tempfile.tempdir = name
        folder = Path(name)
        (folder / "store").mkdir()

        def write_line(line: str) -> None:
            print(line, file=terminal)

        grown = asyncio.run(soak(folder, options.rounds, options.isolation, write_line, options.handler))
    print(f"Left behind: {grown or 'nothing'}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
