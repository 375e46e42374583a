"""On a real Ray of this machine: answers as those of one process, batches, version switches, and a killed replica."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("ray.serve", reason="Ray is an extra: pip install 'marserve[ray]'")

from tests.conftest import MakeArchive
from tests.support.processes import Server
from tests.support.ray_cluster import deploy, ray_cluster

TOKEN = "a-token"
SECONDS = 60.0
HANDLER = """
    import os
    from ts.handler_utils.utils import send_intermediate_predict_response
    from ts.utils.util import PredictionException
    class Handler:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            rows = [row.get("body") or row.get("data") for row in data]
            if rows[0] == {"refuse": True}:
                raise PredictionException("refused", 418)
            if rows[0] == {"stream": True}:
                for word in ("one ", "two "):
                    send_intermediate_predict_response([word], context.request_ids, "part", 200, context)
                return ["three"]
            context.set_response_header(0, "x-own", "seen")
            return [{"got": row, "version": VERSION, "batch": len(rows), "pid": os.getpid()} for row in rows]
"""
BROKEN = """
    class Broken:
        def initialize(self, context):
            raise ValueError("broken")
        def handle(self, data, context):
            return data
"""
CALLS = [
    ("POST", "/predictions/m", b'{"a": [1, 2]}', "application/json"),
    ("POST", "/predictions/m/1.0", b'{"a": [1, 2]}', "application/json"),
    ("POST", "/v1/models/m:predict", b'{"instances": [1]}', "application/json"),
    ("POST", "/predictions/m", b'{"refuse": true}', "application/json"),
    ("POST", "/predictions/m", b'{"stream": true}', "application/json"),
    ("POST", "/predictions/none", b"{}", "application/json"),
    ("POST", "/predictions/m/9.9", b"{}", "application/json"),
    ("GET", "/ping", None, ""),
    ("GET", "/v2/health/live", None, ""),
    ("GET", "/models", None, ""),
]
Answer = tuple[int, object, str]


def ask(url: str, method: str, path: str, body: bytes | None, kind: str = "", token: str = "") -> Answer:
    """Status, body, and the header that handlers set; process ids are left out."""
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {})}
    request = Request(f"{url}{path}", data=body, headers=headers, method=method)
    try:
        with urlopen(request, timeout=SECONDS) as response:
            status, text, own = response.status, response.read(), response.headers.get("x-own", "")
    except HTTPError as error:
        status, text, own = error.code, error.read(), ""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return status, {key: value[key] for key in value if key != "pid"} if isinstance(value, dict) else value, own


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with ray_cluster() as url:
        yield url


@pytest.fixture
def replicas(cluster: str, store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two replicas with one shared state, and a model of two versions."""
    for version in ("1.0", "2.0"):
        archive("m", HANDLER.replace("VERSION", repr(version)), version=version, file=f"m-{version}.mar",
                config="batchSize: 8\nmaxBatchDelay: 20\n")  # fmt: skip
    deploy({
        "models": [str(store / "m-1.0.mar")], "model_store": str(store), "num_replicas": 2, "num_cpus": 0.1,
        "state": str(store.parent / "state.json"), "state_interval": 0.2, "management_token": TOKEN,
    })  # fmt: skip
    return cluster


def test_replicas_answer_as_one_process_and_switch_versions_together(
    replicas: str, store: Path, tmp_path: Path
) -> None:
    with Server.of(store, "m-1.0.mar", environ={"MARSERVE_MANAGEMENT_TOKEN": TOKEN, "FLY_APP_NAME": "x"}) as alone:
        alone.until_listening()
        for call in CALLS:
            assert ask(replicas, *call) == ask(alone.url, *call), call
    assert ask(replicas, "POST", "/nowhere", b"{}")[0] == 404
    with ThreadPoolExecutor(32) as clients:
        calls = [clients.submit(ask, replicas, *CALLS[0]) for _ in range(64)]
        assert max(call.result()[1]["batch"] for call in calls) > 1  # type: ignore[index] # the archive's own batcher
    manage = ("/models?url=m-2.0.mar&initial_workers=1&wait=fleet", "/models/m/2.0/set-default?wait=fleet")
    for method, path in zip(("POST", "PUT"), manage, strict=True):
        assert ask(replicas, method, path, b"", token=TOKEN)[0] == 200
    found = Counter(ask(replicas, *CALLS[0])[1]["version"] for _ in range(40))  # type: ignore[index]
    assert found == {"2.0": 40}


def test_a_killed_replica_takes_nothing_but_what_it_had(replicas: str) -> None:
    first = json.loads(urlopen(Request(f"{replicas}/predictions/m", data=b"x"), timeout=SECONDS).read())["pid"]
    with ThreadPoolExecutor(8) as clients:
        calls = [clients.submit(ask, replicas, *CALLS[0]) for _ in range(100)]
        os.kill(first, signal.SIGKILL)
        calls += [clients.submit(ask, replicas, *CALLS[0]) for _ in range(300)]
        statuses = Counter(call.result()[0] for call in calls)
    assert statuses[200] >= 400 - 2 * 8, statuses  # at most what was under way, once more where its place was taken
    deadline = time.monotonic() + SECONDS
    pids: set[int] = set()
    while len(pids) < 2:  # and Ray starts another one
        assert time.monotonic() < deadline
        pids.add(json.loads(urlopen(Request(f"{replicas}/predictions/m", data=b"x"), timeout=SECONDS).read())["pid"])
        pids.discard(first)


def test_a_model_that_does_not_load_is_no_application(cluster: str, archive: MakeArchive) -> None:
    path = archive("broken", BROKEN)
    with pytest.raises(RuntimeError, match="marserve"):
        deploy({"models": [str(path)], "num_cpus": 0.1})
