"""Three servers with one state behind round-robin clients: versions are switched under load, and one server is killed.

python -m tests.system.replicas --switches 30 --rate 100 --kill
"""

import argparse
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

SOURCE = "def handle(data, context):\n    return data and ['{0}'] * len(data)\n"
CLIENTS = 4
START_SECONDS = 60
TIMEOUT_SECONDS = 30
COUNT = 3


class Load:
    """Clients that ask the replicas in turn at a rate (requests a second), and remember what they were answered.

    As a balancer does, a client asks the next replica when a connection is refused or cut before an answer.
    """

    def __init__(self, ports: Sequence[int], rate: float) -> None:
        self._ports = itertools.cycle(ports)
        self._pause = CLIENTS / rate
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        self.answers: Counter[str] = Counter()
        self.retries = 0

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self) -> dict[str, int]:
        """The answers that were none of a version, and how many there were of each."""
        return {answer: count for answer, count in self.answers.items() if not answer[0].isdigit()}

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            answer = self._ask_any()
            with self._lock:
                self.answers[answer] += 1

    def _ask_any(self) -> str:
        for _ in range(COUNT):
            with self._lock:
                port = next(self._ports)
            try:
                return predict(port)
            except OSError:
                self.retries += 1
        return "no replica answers"


def predict(port: int) -> str:
    """The answer of one replica; raises OSError."""
    status, body = call(port, "POST", "/predictions/m", b"x")
    return body if status == 200 else f"status {status}"


def call(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """Status and body of a request; raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


@contextmanager
def servers(folder: Path) -> Iterator[list[tuple[int, "subprocess.Popen[bytes]"]]]:
    """The replicas: their ports and processes."""
    with ExitStack() as stack:
        reserved = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(COUNT)]
        ports = [each.getsockname()[1] for each in reserved]
    with ExitStack() as stack:
        started = [(port, _start(folder, port, stack)) for port in ports]
        for port, process in started:
            _wait_until_ready(port, process, folder)
        yield started


def switch_versions(folder: Path, switches: int, rate: float, *, kills: bool = False) -> Load:
    """Switch from version to version under load; returns the load when all replicas have the last one."""
    write_archive(folder / "store", "0")
    with servers(folder) as started:
        ports = itertools.cycle([port for port, _ in started])
        manage(next(ports), "POST", "/models?url=m-0.mar&initial_workers=1&wait=fleet")
        with Load([port for port, _ in started], rate) as load:
            for number in range(1, switches + 1):
                write_archive(folder / "store", str(number))
                manage(next(ports), "POST", f"/models?url=m-{number}.mar&initial_workers=1&wait=fleet")
                manage(next(ports), "PUT", f"/models/m/{number}/set-default?wait=fleet")
                manage(next(ports), "DELETE", f"/models/m/{number - 1}")
            if kills:
                started[0][1].send_signal(signal.SIGKILL)
                time.sleep(1)
        last = [predict(port) for port, process in started if not kills or process is not started[0][1]]
    assert last == [str(switches)] * len(last), last
    return load


def manage(port: int, method: str, path: str) -> None:
    """A management call that has to succeed."""
    status, body = call(port, method, path)
    assert status == 200, f"{method} {path}: {status} {body}"


def write_archive(store: Path, number: str) -> None:
    """Put version `number` of the model into the store."""
    store.mkdir(exist_ok=True)
    model = {"modelName": "m", "handler": "handler.py", "modelVersion": number}
    with zipfile.ZipFile(store / f"m-{number}.mar", "w") as out:
        out.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": model}))
        out.writestr("handler.py", textwrap.dedent(SOURCE.format(number)))


def _start(folder: Path, port: int, stack: ExitStack) -> "subprocess.Popen[bytes]":
    command = [
        str(Path(sys.executable).with_name("marserve")), "serve", "--port", str(port),
        "--model-store", str(folder / "store"), "--state", str(folder / "state.json"),
    ]  # fmt: skip
    environ = {**os.environ, "MARSERVE_STATE_INTERVAL": "0.2", "MARSERVE_MODEL_CACHE": str(folder / f"cache-{port}")}
    output = stack.enter_context((folder / f"output-{port}").open("wb"))
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if call(port, "GET", "/v2/health/ready")[0] == 200:
                return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError((folder / f"output-{port}").read_text()[-4000:])
        time.sleep(0.05)


def main() -> None:
    """Run the campaign, and print what it was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switches", type=int, default=30)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        load = switch_versions(Path(folder), options.switches, options.rate, kills=options.kill)
    seconds = time.monotonic() - started
    answered = sum(load.answers.values())
    print(f"{options.switches} switches in {seconds:.0f} s: {answered} answers, {load.retries} asked again.")
    print(f"Failures: {load.failures or 'none'}")


if __name__ == "__main__":
    main()
