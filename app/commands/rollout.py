"""The command `marserve rollout`: a new version gets the traffic step by step, or all of it goes back."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.commands.http_client import DEFAULT_URL, HttpClient, RequestRefused
from app.commands.parser import CommandParser
from app.commands.progress import show_progress
from app.commands.sample_requests import Content

EXIT_FAILED, EXIT_ROLLED_BACK = 1, 4
POLL_SECONDS = 1.0
ENDED = ("completed", "rolled_back", "aborted")
_EXAMPLES = """\
examples:
  marserve rollout mlp 2.0 --archive mlp-2.0.mar --steps 1,5,25,100 --hold 1000 --shadow-first
  marserve rollout mlp 2.0 --steps 10,100 --hold 100000  10 % of the traffic for some time, then all of it
  marserve rollout mlp --watch                           the progress of the one that is under way
  marserve rollout mlp --pause                           also --resume and --abort

The rollout goes on in the server when this command is interrupted. The token of a server that asks for one is taken
from MARSERVE_MANAGEMENT_TOKEN.
Status: 0 completed, or the change was made; 1 not started; 4 rolled back or aborted.
"""


class RolloutClient:
    """Starts, changes and watches the rollout of one model on a running server."""

    def __init__(self, model: str, server: HttpClient, report: Callable[[str], None] = print) -> None:
        self._model = model
        self._server = server
        self._report = report

    def __repr__(self) -> str:
        return f"<RolloutClient of {self._model} at {self._server.url}>"

    def register(self, archive: str) -> None:
        """Load the archive beside the versions that serve; raises RequestRefused."""
        self._report(f"Loading {archive}.")
        query = {"url": archive, "model_name": self._model, "initial_workers": "1", "synchronous": "true"}
        self._report(json.loads(self._server.call("POST", "models", query=query))["status"])

    def start(self, plan: dict[str, Any]) -> None:
        """Start a rollout; raises RequestRefused."""
        body = Content(json.dumps(plan).encode(), "application/json")
        self._server.call("PUT", "models", self._model, "rollout", content=body)

    def change(self, action: str) -> None:
        """Pause, resume or abort; raises RequestRefused."""
        if action == "abort":
            self._server.call("DELETE", "models", self._model, "rollout")
        else:
            self._server.call("PUT", "models", self._model, "rollout", action)

    def watch(self, *, wait: Callable[[float], object] = time.sleep) -> int:
        """Report each step until the end; returns the exit status. Raises RequestRefused."""
        seen = None
        while True:
            rollout = json.loads(self._server.call("GET", "models", self._model, "rollout"))
            step = (rollout["state"], rollout["share"])
            if step != seen:
                show_progress("")
                self._report(_line(rollout))
                seen = step
            if rollout["state"] in ENDED:
                return 0 if rollout["state"] == "completed" else EXIT_ROLLED_BACK
            show_progress(_line(rollout))
            wait(POLL_SECONDS)


def _line(rollout: dict[str, Any]) -> str:
    """The progress of a rollout as one line."""
    versions = "; ".join(f"{name}: {_figures(each)}" for name, each in rollout["versions"].items())
    state = rollout["state"].replace("_", " ")
    reason = f", because {rollout['reason']}" if rollout.get("reason") else ""
    place = f" ({rollout['answersInStep']} of {rollout['hold']})" if rollout["state"] not in ENDED else ""
    return f"{rollout['to']} {state}{reason}: {rollout['share']:.0%} of the traffic{place}. {versions}"


def _figures(version: dict[str, Any]) -> str:
    """The answers of a version, its errors, and its latencies."""
    latency = version.get("latency")
    quantiles = f", p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms" if latency else ""
    return f"{version['answers']} answers, {version['errors']} errors{quantiles}"


def main(argv: Sequence[str] | None = None) -> int:
    """Roll out as the command line says; returns the exit status."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.version is None and arguments.action is None:
        parser.error("name the VERSION that is to be rolled out, or one of --watch, --pause, --resume, --abort")
    try:
        server = HttpClient(arguments.url, os.environ.get("MARSERVE_MANAGEMENT_TOKEN"), arguments.timeout)
    except ValueError as error:
        parser.error(f"argument --url: {error}")
    client = RolloutClient(arguments.model, server, lambda line: print(line, flush=True))
    try:
        return _run(client, arguments)
    except RequestRefused as refusal:
        print(f"Rollout of {arguments.model}: {refusal}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("The rollout goes on; --watch shows it, --abort ends it.", file=sys.stderr)
        return EXIT_FAILED


def _run(client: RolloutClient, arguments: argparse.Namespace) -> int:
    if arguments.action is None:
        if arguments.archive:
            client.register(arguments.archive)
        client.start(_plan(arguments))
    elif arguments.action != "watch":
        client.change(arguments.action)
        return 0
    return client.watch()


def _plan(arguments: argparse.Namespace) -> dict[str, Any]:
    plan: dict[str, Any] = {"to": arguments.version, "shadowFirst": arguments.shadow_first}
    given = {"steps": arguments.steps, "hold": arguments.hold, "webhook": arguments.webhook}
    given["tolerance"] = {"ignored": arguments.ignore} if arguments.ignore else None
    return plan | {name: value for name, value in given.items() if value is not None}


def _steps(text: str) -> list[float]:
    return [float(step) for step in text.split(",")]


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve rollout`."""
    parser = CommandParser(
        prog="marserve rollout",
        description="Gives a version of a model more of the traffic step by step, on a running server. It goes on only "
        "while the new version is no worse than the old one: errors, latency and agreement are watched.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="name of the model")
    add("version", metavar="VERSION", nargs="?", help="version that is to get the traffic")
    add("--url", default=DEFAULT_URL, help=f"the server; {DEFAULT_URL} by default")
    add("--archive", metavar="FILE", help="archive of the new version: a file of the server's model store, or a URL")
    add("--steps", metavar="PERCENT,...", type=_steps, help="shares of the traffic; 1,5,25,100 by default")
    add("--hold", metavar="N", type=int, help="answers of the new version in each step; 1000 by default")
    add("--shadow-first", action="store_true", help="compare answers that no client sees, before the first step")
    add("--ignore", metavar="PATH,...", type=lambda text: text.split(","),
        help="members of the answers that may differ, such as confidence,alternatives")  # fmt: skip
    add("--webhook", metavar="URL", help="is told of the end with a POST")
    add("--timeout", metavar="SECONDS", type=float, default=600.0, help="for each response; 600 by default")
    for action, about in (
        ("watch", "show the rollout under way"),
        ("pause", "stay at the present share"),
        ("resume", "go on after a pause"),
        ("abort", "give all traffic back to the old version"),
    ):
        add(f"--{action}", dest="action", action="store_const", const=action, help=about)
    return parser
