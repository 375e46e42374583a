"""The service in the process of a worker that holds many batches at once: its event loop is the main thread's."""

from collections.abc import Sequence
from threading import Thread
from typing import Any

from handler.devices.device import Device
from handler.job import Outcome
from handler.workers.coroutines.request_loop import RequestLoop
from handler.workers.coroutines.service import AsyncService
from handler.workers.process.channel import Channel
from handler.workers.process.child_service import ChildEnvironment, ChildService
from handler.workers.process.serialization import pack_outcome, unpack_job
from handler.workers.service import ResponseTooLarge, Service


class AsyncChildService(ChildService):
    """Serves batches until the server finishes; each is a message with its number, and one without jobs cancels it."""

    def serve(self, channel: Channel) -> None:
        """Serve until the server finishes. All but `Exception` end the process."""
        Thread(target=self._receive, args=(channel,), name="requests", daemon=True).start()
        try:
            self._loop.run()
        except ResponseTooLarge:
            raise SystemExit(1) from None  # it is in the log, and no bug of the handler
        self._loop.close()
        self._service.close()

    def _load(self, environment: ChildEnvironment, device: Device) -> Service:
        self._loop = RequestLoop(self._finish)
        self._async_service = AsyncService.load_on(
            self._loop, self._spec, environment, device, self._governor.apply_share
        )
        return self._async_service

    def _receive(self, channel: Channel) -> None:
        try:
            for number, packed in channel:
                self._take(number, packed)
        finally:
            self._loop.stop()

    def _take(self, number: int, packed: Sequence[Any] | None) -> None:
        if packed is None:
            self._loop.cancel(number)
        else:
            jobs = [unpack_job(job, (number, index)) for index, job in enumerate(packed)]
            self._loop.start(number, self._async_service, jobs, self._send_chunks)

    def _finish(self, number: int, outcomes: Sequence[Outcome]) -> None:
        self._reports.answer("done", (number, [pack_outcome(outcome) for outcome in outcomes]))
