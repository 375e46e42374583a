"""Plays the steps of a scenario."""

import base64
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from tests.conformance.triton.bench import Bench
from tests.conformance.triton.client_steps import ClientSteps
from tests.conformance.triton.comparison import compare, holds
from tests.conformance.triton.forms import Forms, in_order, sorted_outputs
from tests.conformance.triton.grpc_steps import GrpcSteps
from tests.conformance.triton.http_steps import HttpSteps
from tests.conformance.triton.recording import Answer, Step
from tests.conformance.triton.servers import HURRY

SHARED_MEMORY = Path("/dev/shm")
REPEAT_SECONDS = 20.0
SETTLE_SECONDS = 20.0
PAUSE_SECONDS = 0.02
INDEX: Step = {"http": "POST", "path": "/v2/repository/index", "json": {}}


class Player:
    """Does steps on a bench, and forgets no region of shared memory at the end."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        forms = Forms(bench.places)
        self._kinds = {
            "http": HttpSteps(bench.ports, forms),
            "grpc": GrpcSteps(bench.ports["grpc"], forms),
            "client": ClientSteps(bench.ports, forms),
        }
        self._regions: set[Path] = set()

    def play(self, step: Step) -> Answer:
        """The answer of one step; a step with `repeat_until` is repeated for some time."""
        step = self._bench.fill(step)
        deadline = time.monotonic() + step.get("within", REPEAT_SECONDS)
        while True:
            try:
                answer = self._play_once(step)
                if _is_last(step, answer) or time.monotonic() > deadline:
                    return sorted_outputs(answer) if step.get("sort_outputs") else answer
            except OSError:
                if "repeat_until" not in step or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """Remove the shared memory, and end the server."""
        self._bench.stop()
        for region in self._regions:
            region.unlink(missing_ok=True)

    def _play_once(self, step: Step) -> Answer:
        for kind, steps in self._kinds.items():
            if kind in step:
                return steps.play(step)
        answer: Answer = getattr(self, f"_do_{step['do']}")(step)
        return answer

    def _do_parallel(self, step: Step) -> Answer:
        """Several steps at once, each `gap` seconds after the one before."""
        answers: list[Any] = [None] * len(step["steps"])

        def play(index: int, inner: Step) -> None:
            answers[index] = self.play(inner)

        threads = [Thread(target=play, args=pair) for pair in enumerate(step["steps"])]
        for thread in threads:
            thread.start()
            time.sleep(step.get("gap", 0))
        for thread in threads:
            thread.join()
        return {"answers": in_order(answers) if step.get("sorted") else answers}

    def _do_sleep(self, step: Step) -> Answer:
        time.sleep(step["seconds"] / HURRY)  # for a server that polls as much sooner
        return {"done": True}

    def _do_settled(self, step: Step) -> Answer:
        """The repository's index once nothing is on its way any more."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            answer = self.play(INDEX)
            if not _is_moving(answer.get("json", ())) or time.monotonic() > deadline:
                return answer
            time.sleep(PAUSE_SECONDS)

    def _do_files(self, step: Step) -> Answer:
        root = self._bench.root
        for name in step.get("remove", ()):
            path = root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in step.get("add", ()):
            self._bench.add(name)
        for source, target in step.get("move", {}).items():
            (root / source).rename(root / target)
        for name, content in step.get("write", {}).items():
            self._bench.write(name, content)
        return {"done": True}

    def _do_start(self, step: Step) -> Answer:
        self._bench.start(step.get("server"))
        return {"started": True}

    def _do_stop(self, step: Step) -> Answer:
        return {"exit": self._bench.stop(signal.Signals[step.get("signal", "SIGTERM")])}

    def _do_exit(self, step: Step) -> Answer:
        return {"exit": self._bench.wait_ended(step.get("seconds", 60))}

    def _do_region(self, step: Step) -> Answer:
        """Make a region of shared memory, or read from one."""
        path = SHARED_MEMORY / step["key"].lstrip("/")
        if "size" in step:
            self._regions.add(path)
            path.write_bytes(base64.b64decode(step.get("base64", "")).ljust(step["size"], b"\0"))
            return {"done": True}
        content = path.read_bytes()[step.get("offset", 0) :][: step["read"]]
        return {"base64": base64.b64encode(content).decode()}


def _is_last(step: Step, answer: Answer) -> bool:
    """Whether a step needs no repetition: its answer is as it was recorded, or what it waits for holds."""
    if "repeat_until" not in step or holds(step["repeat_until"], answer):
        return True
    return "expect" in step and compare(step, answer) is None


def _is_moving(index: Sequence[dict[str, str]]) -> bool:
    return any(entry.get("state") in ("LOADING", "UNLOADING") for entry in index)
