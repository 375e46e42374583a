"""Three servers with one state behind HAProxy: versions are switched under load, servers killed, the store goes away.

python -m tests.system.replicas --switches 30 --rate 300 --kills 3 --outage 60
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support import balancer
from tests.support.free_ports import free_ports
from tests.support.object_store import ObjectStoreServer, object_store
from tests.support.paced_load import PacedLoad, call

SOURCE = "def handle(data, context):\n    return data and ['{0}'] * len(data)\n"
STATE = "s3://bucket/state.json"
INTERVAL_SECONDS = 0.5
START_SECONDS = 60
MANAGEMENT_SECONDS = 90
"""A killed replica counts as alive for half a minute, and is waited for."""
COUNT = 3


class Replicas:
    """The servers by port, each a process that may be killed, and is then started anew."""

    def __init__(self, folder: Path, environ: Mapping[str, str], stack: ExitStack) -> None:
        self._folder, self._environ, self._stack = folder, environ, stack
        self._processes = {port: self._start(port) for port in free_ports(COUNT)}
        for port in self.ports:
            self.until_ready(port)

    def __repr__(self) -> str:
        return f"<Replicas at {self.ports}>"

    @property
    def ports(self) -> list[int]:
        """Their ports."""
        return list(self._processes)

    def kill(self, port: int) -> None:
        """End one without a word, and start another one in its place."""
        self._processes[port].send_signal(signal.SIGKILL)
        self._processes[port].wait()
        self._processes[port] = self._start(port)

    def until_ready(self, port: int) -> None:
        """Wait until one has the models of the state."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready(port):
            if self._processes[port].poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self._folder / f"output-{port}").read_text()[-4000:])
            time.sleep(0.05)

    def is_ready(self, port: int) -> bool:
        """Whether one answers that it is ready."""
        try:
            return call(port, "GET", "/v2/health/ready")[0] == 200
        except OSError:
            return False

    def _start(self, port: int) -> "subprocess.Popen[bytes]":
        command = [
            str(Path(sys.executable).with_name("marserve")), "serve", "--port", str(port),
            "--model-store", str(self._folder / "store"), "--state", STATE,
        ]  # fmt: skip
        environ = {
            **os.environ, **self._environ, "MARSERVE_STATE_INTERVAL": str(INTERVAL_SECONDS),
            "MARSERVE_MODEL_CACHE": str(self._folder / f"cache-{port}"),
        }  # fmt: skip
        output = self._stack.enter_context((self._folder / f"output-{port}").open("ab"))
        process = subprocess.Popen(command, cwd=self._folder, env=environ, stdout=output, stderr=output)
        self._stack.callback(process.wait, 30)
        self._stack.callback(process.terminate)
        return process


@contextmanager
def system(folder: Path) -> Iterator[tuple[Replicas, list[int], ObjectStoreServer]]:
    """The replicas, the ports that clients ask (HAProxy's where it is installed), and the store of their state."""
    write_archive(folder / "store", 0)
    with pytest.MonkeyPatch.context() as patch, object_store(patch) as store, ExitStack() as stack:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL")
        replicas = Replicas(folder, {name: os.environ[name] for name in names}, stack)
        ports = replicas.ports
        if balancer.COMMAND is not None:
            ports = [stack.enter_context(balancer.balancer(folder, ports))]
        yield replicas, ports, store


def campaign(
    folder: Path, switches: int, rate: float, *, kills: int = 0, outage: float = 0.0, seed: int = 19
) -> PacedLoad:
    """Switch from version to version under load, then let the store go away; returns the load.

    Asserts that all replicas have the last version, and that a change is refused while the store is away.
    """
    rng = random.Random(seed)
    with system(folder) as (replicas, ports, store):
        manage(rng.choice(replicas.ports), "POST", "/models?url=m-0.mar&initial_workers=1&wait=fleet")
        killed_at = set(rng.sample(range(1, switches + 1), kills))
        with PacedLoad(ports, rate) as load:
            for number in range(1, switches + 1):
                switch(rng, replicas, folder / "store", number)
                load.in_force = number
                if number in killed_at:
                    replicas.kill(port := rng.choice(replicas.ports))
                    replicas.until_ready(port)
            if outage:
                lose_store(store, replicas, outage)
        last = [call(port, "POST", "/predictions/m", b"x")[1] for port in replicas.ports]
    assert last == [str(switches)] * COUNT, last
    return load


def switch(rng: random.Random, replicas: Replicas, store: Path, number: int) -> None:
    """Bring a version into force on all replicas, by calls on any of them, and take the one before away."""
    write_archive(store, number)
    manage(rng.choice(replicas.ports), "POST", f"/models?url=m-{number}.mar&initial_workers=1&wait=fleet")
    manage(rng.choice(replicas.ports), "PUT", f"/models/m/{number}/set-default?wait=fleet")
    manage(rng.choice(replicas.ports), "DELETE", f"/models/m/{number - 1}")


def lose_store(store: ObjectStoreServer, replicas: Replicas, seconds: float) -> None:
    """Let the store answer nothing for a while: a change is refused meanwhile, and followed again afterwards."""
    store.is_down = True
    ends = time.monotonic() + seconds
    status, text = call(replicas.ports[0], "PUT", "/models/m?min_worker=2")
    assert status == 503, text
    time.sleep(max(0.0, ends - time.monotonic()))
    store.is_down = False
    manage(replicas.ports[0], "PUT", "/models/m?min_worker=1&synchronous=true&wait=fleet")


def manage(port: int, method: str, path: str) -> None:
    """A management call that has to succeed."""
    status, body = call(port, method, path, timeout=MANAGEMENT_SECONDS)
    assert status == 200, f"{method} {path}: {status} {body}"


def write_archive(store: Path, number: int) -> None:
    """Put version `number` of the model into the store."""
    store.mkdir(exist_ok=True)
    model = {"modelName": "m", "handler": "handler.py", "modelVersion": str(number)}
    with zipfile.ZipFile(store / f"m-{number}.mar", "w") as out:
        out.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": model}))
        out.writestr("handler.py", textwrap.dedent(SOURCE.format(number)))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the campaign, and print what clients were answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--switches", type=int, default=30)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--outage", type=float, default=0, metavar="SECONDS")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        load = campaign(Path(folder), options.switches, options.rate, kills=options.kills, outage=options.outage)
        seconds = time.monotonic() - began
    ordered = sorted(load.latencies)
    p50, p99 = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
    print(
        f"{options.switches} switches, {options.kills} kills, store away for {options.outage:g} s, in {seconds:.0f} s: "
        f"{len(ordered)} answers ({len(ordered) / seconds:.0f}/s), p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    )
    print(f"failures: {load.failures or 'none'}; answers of an old version after convergence: {load.stale}")


if __name__ == "__main__":
    main()
