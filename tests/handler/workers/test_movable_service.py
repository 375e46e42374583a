"""Workers that start on threads go on in processes when what their code does needs one."""

import asyncio
import logging
import os
from pathlib import Path
from time import sleep

import pytest

from handler.batching.lock_contention import LONG_WAIT_SECONDS
from handler.devices.cpu_budget import cpu_budget
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

HANDLER = """
import os
import {module}

class Handler:
    def initialize(self, context):
        {initialize}

    def handle(self, data, context):
        {handle}
        return [str(os.getpid())] * len(data)
"""
LOADS = [
    ("random", "getattr(random, 'se' 'ed')(1)", "seeds a global random generator"),
    ("numpy", "getattr(numpy.random, 'se' 'ed')(1)", "seeds a global random generator"),
    ("signal", "getattr(signal, 'sig' 'nal')(2, print)", "sets signal handlers or alarms"),
    ("signal", "getattr(signal, 'al' 'arm')(100)", "sets signal handlers or alarms"),
    ("sys", "getattr(sys, 'setrecursion' 'limit')(2000)", "raises the recursion limit"),
    ("socket", "getattr(socket, 'setdefault' 'timeout')(3)", "sets the timeout of all sockets"),
    ("locale", "getattr(locale, 'set' 'locale')(locale.LC_ALL, 'C.UTF-8')", "sets the locale"),
    ("gc", "getattr(gc, 'dis' 'able')()", "changes the garbage collector"),
    ("warnings", "getattr(warnings, 'simple' 'filter')('error')", "turns warnings into errors"),
    ("multiprocessing", "getattr(multiprocessing, 'set_start' '_method')('spawn')", "sets how processes start"),
    ("registry_of_names", "registry_of_names.register('own')", "does what a process may do once (ValueError"),
    (
        "threading",
        "assert threading.current_thread() is threading.main_thread(), 'main thread only'",
        "needs a process's",
    ),
    ("threading", "thread = threading.Thread(target=getattr(os, 'fo' 'rk')); thread.start(); thread.join()", "forks"),
]
SHARED = """
names = {'own'}
def register(name):
    if name in names and __import__('os').getpid() == SERVER:
        raise ValueError(f'{name} is already registered')
""".replace("SERVER", str(os.getpid()))


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "registry_of_names.py").write_text(SHARED)
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.parametrize(("module", "line", "reason"), LOADS)
async def test_a_load_that_needs_a_process_is_done_again_in_one(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str], module: str, line: str, reason: str
) -> None:
    archive("m", HANDLER.format(module=module, initialize=line, handle="pass"))
    async with serving(store) as client:
        assert (await client.register("m.mar", initial_workers=2, synchronous="true")).status_code == 200
        pids = {(await client.predict("m")).text for _ in range(4)}
        described = await client.describe("m")
    assert str(os.getpid()) not in pids
    assert [worker["status"] for worker in described["workers"]] == ["READY"] * 2
    told = [line for line in capfd.readouterr().out.splitlines() if "its workers are processes of their own" in line]
    assert len(told) == 1
    assert f"Model m: its workers are processes of their own: its code {reason}" in told[0]
    assert "isolation: thread" in told[0].lower()


@pytest.mark.parametrize(("module", "line", "reason"), LOADS[:1] + LOADS[2:4] + LOADS[11:])
async def test_so_is_a_batch(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str], module: str, line: str, reason: str
) -> None:
    archive("m", HANDLER.format(module=module, initialize="pass", handle=line))
    async with serving(store) as client:
        await client.register("m.mar")
        assert (await client.predict("m")).text != str(os.getpid())
    assert f"its code {reason}" in capfd.readouterr().out


async def test_what_the_sources_tell_needs_no_attempt(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str]
) -> None:
    archive("m", HANDLER.format(module="random", initialize="random.seed(1)", handle="pass"))
    async with serving(store) as client:
        await client.register("m.mar")
        assert (await client.predict("m")).text != str(os.getpid())
    assert (
        "Model m: its workers are processes of their own: handler.py:7 seeds a global random generator. "
        "Isolation: thread in its model-config.yaml, or at its registration, keeps them threads"
    ) in capfd.readouterr().out


@pytest.mark.parametrize("by", ["registration", "yaml"])
async def test_a_model_that_asks_for_threads_keeps_them(store: Path, archive: MakeArchive, by: str) -> None:
    config = "isolation: thread\n" if by == "yaml" else None
    archive("m", HANDLER.format(module="random", initialize="random.seed(1)", handle="random.seed(2)"), config=config)
    async with serving(store) as client:
        await client.register("m.mar", **({"isolation": "thread"} if by == "registration" else {}))
        assert (await client.predict("m")).text == str(os.getpid())


