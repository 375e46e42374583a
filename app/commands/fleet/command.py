"""The command `marserve fleet`: the replicas of a shared state, what each has in force, and what the state says."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app.commands.parser import CommandParser
from model_registry.object_storage.errors import ObjectNotFound, StorageError
from model_registry.state.document import Document
from model_registry.state.document_store import document_store
from model_registry.state.errors import InvalidDocument
from model_registry.state.heartbeats import Heartbeat, parse_heartbeats

EXIT_BEHIND, EXIT_UNREADABLE = 1, 2
_EXAMPLES = """\
examples:
  marserve fleet --state s3://models/prod/state.json    the replicas and the models that they share
  marserve fleet --state state.json                     the same for a file of this machine

Status: 0 all replicas that are alive have the newest revision; 1 some are behind; 2 the state cannot be read.
"""


def main(argv: Sequence[str]) -> int:
    """Show a state; returns the exit status."""
    parser = CommandParser(
        prog="marserve fleet",
        description="Shows the replicas of a shared state.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--state", required=True, metavar="PLACE", help="the address or the path of the document")
    place = parser.parse_args(argv).state
    try:
        store = document_store(place, Path.cwd())
        found = store.read(None)
        assert found is not None
        document, replicas = Document.parse(found[0]), parse_heartbeats(store.heartbeats())
    except ObjectNotFound:
        print(f"There is no state at {place} yet: the first replica makes it.", file=sys.stderr)
        return EXIT_UNREADABLE
    except (StorageError, InvalidDocument) as error:
        print(error, file=sys.stderr)
        return EXIT_UNREADABLE
    print("\n".join([*_models(document), "", *_replicas(document, replicas)]))
    return EXIT_BEHIND if any(each.is_alive and each.revision < document.revision for each in replicas) else 0


def _models(document: Document) -> list[str]:
    lines = [f"revision {document.revision}, {len(document.models)} model(s)"]
    for name, model in document.models.items():
        versions = ", ".join(
            f"{number}{' (default)' if number == model.default else ''} x{version.min_workers}"
            for number, version in model.versions.items()
        )
        lines.append(f"  {name}: {versions}{'; traffic rules' if model.rules else ''}")
    return lines


def _replicas(document: Document, replicas: Sequence[Heartbeat]) -> list[str]:
    if not replicas:
        return ["no replicas"]
    lines = [f"{'replica':<44} {'host':<24} {'revision':>8} {'behind':>6} {'models':>6} {'age':>7}"]
    for each in replicas:
        behind = document.revision - each.revision
        mark = "" if each.is_alive else "  gone"
        error = f"  {each.error}" if each.error else ""
        row = (
            f"{each.replica:<44} {each.host[:24]:<24} {each.revision:>8} {behind:>6} {each.models:>6} {each.age:>6.0f}s"
        )
        lines.append(f"{row}{mark}{error}")
    return lines
