"""The laws that keep the server working: each test fails when its law is broken."""

import ast
import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from handler.devices.cpu_budget import cores_for_worker
from handler.devices.device import Device
from handler.devices.device_thread import device_executor
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
HANDLER = Path(__file__).parents[2] / "handler"
PATH_OF_A_JOB = (
    "job", "batching/batcher", "batching/gather_policy", "batching/job_queue",
    "batching/sequence_batcher", "batching/sequences",
    "workers/continuous", "workers/pool", "workers/service", "workers/worker",
)  # fmt: skip

WHO = """
    import threading
    AT_IMPORT = threading.get_ident()
    class Who:
        def initialize(self, context):
            self.at_load = threading.get_ident()
        def handle(self, data, context):
            return [[AT_IMPORT, self.at_load, threading.get_ident()] for _ in data]
"""
COUNTS = """
    CALLS = 0
    def handle(data, context):
        global CALLS
        if data is None:
            return None
        CALLS += 1
        return [CALLS] * len(data)
"""
HANGS = """
    import threading
    class Hangs:
        def initialize(self, context):
            self.calls = 0
        def handle(self, data, context):
            if any(row["body"] == "hang" for row in data):
                threading.Event().wait(20)
            self.calls += 1
            return [self.calls] * len(data)
"""
MISBEHAVES = """
    import os, sys, time
    class Misbehaves:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            for row in data:
                what = row["body"]
                if what == "raise":
                    raise ValueError("raised")
                if what == "exit":
                    sys.exit(3)
                if what == "os_exit":
                    os._exit(4)
                if what == "interrupt":
                    raise KeyboardInterrupt
                if what == "nonsense":
                    return "nonsense"
                if what == "short":
                    return []
            return [row["body"] for row in data]
"""


