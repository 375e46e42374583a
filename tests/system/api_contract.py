"""Runs schemathesis against a server of its own: every route keeps to the OpenAPI document.

    python -m tests.system.api_contract                     minutes, all phases
    python -m tests.system.api_contract --max-examples 5    further options are schemathesis' own

Needs `pip install schemathesis`.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.processes import Server

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
HANDLER = "def handle(data, context):\n    return ['{}'] * len(data or [])\n"


def write_archive(folder: Path, name: str, version: str) -> None:
    """Write NAME-VERSION.mar, whose handler takes anything."""
    manifest = {"model": {"modelName": name, "handler": "handler.py", "modelVersion": version}}
    with zipfile.ZipFile(folder / f"{name}-{version}.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        archive.writestr("handler.py", HANDLER)


def run(options: Sequence[str]) -> int:
    """Serve two versions of a model and another one; the exit status of schemathesis."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        store.mkdir()
        for name, version in (("echo", "1.0"), ("echo", "2.0"), ("other", "1.0")):
            write_archive(store, name, version)
        with Server.of(store, "echo-1.0.mar", "echo-2.0.mar", "other-1.0.mar") as server:
            server.until_listening()
            command = [Path(sys.executable).with_name("schemathesis"), "--config-file", str(CONFIGURATION)]
            return subprocess.call([*command, "run", f"{server.url}/openapi.json", *options], cwd=folder)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
