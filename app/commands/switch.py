"""The command `marserve switch`: a new version takes over while the server serves, or nothing changes."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from app.commands.http_client import DEFAULT_URL, HttpClient, RequestRefused
from app.commands.parser import CommandParser
from app.commands.sample_requests import file_content

EXIT_NOT_SWITCHED, EXIT_OLD_VERSION_REMAINS = 1, 3
UNDECIDED_STATUSES = (0, 502, 504)
"""Those that leave open whether the server has registered: no response, or one of a proxy in front of it."""
LOAD_FAILURE_STATUSES = (500, 507)
_EXAMPLES = """\
examples:
  marserve switch mlp 2.0 --archive mlp-2.0.mar --smoke input.json
  marserve switch mlp 2.0 --url https://models.example.com --archive https://example.com/mlp-2.0.mar --smoke a.png b.png
  marserve switch mlp 1.0                               back to a version that is still registered

The token of a server that asks for one is taken from MARSERVE_MANAGEMENT_TOKEN.
Status: 0 switched; 1 not switched, all is as before; 3 switched, but the old version could not be unregistered.
"""


class NotSwitched(Exception):
    """The old version stays the default; the text is the reason."""


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """The version that is to become the default."""

    model: str
    version: str
    archive: str | None = None
    """To be registered first; None: the version is registered already."""
    smoke_requests: tuple[Path, ...] = ()
    """Bodies of requests that the new version has to answer before it becomes the default."""
    keep_old: bool = False


class Switch:
    """Carries out a plan, reporting each step as a line."""

    def __init__(self, plan: SwitchPlan, server: HttpClient, report: Callable[[str], None] = print) -> None:
        self._plan = plan
        self._server = server
        self._report = report
        self._registered: set[str] = set()

    def __repr__(self) -> str:
        return f"<Switch of {self._plan.model} to {self._plan.version} at {self._server.url}>"

    def run(self) -> int:
        """Switch; returns the exit status. A failure before the switch is undone."""
        try:
            old = self._make_default()
        except (NotSwitched, RequestRefused, OSError) as reason:
            self._roll_back()
            self._report(f"Not switched: {reason}")
            return EXIT_NOT_SWITCHED
        except BaseException:
            self._roll_back()
            raise
        return 0 if old is None or self._plan.keep_old else self._unregister(old)

    def _make_default(self) -> str | None:
        """Load, try and prefer the new version; returns the version that was the default, if there was another."""
        plan = self._plan
        present = self._versions()
        old = self._default() if present else None
        if plan.archive is not None:
            workers = present[old]["minWorkers"] if old is not None else 1
            self._register(plan.archive, max(1, workers), set(present))
        elif plan.version not in present:
            raise NotSwitched(f"{plan.model} has no version {plan.version}; name its archive with --archive")
        for file in plan.smoke_requests:
            self._send_smoke_request(file)
        self._server.call("PUT", "models", plan.model, plan.version, "set-default")
        self._registered.clear()
        self._report(f"{plan.model} {plan.version} is the default now.")
        return old if old != plan.version else None

    def _versions(self) -> dict[str, dict[str, Any]]:
        """The description of each version of the model, {} if it is not registered."""
        try:
            descriptions = json.loads(self._server.call("GET", "models", self._plan.model, "all"))
        except RequestRefused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return {}
            raise
        return {description["modelVersion"]: description for description in descriptions}

    def _default(self) -> str:
        return str(json.loads(self._server.call("GET", "models", self._plan.model))[0]["modelVersion"])

    def _register(self, archive: str, workers: int, present: set[str]) -> None:
        plan = self._plan
        if plan.version in present:
            raise NotSwitched(f"{plan.model} has a version {plan.version} already; leave --archive out to switch to it")
        self._report(f"Loading {archive} beside {', '.join(sorted(present)) or 'nothing'} with {workers} worker(s).")
        self._registered = {plan.version}  # also where the response gets lost
        query = {"url": archive, "model_name": plan.model, "initial_workers": str(workers), "synchronous": "true"}
        try:
            self._server.call("POST", "models", query=query)
        except RequestRefused as refusal:
            if refusal.status not in UNDECIDED_STATUSES:
                self._registered.clear()  # the server has cleaned up, or the version is another client's
            if refusal.status in LOAD_FAILURE_STATUSES:
                raise NotSwitched(f"{refusal} (the server's log has the traceback)") from refusal
            raise
        self._registered = set(self._versions()) - present
        if plan.version not in self._registered:
            found = ", ".join(self._registered) or "nothing new"
            raise NotSwitched(f"{archive} holds {found}, not version {plan.version}")
        self._report(f"{plan.model} {plan.version} is loaded.")

    def _send_smoke_request(self, file: Path) -> None:
        model, version = self._plan.model, self._plan.version
        try:
            body = self._server.call("POST", "predictions", model, version, content=file_content(file))
        except RequestRefused as refusal:
            raise NotSwitched(f"the smoke request {file} failed with {refusal}") from refusal
        self._report(f"Smoke request {file}: {len(body)} bytes.")

    def _roll_back(self) -> None:
        for version in self._registered:
            with suppress(RequestRefused):  # a version whose registration failed is unregistered already
                self._server.call("DELETE", "models", self._plan.model, version)
                self._report(f"{self._plan.model} {version} is unregistered again.")

    def _unregister(self, old: str) -> int:
        try:
            self._server.call("DELETE", "models", self._plan.model, old)
        except RequestRefused as refusal:
            self._report(f"{self._plan.model} {old} could not be unregistered: {refusal}")
            return EXIT_OLD_VERSION_REMAINS
        self._report(f"{self._plan.model} {old} has answered what it had accepted, and is unregistered.")
        return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Switch as the command line says; returns the exit status."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    try:
        server = HttpClient(arguments.url, os.environ.get("MARSERVE_MANAGEMENT_TOKEN"), arguments.timeout)
    except ValueError as error:
        parser.error(f"argument --url: {error}")
    plan = SwitchPlan(arguments.model, arguments.version, arguments.archive, tuple(arguments.smoke), arguments.keep)
    return Switch(plan, server, lambda line: print(line, file=sys.stderr, flush=True)).run()


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve switch`."""
    parser = CommandParser(
        prog="marserve switch",
        description="Lets a version of a model take over on a running server, without a failed request: it is loaded "
        "beside the old one, tried, made the default, and then the old one is unregistered.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="name of the model")
    add("version", metavar="VERSION", help="version that is to become the default")
    add("--url", default=DEFAULT_URL, help=f"the server; {DEFAULT_URL} by default, from $PORT")
    add("--archive", metavar="FILE", help="archive of the new version: a file of the server's model store, or a URL")
    add("--smoke", metavar="FILE", nargs="+", type=Path, default=[], help="bodies that the new version has to answer")
    add("--keep", action="store_true", help="keep the old version registered")
    add("--timeout", metavar="SECONDS", type=float, default=600.0, help="for each response; 600 by default")
    return parser