async def test_a_second_worker_that_does_not_load_beside_the_first_does_so_in_a_process(
    store: Path, archive: MakeArchive
) -> None:
    line = "assert not hasattr(registry_of_names, 'used'), 'odd'; registry_of_names.used = True"
    archive("m", HANDLER.format(module="registry_of_names", initialize=line, handle="pass"))
    async with serving(store) as client:
        assert (await client.register("m.mar", initial_workers=2, synchronous="true")).status_code == 200
        assert len((await client.describe("m"))["workers"]) == 2


async def test_a_load_that_fails_in_a_process_too_fails_as_it_did(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str]
) -> None:
    archive("m", HANDLER.format(module="os", initialize="raise ValueError('x is already registered')", handle="pass"))
    async with serving(store) as client:
        assert (await client.register("m.mar", synchronous="true")).status_code == 500
    told = capfd.readouterr().out
    assert "ValueError: x is already registered" in told
    assert "processes of their own" not in told


async def test_answers_that_are_partly_sent_are_not_sent_twice(store: Path, archive: MakeArchive) -> None:
    line = (
        "from ts.handler_utils.utils import send_intermediate_predict_response as send; "
        "send(['first'], context.request_ids, '', 200, context); getattr(random, 'se' 'ed')(1)"
    )
    archive("m", HANDLER.format(module="random", initialize="pass", handle=line))
    async with serving(store) as client:
        await client.register("m.mar")
        cut = (await client.predict("m")).text
        assert cut.count("first") == 1
        assert str(os.getpid()) not in cut
        assert (await client.predict("m")).text.startswith("first")


def wait_for_lock(client: Client) -> None:
    """Let each sample find that the lock was waited for, whatever else the machine's cores do meanwhile."""

    def sample(seconds: float) -> float:
        sleep(seconds)
        return LONG_WAIT_SECONDS

    client.application.registry._factory._defaults.lock_probe._sample = sample


SPINS = """
import os, time

class Handler:
    def initialize(self, context):
        {initialize}

    def handle(self, data, context):
        end = time.thread_time() + 0.005
        while time.thread_time() < end:
            sum(range(1000))
        return [str(os.getpid())] * len(data)
"""


@pytest.mark.skipif(cpu_budget() < 2, reason="threads lose nothing on one core")
@pytest.mark.parametrize("registration", [{}, {"initial_workers": 1}], ids=["default workers", "one worker"])
@pytest.mark.parametrize("samples", ["given", pytest.param("real", marks=pytest.mark.long)])
async def test_code_that_keeps_the_interpreters_lock_moves_while_it_serves(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str], registration: dict[str, int], samples: str
) -> None:
    archive("m", SPINS.format(initialize="pass"))
    async with serving(store, marserve_metrics="true") as client:
        if samples == "given":
            wait_for_lock(client)
        await client.manage("POST", "/models", url="m.mar", synchronous="true", **registration)
        expected = registration.get("initial_workers", int(cpu_budget()))
        pids, statuses = set[str](), set[int]()

        async def predict() -> None:
            while len(pids - {str(os.getpid())}) < expected:
                response = await client.predict("m")
                pids.add(response.text)
                statuses.add(response.status_code)

        async with asyncio.timeout(120):
            await asyncio.gather(*(predict() for _ in range(max(8, 2 * expected))))
        description = await client.describe("m")
        assert description["batching"]["processes"] == len(description["workers"]) == expected
        assert {str(worker["pid"]) for worker in description["workers"]} < pids
    assert statuses == {200}
    assert "Model m: its workers are processes of their own: its code keeps the interpreter's lock" in (
        capfd.readouterr().out
    )


@pytest.mark.skipif(cpu_budget() < 2, reason="threads lose nothing on one core")
async def test_a_worker_that_loads_in_no_process_stays_a_thread(
    store: Path, archive: MakeArchive, caplog: pytest.LogCaptureFixture
) -> None:
    archive("m", SPINS.format(initialize=f"assert os.getpid() == {os.getpid()}, 'it knows one process'"))
    logging.getLogger("marserve.loading").addHandler(caplog.handler)
    async with serving(store, marserve_metrics="true") as client:
        wait_for_lock(client)
        await client.register("m.mar", synchronous="true")
        answers = set[str]()

        async def predict() -> None:
            while not any("stays a thread" in line for line in caplog.messages):
                answers.add((await client.predict("m")).text)

        async with asyncio.timeout(120):
            await asyncio.gather(*(predict() for _ in range(8)))
        assert (await client.describe("m"))["batching"]["processes"] == 0
    logging.getLogger("marserve.loading").removeHandler(caplog.handler)
    assert answers == {str(os.getpid())}
    assert any("it knows one process" in line for line in caplog.messages)


@pytest.mark.skipif(cpu_budget() < 2, reason="it is not watched on one core")
async def test_detection_can_be_switched_off(store: Path, archive: MakeArchive) -> None:
    archive("m", SPINS.format(initialize="pass"))
    async with serving(store, lock_detection="false") as client:
        await client.register("m.mar", synchronous="true")
        assert client.application.registry.resolve("m").isolation.contention is None
