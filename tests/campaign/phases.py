"""The phases of a campaign: each lets a soak run beside one kind of trouble, and returns its figures."""

import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random

from tests.campaign.fuzzers import FUZZERS, Fuzzer
from tests.campaign.grpc_fuzzer import GRPC_FUZZER
from tests.campaign.mutations import shrink
from tests.campaign.soak import Soak
from tests.campaign.target import Target, Usage, pack

SEEDS = Path(__file__).with_name("seeds")
"""Cases that once failed, FUZZER-DIGEST.bin; each campaign begins with them."""
DISTURBED = """
import runpy, sys
sys.argv.insert(1, {!r})
runpy.run_module("tests.campaign.disturbed_server", run_name="__main__")
"""
CLIENTS = 3
SETTLED_MEMORY = 48 << 20
"""Bytes that a process may grow by after its first part of the fuzzing."""
SETTLED_THREADS = SETTLED_FILES = 8


@dataclass
class Figures:
    """The counts of one phase: cases, and what became of the requests of the soak; `faults` says what is wrong."""

    phase: str
    seconds: float = 0.0
    cases: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    events: int = 0
    """Kills, stops, jumps."""
    grown: dict[str, float] = field(default_factory=dict)
    """Growth of memory (MB), threads and files of the server's process."""
    faults: list[str] = field(default_factory=list)


@contextmanager
def target(kind: str = "") -> Iterator[Target]:
    """A started server, disturbed in the named way."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        program = "import sys; from app.cli import main; sys.exit(main())"
        if kind:
            program = DISTURBED.format(kind)
        environ: Mapping[str, str] = {"LOG_LOCATION": str(Path(folder, "logs"))} if kind == "disk" else {}
        server = Target(Path(folder, "server"), environ, program)
        try:
            server.start()
            yield server
        finally:
            server.close()


@contextmanager
def soaking(figures: Figures, server: Target, seed: int, *, may_fail: bool = False) -> Iterator[Soak]:
    """Let clients ask while the block runs, and add what became of it to the figures."""
    started = time.monotonic()
    with Soak(server, CLIENTS, seed, may_fail=may_fail) as soak:
        yield soak
    figures.seconds += time.monotonic() - started
    figures.requests += soak.counts
    figures.faults += soak.examples[:5]


def fuzz(seconds: float, seed: int, report: Callable[[str], object]) -> Figures:
    """Put cases of all fuzzers to one server, in turns; what fails is shrunk, and kept as a seed."""
    figures, fuzzers = Figures("fuzz"), (*FUZZERS, GRPC_FUZZER)
    random, end = Random(seed), time.monotonic() + seconds
    streams = {fuzzer.name: fuzzer.cases(random) for fuzzer in fuzzers}
    with target() as server:
        with soaking(figures, server, seed):
            for name, case in kept_cases():
                fuzzer = next(each for each in fuzzers if each.name == name)
                try_case(figures, server, fuzzer, case, report)
            before: Usage | None = None
            while time.monotonic() < end or before is None:
                if before is None and time.monotonic() > end - seconds * 0.7:
                    before = server.usage()
                fuzzer = random.choice(fuzzers)
                try_case(figures, server, fuzzer, next(streams[fuzzer.name]), report)
        measure_growth(figures, server, before)
        stop_in_order(figures, server)
    return figures


def try_case(figures: Figures, server: Target, fuzzer: Fuzzer, case: bytes, report: Callable[[str], object]) -> None:
    """Put one case to the server; a failure is shrunk against fresh servers, and kept."""
    figures.cases[fuzzer.name] += 1
    wrong = outcome(server, fuzzer, case)
    if not wrong:
        return
    report(f"{fuzzer.name}: {wrong}; shrinking {len(case)} bytes")
    with target() as other:

        def fails(candidate: bytes) -> bool:
            is_failing = bool(outcome(other, fuzzer, candidate))
            if not other.is_alive:
                other.start()
            return is_failing

        smaller = shrink(case, fails)
    file = SEEDS / f"{fuzzer.name}-{blake2b(smaller, digest_size=4).hexdigest()}.bin"
    file.write_bytes(smaller)
    figures.faults.append(f"{fuzzer.name}: {wrong} ({file.name}: {smaller[:80]!r})")
    if not server.is_alive:
        server.start()


def outcome(server: Target, fuzzer: Fuzzer, case: bytes) -> str:
    """The fault of a case, "" if there is none."""
    try:
        wrong = fuzzer.attack(server, case)
    except Exception as error:  # no answer that can be read
        wrong = f"{type(error).__name__}: {error}"
    return wrong if server.is_alive else f"the server ended: {server.tail()[-300:]}"


def kept_cases() -> Iterator[tuple[str, bytes]]:
    """The fuzzers' names and cases that once failed."""
    for file in sorted(SEEDS.glob("*.bin")):
        yield file.name.partition("-")[0], file.read_bytes()


