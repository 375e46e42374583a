"""The command `marserve switch`: a new version takes over while the server serves, or nothing changes."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.commands.remote import HERE, Refused, Remote
from app.commands.sample_requests import file_content

NOT_SWITCHED, NOT_CLEANED = 1, 3
LOST = (0, 502, 504)
"""Statuses that leave open what the server did: none, and those of a proxy in front of it."""
FAILED = (500, 507)
"""Statuses of a version that did not load."""
_EXAMPLES = """\
examples:
  marserve switch mlp 2.0 --archive mlp-2.0.mar --smoke input.json
  marserve switch mlp 2.0 --url https://models.example.com --archive https://example.com/mlp-2.0.mar --smoke a.png b.png
  marserve switch mlp 1.0                               back to a version that is still registered

The token of a server that asks for one is taken from MARSERVE_MANAGEMENT_TOKEN.
Status: 0 switched; 1 not switched, all is as before; 3 switched, but the old version could not be taken out.
"""


class NotSwitched(Exception):
    """The old version stays; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be served instead of what is there."""

    model: str
    version: str
    archive: str | None = None
    """To be registered first; None: the version is registered already."""
    smoke: tuple[Path, ...] = ()
    """Bodies of requests that the new version has to answer before it takes over."""
    keep: bool = False
    """Whether the old version stays registered."""


class Switch:
    """Carries out a plan, telling each step to `say`."""

    def __init__(self, plan: Plan, server: Remote, say: Callable[[str], None] = print) -> None:
        self._plan = plan
        self._server = server
        self._say = say
        self._registered: set[str] = set()

    def __repr__(self) -> str:
        return f"<Switch of {self._plan.model} to {self._plan.version} at {self._server}>"

    def run(self) -> int:
        """Switch; returns the exit status. Whatever goes wrong before the switch is undone."""
        try:
            old = self._take_over()
        except (NotSwitched, Refused, OSError) as reason:
            self._roll_back()
            self._say(f"Not switched: {reason}")
            return NOT_SWITCHED
        except BaseException:
            self._roll_back()
            raise
        return 0 if old is None or self._plan.keep else self._retire(old)

    def _take_over(self) -> str | None:
        """Load, try and prefer the new version; returns the version that was the default, if there was another."""
        plan, server = self._plan, self._server
        present = server.versions(plan.model)
        old = server.default(plan.model) if present else None
        if plan.archive is not None:
            workers = present[old]["minWorkers"] if old is not None else 1
            self._register(plan.archive, max(1, workers), set(present))
        elif plan.version not in present:
            raise NotSwitched(f"{plan.model} has no version {plan.version}; name its archive with --archive")
        for file in plan.smoke:
            self._try(file)
        server.ask("PUT", "models", plan.model, plan.version, "set-default")
        self._registered.clear()
        self._say(f"{plan.model} {plan.version} is the default now.")
        return old if old != plan.version else None

    def _register(self, archive: str, workers: int, present: set[str]) -> None:
        plan, server = self._plan, self._server
        if plan.version in present:
            raise NotSwitched(f"{plan.model} has a version {plan.version} already; leave --archive out to switch to it")
        self._say(f"Loading {archive} beside {', '.join(sorted(present)) or 'nothing'} with {workers} worker(s).")
        self._registered = {plan.version}  # also where the answer gets lost
        query = {"url": archive, "model_name": plan.model, "initial_workers": str(workers), "synchronous": "true"}
        try:
            server.ask("POST", "models", query=query)
        except Refused as refusal:
            if refusal.status not in LOST:
                self._registered.clear()  # the server has cleaned up, or somebody else's version is there
            if refusal.status in FAILED:
                raise NotSwitched(f"{refusal} (the server's log says why)") from refusal
            raise
        self._registered = set(server.versions(plan.model)) - present
        if plan.version not in self._registered:
            found = ", ".join(self._registered) or "nothing new"
            raise NotSwitched(f"{archive} holds {found}, not version {plan.version}")
        self._say(f"{plan.model} {plan.version} is loaded.")

    def _try(self, file: Path) -> None:
        content = file_content(file)
        try:
            answer = self._server.ask(
                "POST", "predictions", self._plan.model, self._plan.version, body=content.value, kind=content.type
            )
        except Refused as refusal:
            raise NotSwitched(f"the smoke request {file} failed with {refusal}") from refusal
        self._say(f"Smoke request {file}: {len(answer)} bytes.")

    def _roll_back(self) -> None:
        for version in self._registered:
            with suppress(Refused):  # a registration that failed is gone already
                self._server.ask("DELETE", "models", self._plan.model, version)
                self._say(f"{self._plan.model} {version} is taken out again.")

    def _retire(self, old: str) -> int:
        try:
            self._server.ask("DELETE", "models", self._plan.model, old)
        except Refused as refusal:
            self._say(f"{self._plan.model} {old} could not be taken out: {refusal}")
            return NOT_CLEANED
        self._say(f"{self._plan.model} {old} has answered what it had accepted, and is gone.")
        return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Switch as the command line says; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        server = Remote(arguments.url, os.environ.get("MARSERVE_MANAGEMENT_TOKEN", ""), arguments.timeout)
    except ValueError as error:
        parser.error(f"argument --url: expected {error}")
    plan = Plan(arguments.model, arguments.version, arguments.archive, tuple(arguments.smoke), arguments.keep)
    return Switch(plan, server, lambda line: print(line, file=sys.stderr, flush=True)).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="marserve switch",
        description="Lets a version of a model take over on a running server, without a failed request: it is loaded "
        "beside the old one, tried, made the default, and then the old one is taken out.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="name of the model")
    add("version", metavar="VERSION", help="version that is to become the default")
    add("--url", default=HERE, help=f"the server; {HERE} by default")
    add("--archive", metavar="FILE", help="archive of the new version: a file of the server's model store, or a URL")
    add("--smoke", metavar="FILE", nargs="+", type=Path, default=[], help="bodies that the new version has to answer")
    add("--keep", action="store_true", help="keep the old version registered")
    add("--timeout", metavar="SECONDS", type=float, default=600.0, help="patience for one answer; 600 by default")
    return parser
