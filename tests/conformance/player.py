"""Plays the steps of a scenario on a server, and reports the differences from the recording."""

import re
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.conformance.answer import Answer, Outcome, differences
from tests.conformance.polling import poll
from tests.conformance.recording import Step, expand
from tests.conformance.server import Server
from tests.conformance.snapshots import read_snapshot
from tests.conformance.views import VIEWS


class Player:
    """Plays scenarios' steps; each returns a line for every difference."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._steps = {
            "request": self._request, "parallel": self._parallel, "ready": self._ready, "sleep": self._sleep,
            "files": self._files, "line": self._line, "cli": self._cli, "stop": self._stop, "start": self._start,
            "snapshot": self._snapshot,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Player with {self._server!r}>"

    def play(self, step: Step) -> list[str]:
        """Do one step."""
        return next(do(step) for kind, do in self._steps.items() if kind in step)

    def _request(self, step: Step) -> list[str]:
        wanted = expand(step["expect"])
        seconds = 10 if step.get("patient") else 0  # TorchServe shows changes of workers, and metrics, a moment late
        return poll(lambda: differences(wanted, self._send(step)), lambda found: not found, seconds)

    def _send(self, step: Step) -> Outcome:
        """Send the request; returns the answer without the values that are new in every run."""
        request = self._server.places.fill(step, **self._server.tokens())
        answer = self._server.ask(request)
        if not isinstance(answer, Answer):
            return answer
        hide = self._server.places.hide
        headers = {name: hide(value) for name, value in answer.headers.items()}
        answer = replace(answer, headers=headers, chunks=tuple(map(hide, answer.chunks)))
        if "view" in step and answer.status == 200:
            answer = replace(answer, chunks=(VIEWS[step["view"]](answer.body),))
        return answer

    def _parallel(self, step: Step) -> list[str]:
        def one(place: int, request: Step) -> list[str]:
            time.sleep(place * step.get("stagger_ms", 0) / 1000)
            return [f"[{place}] {found}" for found in self._request(request)]

        with ThreadPoolExecutor(len(step["parallel"])) as threads:
            found = threads.map(one, *zip(*enumerate(step["parallel"]), strict=True))
            return [line for lines in found for line in lines]

    def _ready(self, step: Step) -> list[str]:
        return [] if self._server.ready(step["ready"]) else [f"no worker of {step['ready']} became ready"]

    def _sleep(self, step: Step) -> list[str]:
        time.sleep(step["sleep"])
        return []

    def _files(self, step: Step) -> list[str]:
        """Names of files, and where recorded their modes and lines."""
        return poll(lambda: self._unlike(step), lambda found: not found)

    def _unlike(self, step: Step) -> list[str]:
        root, hide = self._server.root, self._server.places.hide
        files = sorted(root.glob(step["files"]))
        got: dict[str, list[str]] = {"files": sorted({hide(str(file.relative_to(root))) for file in files})}
        if "modes" in step["expect"]:
            got["modes"] = [oct(file.stat().st_mode & 0o777) for file in files]
        if "lines" in step["expect"]:
            got["lines"] = sorted({line for file in files for line in hide(file.read_text()).splitlines()})
        return unequal_values(step["expect"], got)

    def _stop(self, step: Step) -> list[str]:
        self._server.stop()
        return []

    def _start(self, step: Step) -> list[str]:
        self._server.start(**step["start"])
        return []

    def _snapshot(self, step: Step) -> list[str]:
        """The models of the newest snapshot of a kind, or the settings that it keeps."""
        return poll(lambda: self._unlike_snapshot(step), lambda found: not found)

    def _unlike_snapshot(self, step: Step) -> list[str]:
        files = sorted(self._server.root.glob(step["snapshot"]))
        if not files:
            return [f"no {step['snapshot']}"]
        got = read_snapshot(files[-1])
        got["name"] = self._server.places.hide(got["name"])
        wanted = step["expect"]
        if "kept" in wanted:
            kept = {line.partition("=")[0] for line in wanted["kept"]}
            got["kept"] = [self._server.places.hide(line) for line in got["kept"] if line.partition("=")[0] in kept]
        return unequal_values(wanted, got)

    def _line(self, step: Step) -> list[str]:
        """Whether a file has a line that matches a pattern."""
        file = self._server.root / step["file"]
        wanted: bool = step["expect"]

        def found() -> bool:
            return file.exists() and bool(re.search(step["line"], file.read_text(errors="replace"), re.MULTILINE))

        got = poll(found, bool, 5 if wanted else 0)
        return [] if got == wanted else [f"line {step['line']!r} in {step['file']}: wanted {wanted}, got {got}"]

    def _cli(self, step: Step) -> list[str]:
        """Exit status and output of the command itself."""
        arguments = self._server.places.fill(step["cli"])
        done = subprocess.run(
            **self._server.command(arguments), stdout=subprocess.PIPE, text=True, timeout=30, check=False
        )
        got = {"exit": done.returncode, "output": self._server.places.hide(done.stdout)}
        return unequal_values(step["expect"], got)


def unequal_values(wanted: Mapping[str, object], got: Mapping[str, object]) -> list[str]:
    """A line for each key whose values differ."""
    return [f"{key}: wanted {value!r}, got {got[key]!r}" for key, value in wanted.items() if value != got[key]]
