"""Coroutines that do what a request says, on the event loop that `initialize` has used."""

import asyncio

from ts.handler_utils.utils import send_intermediate_predict_response
from ts.service import PredictionException
from ts.torch_handler.base_handler import BaseHandler


class Asynchronous(BaseHandler):
    def initialize(self, context):
        self.loop = asyncio.get_event_loop()
        self.held = self.loop.run_until_complete(self.count())
        self.most = 0
        self.full = asyncio.Event()

    async def count(self):
        return 0

    async def handle(self, data, context):
        ask = data[0].get("body") or {}
        return await getattr(self, ask.get("do", "echo"))(data, context, ask)

    async def echo(self, data, context, ask):
        return [f"{len(data)} rows, path {context.get_request_header(0, 'url_path')!r}"]

    async def each(self, data, context, ask):
        """One answer for each row."""
        await asyncio.sleep(0)
        return [row["body"]["word"] for row in data]

    async def gather(self, data, context, ask):
        """Waits until so many requests are held at once."""
        self.held += 1
        if self.held == ask["count"]:
            self.full.set()
        await self.full.wait()
        same = asyncio.get_running_loop() is self.loop
        return [f"{self.held} held, {ask['word']}, the loop of initialize: {same}"]

    async def stream(self, data, context, ask):
        for number in range(ask["count"]):
            send_intermediate_predict_response([f"piece {number};"], context.request_ids, "piece", 200, context)
            await asyncio.sleep(0.05)
        if ask.get("fails"):
            raise ValueError("in the middle")
        return ["end"]

    async def answer(self, data, context, ask):
        """An answer that is no list of one text."""
        kinds = {
            "dict": {"a": 1},
            "text": "text",
            "two": ["a", "b"],
            "none": None,
            "json": [{"a": [1, 2]}],
            "set": [{1}],
        }
        return kinds[ask["kind"]]

    async def status(self, data, context, ask):
        context.set_response_status(202, "Taken", 0)
        context.set_response_header(0, "x-own", "yes")
        context.set_response_content_type(0, "text/plain")
        return ["taken"]

    async def fail(self, data, context, ask):
        await asyncio.sleep(0)
        errors = {
            "value": ValueError("no"),
            "memory": MemoryError(),
            "cuda": RuntimeError("CUDA out of memory"),
            "refused": PredictionException("not here", 404),
            "cancelled": asyncio.CancelledError(),
        }
        raise errors[ask["kind"]]

    async def sleep(self, data, context, ask):
        await asyncio.sleep(ask["seconds"])
        return [f"slept {ask['seconds']}"]
