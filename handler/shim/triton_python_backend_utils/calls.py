"""Calls of models by models, and the event loops of models whose functions are coroutines."""

import asyncio
import queue
import threading

from triton_python_backend_utils import server
from triton_python_backend_utils.responses import InferenceResponse


def run(request, decoupled):
    """Ask and wait."""
    responses = queue.SimpleQueue()
    server.current().infer(request, decoupled, lambda response, is_final: responses.put((response, is_final)))
    return ResponseIterator(responses.get) if decoupled else _only(responses.get)


async def run_async(request, decoupled):
    """Ask, and let the loop do something else meanwhile."""
    responses, loop = queue.SimpleQueue(), asyncio.get_running_loop()
    answered = loop.create_future()

    def take(response, is_final):
        responses.put((response, is_final))
        if decoupled or is_final:
            loop.call_soon_threadsafe(lambda: answered.done() or answered.set_result(None))

    server.current().infer(request, decoupled, take)
    await answered
    return ResponseIterator(responses.get) if decoupled else _only(responses.get)


def _only(get):
    """The one response of a model that is not decoupled."""
    response, is_final = get()
    while not is_final:
        following, is_final = get()
        response = response or following
    return response or InferenceResponse()


class ResponseIterator:
    """The responses of a decoupled model; the last one says that there are no more, and may be empty."""

    def __init__(self, get):
        self._get = get
        self._is_over = False

    def __iter__(self):
        return self

    def __next__(self):
        if self._is_over:
            raise StopIteration
        response, self._is_over = self._get()
        return response or InferenceResponse()

    def cancel(self):
        """Read no more."""
        self._is_over = True


class LoopThread:
    """The event loop of one instance of a model, on a thread of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="event loop of a model", daemon=True)
        self._thread.start()

    def submit(self, coroutine):
        """Run a coroutine; returns its concurrent future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._loop.close()
