"""The outcome of the loads of a new version's workers, and where they run for the sake of their packages."""

from concurrent.futures import Future
from pathlib import Path

import pytest

from handler.errors import LoadFailed
from model_registry.errors import WorkersFailed, WorkersOutOfMemory
from model_registry.loading.worker_start import isolate_packages, wait_for_workers
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
ECHO = "def handle(data, context):\n    return data"


@pytest.mark.parametrize(("cause", "expected"), [(ValueError(), WorkersFailed), (MemoryError(), WorkersOutOfMemory)])
async def test_a_load_that_fails_is_an_error_of_the_registration(
    store: Path, archive: MakeArchive, cause: Exception, expected: type[Exception]
) -> None:
    archive("m", ECHO)
    failed: Future[None] = Future()
    failed.set_exception(LoadFailed("W-9000-m_1.0", cause))
    async with serving(store, "m.mar") as client:
        version = client.application.registry.resolve("m")
        await wait_for_workers(version, [worker.loaded for worker in version.pool.workers])
        with pytest.raises(WorkersFailed) as raised:
            await wait_for_workers(version, [failed])
    assert type(raised.value) is expected


@pytest.mark.parametrize(("isolation", "in_process"), [("auto", True), ("thread", False)])
async def test_packages_that_the_server_cannot_hold_make_processes_unless_threads_were_asked_for(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str], isolation: str, in_process: bool
) -> None:
    archive("m", ECHO, config=f"isolation: {isolation}\n")
    async with serving(store, "m.mar") as client:
        version = client.application.registry.resolve("m")
        isolate_packages(version, [])
        assert not version.config.in_process
        isolate_packages(version, ["numpy 0.1 is not the server's"])
        assert version.config.in_process is in_process
    assert "numpy 0.1 is not the server's" in capfd.readouterr().out