def measure_growth(figures: Figures, server: Target, before: Usage) -> None:
    """Compare the resources of a server that rests with those from before."""
    deadline = time.monotonic() + 10
    while True:
        after = server.usage()
        grown = after.memory - before.memory, after.threads - before.threads, after.files - before.files
        is_settled = grown[0] <= SETTLED_MEMORY and grown[1] <= SETTLED_THREADS and grown[2] <= SETTLED_FILES
        if is_settled or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    figures.grown = {"memory": round(grown[0] / 1e6, 1), "threads": grown[1], "files": grown[2]}
    if not is_settled:
        figures.faults.append(f"leaked: {figures.grown}")


def stop_in_order(figures: Figures, server: Target) -> None:
    """End the server by a signal; it has to say 0, and to leave no unpacked archives."""
    status = server.stop()
    left = [str(path) for path in server.temporary.glob("models/*")]
    if status or left:
        figures.faults.append(f"the stop: status {status}, left {left}: {server.tail()[-300:]}")


def kill_and_restart(seconds: float, seed: int, report: Callable[[str], object]) -> Figures:
    """Kill the server at any moment and start it again; what it left is cleared, and its answers are right."""
    figures, random, end = Figures("kill -9"), Random(seed), time.monotonic() + seconds
    with target() as server:
        with soaking(figures, server, seed, may_fail=True):
            while time.monotonic() < end or not figures.events:
                time.sleep(random.uniform(0, 1.5))
                server.stop(signal.SIGKILL)
                figures.events += 1
                server.start()
        left = len(list(server.temporary.glob("models/*")))
        if left > 2:
            figures.faults.append(f"{left} unpacked archives, 2 are served")
        stop_in_order(figures, server)
    return figures


def jump(seconds: float, seed: int, report: Callable[[str], object]) -> Figures:
    """Let the clock jump, and stop and continue the process."""
    figures, random, end = Figures("clock"), Random(seed), time.monotonic() + seconds
    with target("clock") as server:
        with soaking(figures, server, seed):
            while time.monotonic() < end or not figures.events:
                time.sleep(random.uniform(0, 2))
                assert server.process is not None
                server.process.send_signal(signal.SIGSTOP)
                time.sleep(random.uniform(0, 1))
                server.process.send_signal(signal.SIGCONT)
                figures.events += 1
        stop_in_order(figures, server)
    return figures


def fill_disk(seconds: float, seed: int, report: Callable[[str], object]) -> Figures:
    """Serve with logs and archives that find no space."""
    figures, end = Figures("full disk"), time.monotonic() + seconds
    with target("disk") as server:
        with soaking(figures, server, seed):
            content = bytes(1 << 18)
            while time.monotonic() < end or not figures.events:
                pack(server.store / "large.mar", {"handler.py": b"handle = print\n", "model.bin": content})
                status, answer = server.ask("POST", "/models?url=large.mar&initial_workers=1&synchronous=true")
                figures.events += 1
                if status == 200:
                    figures.faults.append(f"a large archive is registered: {answer[:200]!r}")
                time.sleep(0.2)
        if stuck := server.remove_foreign_models():
            figures.faults.append(f"cannot be unregistered: {stuck}")
        stop_in_order(figures, server)
    return figures


def inject(seconds: float, seed: int, report: Callable[[str], object]) -> Figures:
    """Let steps between the parser and the socket fail; each request is answered, and afterwards all is right."""
    figures = Figures("faults")
    with target("faults") as server:
        switch = server.folder / "faulty"
        switch.touch()
        with soaking(figures, server, seed, may_fail=True):
            time.sleep(seconds * 0.7)
        switch.unlink()
        deadline = time.monotonic() + 30
        while not server.serves() and time.monotonic() < deadline:
            time.sleep(0.1)
        with soaking(figures, server, seed):
            time.sleep(seconds * 0.3)
        stop_in_order(figures, server)
    return figures


PHASES: dict[str, tuple[Callable[[float, int, Callable[[str], object]], Figures], float]] = {
    "fuzz": (fuzz, 0.6),
    "kill": (kill_and_restart, 0.1),
    "clock": (jump, 0.1),
    "disk": (fill_disk, 0.1),
    "faults": (inject, 0.1),
}
"""Each with its part of the time."""