def imported_names(module: str) -> set[str]:
    tree = ast.parse((HANDLER / f"{module}.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    return {alias.name for node in imports for alias in node.names} | {
        str(node.module) for node in imports if isinstance(node, ast.ImportFrom)
    }


def test_law_1_the_batcher_holds_the_only_lock_on_the_path_of_a_job() -> None:
    locks = {"Lock", "RLock", "Condition", "Semaphore"}
    assert {module for module in PATH_OF_A_JOB if locks & imported_names(module)} == {"batching/batcher"}


def test_law_1_under_that_lock_nothing_logs_calls_back_or_waits_for_the_outside() -> None:
    allowed = {"collections", "collections.abc", "dataclasses", "functools", "math", "sys", "threading", "time"}
    batching = {f"handler.batching.{module}" for module in ("batcher", "gather_policy", "job_queue", "sequences")}
    for module in ("batching/batcher", "batching/sequences", "batching/sequence_batcher"):
        imported = {name for name in imported_names(module) if name.islower()}
        assert imported - {"dataclass", "deque", "inf", "maxsize", "monotonic", "partial"} <= allowed | batching | {
            "handler.errors",
            "handler.job",
        }


async def test_law_2_every_accepted_job_is_answered_exactly_once(store: Path, archive: MakeArchive) -> None:
    archive("misbehaves", MISBEHAVES, config="minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 5\n")
    asks = ["fine", "raise", "fine", "exit", "fine", "os_exit", "nonsense", "interrupt", "short", "fine"] * 12
    async with serving(store, "misbehaves.mar") as client:
        version = client.application.registry.resolve("misbehaves")
        answers = await asyncio.gather(*(client.predict("misbehaves", ask) for ask in asks))
        statuses = Counter(answer.status_code for answer in answers)
        assert sum(statuses.values()) == len(asks)
        assert set(statuses) <= {200, 500, 503}
        alone = [await client.predict("misbehaves", ask) for ask in ("fine", "raise", "exit", "os_exit", "fine")]
        assert [answer.status_code for answer in alone] == [200, 503, 500, 500, 200]
        assert version.batcher.is_idle


async def test_law_2_jobs_whose_clients_leave_are_not_served_and_harm_nobody(store: Path, archive: MakeArchive) -> None:
    archive("hangs", HANGS)
    async with serving(store, "hangs.mar") as client:
        version = client.application.registry.resolve("hangs")
        hanging = asyncio.create_task(client.predict("hangs", "hang"))
        while version.pool.workers[0].batch is None:
            await asyncio.sleep(0.001)
        leaving = asyncio.create_task(client.predict("hangs", "hang"))
        while len(version.batcher) == 0:
            await asyncio.sleep(0.001)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        version.pool.abandon_hung(0, 60)
        assert (await hanging).status_code == 500
        assert (await client.predict("hangs", "work")).json() == 1  # the replacement never saw the one that left


async def test_law_3_one_thread_imports_loads_and_serves_for_life(store: Path, archive: MakeArchive) -> None:
    archive("who", WHO)
    async with serving(store, "who.mar") as client:
        idents = [ident for _ in range(5) for ident in (await client.predict("who")).json()]
    assert len(set(idents)) == 1
    assert idents[0] != threading.get_ident()


def test_law_3_on_mps_one_thread_serves_all_models() -> None:
    first, second = (device_executor(Device("mps")) for _ in range(2))
    assert first is not None
    assert second is not None
    threads = [executor.submit(threading.get_ident).result() for executor in (first, second)]
    assert threads[0] == threads[1] != threading.get_ident()
    assert device_executor(Device("cpu")) is None


async def test_law_4_each_worker_has_its_own_modules(store: Path, archive: MakeArchive) -> None:
    archive("counts", COUNTS, config="minWorkers: 2\nmaxWorkers: 2\n")
    async with serving(store, "counts.mar") as client:
        seen = Counter([(await client.predict("counts")).json() for _ in range(20)])
    assert max(seen) < 20 or seen[1] == 1  # never one counter for two workers
    assert all(times <= 2 for times in seen.values())


async def test_law_5_a_hanging_worker_is_answered_for_replaced_counted_and_at_last_reported(
    store: Path, archive: MakeArchive
) -> None:
    archive("hangs", HANGS, config="responseTimeout: 1\n")
    async with serving(store, "hangs.mar", hung_workers_limit="2") as client:
        for hung in (1, 2):
            assert (await client.http.get("/ping")).status_code == 200
            answer = await client.predict("hangs", "hang")
            assert (answer.status_code, answer.json()["message"]) == (500, "Worker died.")
            assert (await client.predict("hangs", "work")).json() == 1
            assert client.application.registry.hung_count == hung
        assert (await client.http.get("/ping")).status_code == 500


async def test_law_6_an_unknown_error_tells_the_client_nothing(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive("counts", COUNTS)
    async with serving(store, "counts.mar") as client:
        version = client.application.registry.resolve("counts")
        monkeypatch.setattr(version, "_pacer", None)  # a defect of ours
        answer = await client.predict("counts")
        monkeypatch.undo()
    assert answer.status_code == 500
    assert "NoneType" not in answer.text


async def test_law_8_a_lone_client_waits_for_nobody(store: Path, archive: MakeArchive) -> None:
    archive("counts", COUNTS, config="batchSize: 16\nmaxBatchDelay: 30\n")
    async with serving(store, "counts.mar") as client:
        for _ in range(5):
            await client.predict("counts")
        version = client.application.registry.resolve("counts")
        assert version.batcher._policy.expected_in_flight == 1


def test_law_9_a_model_without_torch_is_served_without_torch(store: Path, archive: MakeArchive) -> None:
    archive("counts", COUNTS)
    program = f"""
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.support.serving import serving
async def main():
    async with serving(Path({str(store)!r}), "counts.mar") as client:
        assert (await client.predict("counts")).json() == 1
        assert (await client.http.get("/metrics")).status_code == 200
    print(json.dumps(sorted(sys.modules)))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"torch", "onnxruntime", "grpc", "obstore", "PIL", "captum"}
    assert heavy & set(json.loads(done.stdout.splitlines()[-1])) == set()


def test_law_10_the_cpu_budget_is_shared_between_workers() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert cores_for_worker(1, {}).share <= cores
    assert cores_for_worker(cores, {}).share == 1


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_law_10_an_archive_may_ask_for_a_number_of_threads(
    store: Path, archive: MakeArchive, isolation: str
) -> None:
    source = "import torch\ndef handle(data, context):\n    return data and [torch.get_num_threads()] * len(data)\n"
    # A process imports all anew, and torch takes seconds for that: something with these names does as well.
    torch = "number = 1\nTensor = tuple\ndef get_num_threads(): return number\n"
    torch += "def set_num_threads(n): global number; number = n\n"
    files = {"torch.py": torch} if isolation == "process" else {}
    archive("threads", source, files, config=f"threads: 3\nisolation: {isolation}\nbatchSize: 2\n")
    async with serving(store, "threads.mar") as client:
        for _ in range(3):  # in company, too
            answers = await asyncio.gather(*(client.predict("threads") for _ in range(4)))
            assert [answer.json() for answer in answers] == [3] * 4


async def test_law_10_each_worker_is_given_its_share_in_its_own_thread(store: Path, archive: MakeArchive) -> None:
    archive("threads", "import torch\ndef handle(data, context):\n    return data and [torch.get_num_threads()]\n")
    async with serving(store, "threads.mar") as client:
        assert (await client.predict("threads")).json() == cores_for_worker(1).maximum
        await client.manage("PUT", "/models/threads", min_worker=4, synchronous="true")
