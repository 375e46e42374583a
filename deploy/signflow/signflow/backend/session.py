"""One user's WebSocket: frames come in, states and translations go out as small JSON messages."""

import asyncio
import contextlib
import logging
from typing import Any

import numpy as np
import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from signflow.archive.features import landmarks, make_window

from .hand_rest import is_rest
from .sign_segmenter import Frames, SignSegmenter
from .translator import Translator

LOG = logging.getLogger("signflow.session")
LOGGED_FIELDS = ("source", "reason", "milliseconds")


class Session:
    """Reads frames until the user disconnects, and translates a sign meanwhile.

    Sends {"type": "state", "state": ...}, {"type": "prediction", "prediction": ..., "source": ...,
    "reason": ..., "milliseconds": ..., ...} and {"type": "error", "message": ...}; after an error the session goes on.
    `last_frame` of a prediction is the number of the sign's last frame, the session's first one being 1.
    """

    def __init__(self, socket: WebSocket, translator: Translator, user: str, is_local: bool = False) -> None:
        self.segmenter = SignSegmenter()
        self._socket, self._translator, self._user = socket, translator, user
        self._is_local, self._frames_received = is_local, 0
        self._translation: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Session of {self._user}, {self.segmenter.state}>"

    async def run(self) -> None:
        """Serve the user until the connection ends."""
        try:
            async for text in self._socket.iter_text():
                await self._receive_frame(text)
        except WebSocketDisconnect:
            LOG.info("A user disconnected during a translation", extra={"event": "disconnected", "user": self._user})
        finally:
            await self._cancel_translation()

    async def _receive_frame(self, text: str) -> None:
        self._frames_received += 1
        try:
            points = landmarks([orjson.loads(text)])[0]
        except ValueError as error:
            await self._send("error", message=f"This frame cannot be read: {error}")
            return
        before = self.segmenter.state
        sign = self.segmenter.add_frame((self._frames_received, points), is_rest(points))
        if self.segmenter.state is not before:
            await self._send("state", state=self.segmenter.state)
        if sign:
            self._translation = asyncio.create_task(self._translate_signs(sign))

    async def _translate_signs(self, sign: Frames | None) -> None:
        """Translate a sign, and those that ended during the translation."""
        with contextlib.suppress(WebSocketDisconnect):
            while sign:
                await self._translate(sign)
                sign = self.segmenter.finish_inference()
                await self._send("state", state=self.segmenter.state)

    async def _translate(self, sign: Frames) -> None:
        numbers, points = zip(*sign, strict=True)
        try:
            translation = await self._translator.translate(make_window(np.stack(points)), self._user, self._is_local)
        except Exception:
            LOG.exception("A sign was lost", extra={"event": "lost", "user": self._user})
            await self._send("error", message="This sign could not be translated.")
            return
        fields = translation._asdict()
        fields["milliseconds"] = round(1000 * fields.pop("seconds"), 1)
        LOG.info("Translated", extra={"event": "translated"} | {key: fields[key] for key in LOGGED_FIELDS})
        fields |= {"frames": len(sign), "last_frame": numbers[-1]}
        wait = round(self._translator.client.breaker.seconds_until_probe, 1)
        await self._send("prediction", **fields, seconds_until_probe=wait)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, **fields})

    async def _cancel_translation(self) -> None:
        if self._translation is not None:
            self._translation.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._translation
