"""One user's WebSocket: frames come in, and what becomes of them goes out as small JSON messages."""

import asyncio
import contextlib
import json
import logging
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from handler.examples.signflow.features import landmarks, make_window
from signflow.client.client import Client

from .hand_rest import is_rest
from .sign_segmenter import Frames, Signer

LOG = logging.getLogger("signflow.session")


class Session:
    """Reads frames until the user leaves, translating a sign meanwhile.

    Says {"type": "state", "state": ...}, {"type": "prediction", "prediction": ..., "source": ..., "milliseconds": ...}
    and {"type": "error", "message": ...}; after an error the session goes on.
    """

    def __init__(self, socket: WebSocket, client: Client, user: str) -> None:
        self.signer = Signer()
        self._socket, self._client, self._user = socket, client, user
        self._translating: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Session of {self._user}, {self.signer.state}>"

    async def run(self) -> None:
        """Serve the user until the connection ends."""
        try:
            async for text in self._socket.iter_text():
                await self._see(text)
        except WebSocketDisconnect:
            LOG.info("A user left while being answered", extra={"event": "left", "user": self._user})
        finally:
            await self._stop()

    async def _see(self, text: str) -> None:
        try:
            points = landmarks([json.loads(text)])[0]
        except ValueError as reason:
            await self._say("error", message=f"This frame cannot be read: {reason}")
            return
        before = self.signer.state
        sign = self.signer.see(points, is_rest(points))
        if self.signer.state is not before:
            await self._say("state", state=self.signer.state)
        if sign:
            self._translating = asyncio.create_task(self._translate(sign))

    async def _translate(self, sign: Frames | None) -> None:
        """Answer a sign, and those that ended while it was translated."""
        with contextlib.suppress(WebSocketDisconnect):
            while sign:
                await self._answer(sign)
                sign = self.signer.answered()
                await self._say("state", state=self.signer.state)

    async def _answer(self, sign: Frames) -> None:
        try:
            translation = await self._client.translate(make_window(np.stack(sign)), self._user)
        except Exception:
            LOG.exception("A sign was lost", extra={"event": "lost", "user": self._user})
            await self._say("error", message="This sign could not be translated.")
            return
        milliseconds = round(1000 * translation.seconds, 1)
        LOG.info(
            "Translated", extra={"event": "translated", "source": translation.source, "milliseconds": milliseconds}
        )
        await self._say(
            "prediction", **translation.answer, source=translation.source, milliseconds=milliseconds, frames=len(sign)
        )

    async def _say(self, kind: str, **what: Any) -> None:
        await self._socket.send_json({"type": kind, **what})

    async def _stop(self) -> None:
        if self._translating is not None:
            self._translating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._translating
