"""Serves many archives that would collide, several versions and workers of each, while they come and go.

Run `python -m tests.benchmarks.side_by_side --seconds 300`; its status is 0 if every answer was the right model's.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from handler.errors import HandlerError
from handler.job import Input, Output, Part
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.registry import Registry
from tests.benchmarks.colliding import PRACTICES, pack
from tests.benchmarks.silence import silence
from tests.support.serving import serving

Served = tuple[str, str]
"""A model's name and version."""


@dataclass(frozen=True)
class Plan:
    """The size of a run: `processes` of the archives have processes for workers."""

    seconds: float = 60.0
    archives: int = 20
    versions: int = 3
    workers: int = 2
    clients: int = 32
    processes: int = 0
    seed: int = 1


@dataclass
class Tally:
    """The answers and errors of a run."""

    answers: Counter[str] = field(default_factory=Counter)
    """Right answers by practice."""
    wrong: list[str] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Requests to versions that were being registered or unregistered."""
    calls: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """The numbers of calls that each worker has reported."""

    def record(self, served: Served, practice: str, answer: dict[str, Any]) -> None:
        """Check an answer."""
        if answer["who"] != "/".join(served):
            self.wrong.append(f"{'/'.join(served)} answered {answer['who']!r} to {practice!r}")
            return
        self.answers[practice] += 1
        if answer["row"] == 0:
            self.calls[answer["token"]].append(answer["calls"])

    def conclude(self) -> None:
        """Check that no two workers have counted together."""
        for token, calls in self.calls.items():
            if len(set(calls)) != len(calls):
                self.wrong.append(f"Worker {token} has counted {len(calls) - len(set(calls))} calls twice")


class Stress:
    """Clients that ask, and managers that change, one registry at the same time."""

    def __init__(self, registry: Registry, store: Path, plan: Plan) -> None:
        self.tally = Tally()
        self._registry = registry
        self._store = store
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._until = monotonic()
        self._changing: set[Served] = set()
        self._files: dict[Served, str] = {}

    async def run(self) -> Tally:
        """Load everything at once, then ask and change until the time is over."""
        for index in range(self._plan.archives):
            isolation = "process" if index < self._plan.processes else "thread"
            config = f"batchSize: {1 + index % 4}\nmaxBatchDelay: 2\nisolation: {isolation}"
            for version in map(str, range(1, self._plan.versions + 1)):
                self._files[f"model{index}", version] = pack(self._store, f"model{index}", version, config)
        await asyncio.gather(*map(self._register, self._files))
        self._until = monotonic() + self._plan.seconds
        clients = [self._repeat(self._ask) for _ in range(self._plan.clients)]
        await asyncio.gather(
            *clients, self._repeat(self._reload), self._repeat(self._reload), self._repeat(self._scale)
        )
        self.tally.conclude()
        return self.tally

    async def _repeat(self, act: Callable[[], Awaitable[None]]) -> None:
        while monotonic() < self._until:
            await act()

    async def _ask(self) -> None:
        served, practice = self._random.choice(list(self._files)), self._random.choice(PRACTICES)
        changing = served in self._changing
        try:
            version = self._registry.resolve(*served)
            output = await version.predict(Input((Part("body", "text/plain", practice.encode()),)), "id")
        except (RegistryError, HandlerError) as error:
            if changing or served in self._changing:
                self.tally.refused += 1
                await asyncio.sleep(0.001)
            else:
                self.tally.wrong.append(f"{'/'.join(served)} answered {error!r} to {practice!r}")
        else:
            assert isinstance(output, Output)
            self.tally.record(served, practice, json.loads(output.body))

    async def _reload(self) -> None:
        """Unregister a version that is not the default, and register it again."""
        served = self._random.choice(list(self._files))
        model = self._registry.model(served[0])
        if served in self._changing or model.default == served[1]:
            await asyncio.sleep(0)
            return
        self._changing.add(served)
        await self._registry.unregister(*served)
        await self._register(served)
        self._changing.discard(served)
        self.tally.changes["reloads"] += 1

    async def _scale(self) -> None:
        served = self._random.choice(list(self._files))
        if served not in self._changing:
            self._changing.add(served)
            count = self._random.randint(1, self._plan.workers + 1)
            await self._registry.scale(self._registry.resolve(*served), count, count, wait=True)
            self._changing.discard(served)
            self.tally.changes["scalings"] += 1
        await asyncio.sleep(0.01)

    async def _register(self, served: Served) -> None:
        await self._registry.register(Registration(self._files[served], initial_workers=self._plan.workers))


async def stress(store: Path, plan: Plan) -> Tally:
    """Serve the archives of the plan from a store that is empty yet."""
    async with serving(store) as client:
        return await Stress(client.application.registry, store, plan).run()


def main() -> int:
    """Run as the command line says, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("seconds", "archives", "versions", "workers", "clients", "processes", "seed"):
        default = getattr(Plan, name)
        parser.add_argument(f"--{name}", type=type(default), default=default)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder, silence():
        tally = asyncio.run(stress(Path(folder), plan))
    print(f"{tally.answers.total()} right answers of {len(tally.calls)} workers, {len(tally.wrong)} wrong;")
    print(f"{dict(tally.changes)}, {tally.refused} requests refused meanwhile.")
    for line, times in Counter(tally.wrong).most_common(20):
        print(f"{times} x {line}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
