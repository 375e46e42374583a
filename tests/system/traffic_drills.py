"""Tries rules, shadows and rollouts on two versions of a model, under load over HTTP and gRPC.

    python -m tests.system.traffic_drills --rate 300 --seconds 10

Each drill starts a server of its own, and writes a line of a table. The exit status is 1 if one failed.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from tests.benchmarks.jobs import Body
from tests.benchmarks.open_loop import OpenLoop, Record, arrivals, percentile, plan, statuses
from tests.support.free_ports import free_port
from tests.support.processes import TIMEOUT_SECONDS, Server
from tests.support.traffic_load import MODEL, Answer, TrafficLoad
from tests.support.version_archive import Behaviour, write_version

OLD, NEW = "1.0", "2.0"
SHARE = 0.3
SHADOW_PAIRS = 6
"""Phases without a shadow, each beside one with it."""
KEYED = {"weights": {OLD: 1 - SHARE, NEW: SHARE}, "key": {"header": "x-user"}}


class Load(NamedTuple):
    """The rate of the requests a second, and the time of each phase of a drill."""

    rate: float
    seconds: float


class Serving:
    """A server with both versions, and the load on it."""

    def __init__(self, server: Server, grpc_port: int, load: Load) -> None:
        self.server, self.seconds = server, load.seconds
        self.load = TrafficLoad(server.port, grpc_port, load.rate)

    async def manage(self, method: str, path: str, body: Any = None) -> Any:
        """A management call; returns its decoded answer."""
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await client.request(method, f"{self.server.url}/models/{path}", json=body)
            answer.raise_for_status()
            return answer.json()

    async def until_ready(self) -> None:
        """Wait for the start-up models."""
        await asyncio.to_thread(self.server.until_listening)
        await self.manage("GET", MODEL)

    async def roll_out(self, **plan: Any) -> tuple[list[Answer], dict[str, Any]]:
        """Begin a rollout under load until it ends; the answers until then, and the rollout as it ended."""
        plan = {"to": NEW, "steps": [20, 100], "hold": 1_000_000, **plan}
        await self.manage("PUT", f"{MODEL}/rollout", plan)
        first = len(self.load.answers)
        while (rollout := await self.manage("GET", f"{MODEL}/rollout"))["state"] in ("shadowing", "stepping"):
            await self.load.send(self.seconds / 10)
        return self.load.answers[first:], rollout


@asynccontextmanager
async def serving(load: Load, behaviour: Behaviour = "good", good_answers: int = 0) -> AsyncIterator[Serving]:
    """Start a server with both versions, and the clients."""
    with tempfile.TemporaryDirectory() as folder:
        store = _make_store(folder, behaviour, good_answers)
        grpc_port = free_port()
        with Server.of(store, "1.mar", options=["--grpc-port", str(grpc_port)]) as server:
            started = Serving(server, grpc_port, load)
            async with started.load:
                await started.until_ready()
                await started.manage("POST", "?url=2.mar&initial_workers=2&synchronous=true")
                yield started


async def shares_and_users(load: Load) -> str:
    """Shares are right to within three standard errors, and each user sees one version over both fronts."""
    async with serving(load) as served:
        await served.manage("PUT", f"{MODEL}/traffic", {"weights": KEYED["weights"]})
        drawn = await served.load.send(served.seconds)
        errors = [_check_share([answer for answer in drawn if answer.front == front]) for front in ("http", "grpc")]
        await served.manage("PUT", f"{MODEL}/traffic", KEYED)
        _check_users(keyed := await served.load.send(served.seconds))
        _check_failures([*drawn, *keyed], 0)
    distances = " and ".join(f"{error:+.1f}" for error in errors)
    return f"{len(drawn)} drawn, off by {distances} standard errors; {len(keyed)} with a key, all users stayed"


async def failing_canary(load: Load) -> str:
    """A version that begins to fail goes back, and only its own answers failed."""
    return await _bad_canary(load, "fails", "answers are errors")


async def slow_canary(load: Load) -> str:
    """A version that gets four times as slow goes back; nothing failed."""
    return await _bad_canary(load, "is slow", "above the old version")


async def differing_canary(load: Load) -> str:
    """A version that begins to answer differently goes back; nothing failed."""
    return await _bad_canary(load, "differs", "differ", shadowFirst=True, hold=50)


async def hung_shadow(load: Load) -> str:
    """A shadow that hangs costs the version that serves nothing."""
    return await _bad_shadow(load, "hangs")


async def dying_shadow(load: Load) -> str:
    """A shadow whose processes die costs the version that serves nothing."""
    return await _bad_shadow(load, "dies")


async def killed_server(load: Load) -> str:
    """A rollout goes on after kill -9 under load; users keep their version, and requests sent again are answered."""
    async with serving(load) as served:
        await served.manage("PUT", f"{MODEL}/traffic", KEYED)
        limits = {"p95Increase": 9}
        plan = {"to": NEW, "steps": [100 * SHARE, 100], "hold": 1_000_000, "limits": limits}
        await served.manage("PUT", f"{MODEL}/rollout", plan)
        sending = asyncio.create_task(served.load.send(2 * served.seconds))
        await asyncio.sleep(served.seconds)
        await asyncio.to_thread(served.server.stop, signal.SIGKILL)
        with served.server:
            await served.until_ready()
            answers = await sending
            rollout = await served.manage("GET", f"{MODEL}/rollout")
        assert (rollout["state"], rollout["share"]) == ("stepping", SHARE), rollout
    _check_failures(answers, 0)
    _check_users(answers)
    slowest = max(answer.seconds for answer in answers)
    return f"{len(answers)} answers, 0 lost; goes on at {SHARE:.0%}, all users stayed; the longest wait {slowest:.1f} s"


DRILLS = (shares_and_users, failing_canary, slow_canary, differing_canary, hung_shadow, dying_shadow, killed_server)


def _make_store(folder: str, behaviour: Behaviour, good_answers: int) -> Path:
    store = Path(folder, "store")
    store.mkdir()
    write_version(store / "1.mar", MODEL, OLD)
    write_version(store / "2.mar", MODEL, NEW, behaviour, good_answers)
    return store


async def _bad_canary(load: Load, behaviour: Behaviour, reason: str, **plan: Any) -> str:
    async with serving(load, behaviour, good_answers=100) as served:
        await served.load.send(served.seconds / 2)
        answers, rollout = await served.roll_out(**plan)
        after = await served.load.send(served.seconds / 2)
    assert rollout["state"] == "rolled_back", rollout
    assert reason in rollout["reason"], rollout
    count = rollout["versions"][NEW]["answers"]
    failed = _check_failures([each for each in answers if each.outcome != "another answer"], count)
    assert {answer.outcome for answer in after} == {OLD}
    return f"back after {count} of its answers, {failed} of them failed; then {len(after)} answers, 0 failed"


async def _bad_shadow(load: Load, behaviour: Behaviour) -> str:
    """Phases with and without the shadow in turn; the clients are light, so that theirs is not the longest wait."""
    kinds: dict[bool, list[Record]] = {False: [], True: []}
    async with serving(load, behaviour) as served, OpenLoop(served.server.port) as clients:
        for number in range(2 * SHADOW_PAIRS):
            is_shadowed = number % 4 in (1, 2)
            rules = {"weights": {OLD: 1}, **({"shadow": {"version": NEW}} if is_shadowed else {})}
            await served.manage("PUT", f"{MODEL}/traffic", rules)
            times = arrivals(load.rate, load.seconds, seed=number)
            kinds[is_shadowed] += await clients.send(
                plan(MODEL, f"/predictions/{MODEL}", [Body("text/plain", b"a")], times)
            )
    alone, beside = kinds.values()
    assert statuses([*alone, *beside]).keys() == {200}, statuses([*alone, *beside])
    seen = (f"p{part} {percentile(alone, part):.1f} -> {percentile(beside, part):.1f} ms" for part in (50, 95, 99))
    return f"{len(alone)} answers without and {len(beside)} with the shadow, 0 failed; {', '.join(seen)}"


def _check_share(answers: Sequence[Answer]) -> float:
    """Check that SHARE of them saw the new version; returns the distance in standard errors."""
    seen = Counter(answer.outcome for answer in answers)
    errors = (seen[NEW] / len(answers) - SHARE) / (SHARE * (1 - SHARE) / len(answers)) ** 0.5
    assert abs(errors) <= 3, seen
    return errors


def _check_users(answers: Sequence[Answer]) -> None:
    seen = {(answer.user, answer.outcome) for answer in answers}
    assert len(seen) == len({user for user, _ in seen})


def _check_failures(answers: Sequence[Answer], allowed: int) -> int:
    """Check that none was lost, and that those that failed were the new version's, at most so many."""
    failed = [answer for answer in answers if answer.outcome not in (OLD, NEW)]
    assert all(answer.version == NEW for answer in failed), Counter(answer.outcome for answer in failed)
    assert len(failed) <= allowed
    return len(failed)


def run(load: Load, drills: Sequence[Callable[[Load], Coroutine[None, None, str]]]) -> bool:
    """Run the drills, print a table; True where all were right."""
    is_right = True
    print("| drill | seen |\n|---|---|", flush=True)
    for drill in drills:
        name = drill.__name__.replace("_", " ")  # type: ignore[attr-defined]
        try:
            print(f"| {name} | {asyncio.run(drill(load))} |", flush=True)
        except AssertionError as error:
            is_right = False
            print(f"| {name} | FAILED: {error} |", flush=True)
    return is_right


def main() -> None:
    """Run the drills that are named, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drills", nargs="*", help="those whose name has one of these words")
    parser.add_argument("--rate", type=float, default=300, help="requests a second, half of them over gRPC")
    parser.add_argument("--seconds", type=float, default=10, help="length of a phase")
    chosen = parser.parse_args()
    drills = [drill for drill in DRILLS if not chosen.drills or any(word in drill.__name__ for word in chosen.drills)]
    sys.exit(0 if run(Load(chosen.rate, chosen.seconds), drills) else 1)


if __name__ == "__main__":
    main()
