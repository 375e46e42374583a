"""Coroutines of handlers behind a worker's socket. The server's own workers need none of this."""

import asyncio
import copy
import logging
import threading
import time

from ts.protocol.otf_message_handler import PREDICT_MSG, create_predict_response, retrieve_msg
from ts.service import Service, refusal_of, response_to

logger = logging.getLogger(__name__)


async def predict(self, batch):
    """The message that answers one batch, as `Service.predict` makes it, with a context of its own."""
    headers, rows, ids = Service.retrieve_data_for_inference(batch)
    context = copy.deepcopy(self.context)
    context.request_ids, context.request_processor, context.cl_socket = ids, headers, self.cl_socket
    context.metrics.request_ids = ids
    started = time.time()
    try:
        answers = await self._entry_point(rows, context)
    except Exception as error:
        logger.warning("Invoking custom service failed.", exc_info=True)
        return create_predict_response(None, ids, *refusal_of(error))
    return response_to(answers, context, started)


class AsyncService:
    """Answers the messages on the socket of a loaded `Service`, each as soon as its coroutine is done."""

    def __init__(self, service):
        self.service = service
        self.loop = None

    def run(self):
        """Serve until the socket closes; returns the text of the error that ended it."""
        self.loop = asyncio.get_event_loop()
        self._ended = self.loop.create_future()
        threading.Thread(target=self.receive_requests, name="requests", daemon=True).start()
        return self.loop.run_until_complete(self._ended)

    def receive_requests(self):
        """Start a coroutine for each message."""
        try:
            while True:
                command, message = retrieve_msg(self.service.cl_socket)
                if command == PREDICT_MSG:
                    asyncio.run_coroutine_threadsafe(self.call_predict(message), self.loop)
        except (Exception, SystemExit) as error:  # a socket that is closed ends a worker
            self.loop.call_soon_threadsafe(self._ended.set_result, f"{type(error).__name__}: {error}")

    async def call_predict(self, batch):
        """Answer one message."""
        self.service.cl_socket.sendall(await predict(self.service, batch))
