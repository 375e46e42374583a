"""The news of a rollout's end for another system: one POST, in a thread of its own."""

import json
import logging
from collections.abc import Mapping
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

LOG = logging.getLogger("marserve.traffic")
TIMEOUT_SECONDS = 10.0


def notify(url: str, news: Mapping[str, Any]) -> Thread:
    """Send the event as JSON; a receiver that fails or hangs is logged, and blocks no request."""
    thread = Thread(target=_send, args=(url, json.dumps(news).encode()), name="rollout-webhook", daemon=True)
    thread.start()
    return thread


def _send(url: str, body: bytes) -> None:
    request = Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - the plan checks it
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
            pass
    except (URLError, OSError, ValueError) as error:
        LOG.warning("The webhook %s was not told of the rollout's end: %s", url, error)
