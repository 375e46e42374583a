"""Runs lint and tests in parts, several at a time: `python -m tests.run`, which `make test` calls.

Each part is a process, as what one leaves behind in torch or numpy is no matter of the others. A part that passes says
so in one line; one that fails shows all that it printed. A part that does not end is stopped, and shows where it stood.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import STDOUT, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST = ("conformance", "app", "signflow", "system", "handler", "model_registry")
"""The parts that start first, so that none of them runs alone at the end."""
LIMIT_SECONDS = 900.0
"""Of a part; the longest takes four minutes on two cores."""
TRACEBACK_SECONDS = 5.0
PYTEST = (sys.executable, "-m", "pytest", "-q", "-m", "not long")


def parts(tests: Path = ROOT / "tests") -> list[str]:
    """The folders and files in which tests are, the longest first."""
    names = {file.relative_to(tests).parts[0] for file in tests.rglob("test_*.py")}
    return sorted(names, key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), name))


async def run_part(name: str, command: Sequence[str], limit_seconds: float = LIMIT_SECONDS) -> bool:
    """Run a command and print how it ended; returns whether it passed."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    # the many servers that tests start find their modules compiled
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = await _wait(process, limit_seconds)
        finally:
            with suppress(ProcessLookupError):  # servers that tests have left behind
                os.killpg(process.pid, signal.SIGKILL)
        output.seek(0)
        text = output.read().decode(errors="replace").rstrip()
    if status == 0:
        print(f"{name}: {text.rpartition(chr(10))[2]}", flush=True)
    else:
        reason = f"failed with status {status}" if status is not None else f"did not end within {limit_seconds:g} s"
        print(f"{text}\n{name} {reason}", flush=True)
    return status == 0


async def _wait(process: Process, seconds: float) -> int | None:
    """The exit status of a process; None for one that is stopped, as it takes too long."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(process.wait(), seconds)
    process.send_signal(signal.SIGABRT)  # pytest prints the stacks of all threads
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), TRACEBACK_SECONDS)
    return None


async def run_all(jobs: int) -> list[str]:
    """Run every part, `jobs` at a time; returns those that failed."""
    free = asyncio.Semaphore(jobs)
    commands = {"lint": ("make", "--no-print-directory", "lint")}
    commands |= {f"tests/{name}": (*PYTEST, f"tests/{name}") for name in parts()}

    async def run(name: str) -> bool:
        async with free:
            return await run_part(name, commands[name])

    passed = await asyncio.gather(*map(run, commands))
    return [name for name, has_passed in zip(commands, passed, strict=True) if not has_passed]


def main() -> int:
    """The exit status: 0 if every part has passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="Lint, and run the tests in parts.")
    parser.add_argument("--jobs", type=int, default=3, help="parts at a time (default: %(default)s)")
    failed = asyncio.run(run_all(parser.parse_args().jobs))
    if failed:
        print(f"Failed: {', '.join(failed)}.", flush=True)
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
