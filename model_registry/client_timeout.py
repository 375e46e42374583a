"""clientTimeoutInMills: an answer that comes later is dropped, as TorchServe does; but not in silence for ever."""

from asyncio import AbstractEventLoop
from typing import Any

from model_registry.errors import ClientTimedOut
from model_registry.reply import PendingReply

SILENCE = 30.0
"""Seconds without a word that a client with a timeout of its own never waits for."""
TIMES = 10
"""The same as a multiple of the timeout; the longer of the two is kept."""


class ClientTimeout:
    """Watches over one reply: lets it expire, and much later refuses it, so that no connection stays open for ever."""

    def __init__(self, loop: AbstractEventLoop, reply: PendingReply, seconds: float, silence: float = SILENCE) -> None:
        self._loop = loop
        self._reply = reply
        self._seconds = seconds
        self._silence = max(silence, TIMES * seconds)
        self._timer = loop.call_later(seconds, self._expire)
        reply.future.add_done_callback(self._stop)

    def __repr__(self) -> str:
        return f"<ClientTimeout of {self._seconds:g} s>"

    def _expire(self) -> None:
        self._reply.expire()
        refusal = ClientTimedOut(self._seconds)
        self._timer = self._loop.call_later(self._silence - self._seconds, self._reply.refuse, refusal)

    def _stop(self, future: Any) -> None:
        self._timer.cancel()
