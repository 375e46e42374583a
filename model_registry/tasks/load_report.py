"""Reports in the log that workers are ready, and meanwhile that they still load."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic

LOG = logging.getLogger("marserve.registry")
TORCHSERVE_LOGGER = {"ts_logger": "org.pytorch.serve.wlm.ModelManager"}
FIRST_REPORT_SECONDS = 10.0
"""Loading is reported after it, and then after twice the time each."""


async def report_loading(model: str, version: str, loading: Sequence[Future[None]]) -> None:
    """Log how the workers of a version load, until all have loaded, or one has failed."""
    started_at, pause = monotonic(), FIRST_REPORT_SECONDS
    pending = {asyncio.wrap_future(future) for future in loading}
    for future in pending:  # a report that is cancelled leaves no exception that asyncio misses
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
    while pending:
        done, pending = await asyncio.wait(pending, timeout=pause)
        if any(future.cancelled() or future.exception() for future in done):
            return
        seconds = monotonic() - started_at
        if pending:
            workers = f"{len(pending)} of {len(loading)} workers"
            LOG.info("Model %s %s still loads after %.0f s: %s.", model, version, seconds, workers)
            pause = pause if done else 2 * pause
    if loading:
        LOG.info("Model %s loaded.", model, extra=TORCHSERVE_LOGGER)  # in its words: tools wait for this line
        seconds = monotonic() - started_at
        LOG.info("Model %s %s loaded in %.2f s: %d worker(s).", model, version, seconds, len(loading))
