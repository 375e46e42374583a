"""The server under test: a command that is started in a folder of its own and listens on free ports."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.conformance.answer import Answer, Outcome
from tests.conformance.client import send
from tests.conformance.normalization import Places
from tests.conformance.polling import poll
from tests.support.free_ports import free_ports

COMMAND = Path(os.environ.get("MARSERVE_CONFORMANCE_COMMAND", Path(sys.executable).with_name("torchserve")))
"""The `torchserve` of the environment that the tests run in, unless another is named."""
APIS = ("inference", "management", "metrics")
FLAGS = ["--ncs", "--disable-token-auth", "--enable-model-api"]
FOLDERS = ("store", "run", "www", "tmp")


class Server:
    """A process, the folder that it works in, and the addresses where it answers."""

    def __init__(self, root: Path, archives: Path, web: str, given: Mapping[str, Any]) -> None:
        self.root = root
        self.given = given
        *ports, self._grpc_inference, self._grpc_management = free_ports(5)
        self.ports = dict(zip(APIS, ports, strict=True))
        self.places = Places({"root": str(root), "www": web, **{name: str(root / name) for name in FOLDERS[:2]}})
        self._process: subprocess.Popen[bytes] | None = None
        self._fill_folders(archives)

    def __repr__(self) -> str:
        return f"<Server of {self.root}, {'running' if self._process else 'not running'}>"

    def __enter__(self) -> Self:
        if self.given.get("autostart", True):
            try:
                self.start()
            except BaseException:
                self.stop()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _fill_folders(self, archives: Path) -> None:
        for name in FOLDERS:
            (self.root / name).mkdir()
        stored = self.given.get("store", [file.name for file in archives.iterdir()])
        for name, files in (("store", stored), ("www", self.given.get("www", []))):
            for file in files:
                copy = shutil.copytree if (archives / file).is_dir() else shutil.copy
                copy(archives / file, self.root / name / file)
        for name, text in self.given.get("files", {}).items():
            (self.root / name).write_text(text)
        lines = [f"{key}={value}\n" for key, value in self._configuration().items()]
        (self.root / "run/config.properties").write_text("".join(lines))

    def _configuration(self) -> dict[str, str]:
        own: list[str] = self.places.fill(self.given.get("config", []))
        return {
            **{f"{api}_address": f"{self._scheme(api)}://127.0.0.1:{port}" for api, port in self.ports.items()},
            "grpc_inference_port": str(self._grpc_inference),
            "grpc_management_port": str(self._grpc_management),
            "default_workers_per_model": "1",
            **{key: value for key, _, value in (line.partition("=") for line in own)},
        }

    def _scheme(self, api: str) -> str:
        return "https" if api in self.given.get("tls", []) else "http"

    def ask(self, request: Mapping[str, Any]) -> Outcome:
        """The answer to a request; a `plain` one does without TLS."""
        api = request.get("api", "inference")
        tls = self._scheme(api) == "https" and not request.get("plain")
        return send(dict(request), self.ports[api], tls=tls)

    def command(self, arguments: Sequence[str]) -> dict[str, Any]:
        """The arguments of `Popen` that run the command in the working folder."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "MARSERVE_"))}
        path = os.pathsep.join([str(COMMAND.parent), ours["PATH"]])
        temporary = dict.fromkeys(("TEMP", "TMP", "TMPDIR"), str(self.root / "tmp"))
        own = self.places.fill(self.given.get("env", {}))
        return {
            "args": [str(COMMAND), *arguments],
            "cwd": self.root / "run",
            "env": {**ours, **temporary, "PATH": path, **own},
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "start_new_session": True,
        }

    def start(self, **changes: Any) -> None:
        """Start the process, with changes to what was given, and wait until it serves and its models are ready."""
        self.given = {**self.given, **changes}
        models = self.given.get("models", [])
        arguments = ["--foreground", "--start", "--model-store", str(self.root / "store")]
        arguments += self.given.get("flags", FLAGS)
        if self.given.get("configured", True):
            arguments += ["--ts-config", "config.properties"]
        else:
            (self.root / "run/config.properties").unlink()
        arguments += ["--models", *models] if models else []
        with (self.root / "console.txt").open("ab") as console:
            self._process = subprocess.Popen(**self.command(arguments), stdout=console)
        if not poll(self._listens_or_died, bool, 60) or self._process.poll() is not None:
            raise AssertionError(f"The server did not start:\n{self.console()[-3000:]}")
        for model in self.given.get("ready", [model.partition("=")[0] for model in models]):
            assert self.ready(model), f"{model} did not become ready:\n{self.console()[-3000:]}"

    def _listens_or_died(self) -> bool:
        assert self._process
        return self._process.poll() is not None or all(map(self._listens, APIS[:2]))

    def _listens(self, api: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[api])) == 0

    def ready(self, model: str) -> bool:
        """Wait until a worker of the model is ready; whether it became so."""
        return poll(lambda: self._has_ready_worker(model), bool, 60)

    def _has_ready_worker(self, model: str) -> bool:
        token = {"Authorization": f"Bearer {self.tokens().get('token.management')}"}
        answer = self.ask({"request": f"GET /models/{model}", "headers": token, "api": "management"})
        return isinstance(answer, Answer) and '"READY"' in answer.body

    def tokens(self) -> dict[str, str]:
        """The keys that the server wrote into its file, by the names that recordings have for them."""
        file = self.root / "run/key_file.json"
        keys = json.loads(file.read_text()) if file.exists() else {}
        return {f"token.{name.lower()}": entry["key"] for name, entry in keys.items()}

    def console(self) -> str:
        """The output of the process so far."""
        return (self.root / "console.txt").read_text(errors="replace")

    def stop(self) -> None:
        """End the process and its children, by force if they do not go."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        poll(self._has_ended, bool, 20)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _has_ended(self) -> bool:
        assert self._process
        self._process.poll()  # a dead process that has not been waited for still has a group
        return not self._signal(0)

    def _signal(self, number: int) -> bool:
        assert self._process
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
            return True
        return False
