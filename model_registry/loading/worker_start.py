"""Workers of a new version: where they run for the sake of their packages, and the outcome of their loads."""

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from handler.errors import LoadFailed
from model_registry.errors import WorkersFailed, WorkersOutOfMemory
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.registry")
MANAGER = {"ts_logger": "org.pytorch.serve.wlm.ModelManager"}


def isolate_packages(version: ModelVersion, obstacles: list[str]) -> None:
    """Make the workers processes if the server's cannot hold their packages, unless threads were asked for."""
    if not obstacles or version.config.in_process:
        return
    if version.config.isolation == "thread":
        consequence = "its workers are threads, as it says, and get the server's packages or fail"
    else:
        consequence = "its workers are processes of their own"
        version.use_processes()
    LOG.warning("Model %s: %s: %s.", version.name, consequence, "; ".join(obstacles))


async def wait_for_workers(version: ModelVersion, loading: Iterable[Future[Any]]) -> None:
    """Return when all have loaded; raises WorkersFailed or WorkersOutOfMemory after the first that cannot."""
    try:
        await asyncio.gather(*map(asyncio.wrap_future, loading))
    except LoadFailed as error:
        LOG.error("%s", error, extra=MANAGER)
        failure = WorkersOutOfMemory if error.is_out_of_memory else WorkersFailed
        raise failure(version.name, version.version) from error
