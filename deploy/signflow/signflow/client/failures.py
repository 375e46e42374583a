"""Why the model server did not translate, in words that a metric can be labelled with."""

from collections.abc import Mapping
from typing import Any

import httpx2

_ABOUT_THE_REQUEST = {400, 413}
"""Statuses that speak of the request; they say nothing bad about the server."""


class Refused(Exception):
    """The server answered with a status other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"status {status}: {text[:200]}")
        self.status = status


class BadAnswer(Exception):
    """The server answered with something that is no translation."""


FAILURES = (httpx2.TransportError, TimeoutError, Refused, BadAnswer)
"""What a request to the server may end with."""


def is_worth_a_retry(failure: BaseException) -> bool:
    """Whether the request surely reached no model: there was no connection, or no worker was free."""
    if isinstance(failure, Refused):
        return failure.status == 503
    return isinstance(failure, (httpx2.ConnectError, httpx2.ConnectTimeout))


def is_the_servers(failure: BaseException) -> bool:
    """Whether the next request may expect the same; not if this one's content was refused."""
    return not (isinstance(failure, Refused) and failure.status in _ABOUT_THE_REQUEST)


def kind_of(failure: BaseException) -> str:
    """connect, timeout, status_503 (or another status), protocol or answer."""
    if isinstance(failure, Refused):
        return f"status_{failure.status}"
    if isinstance(failure, BadAnswer):
        return "answer"
    if isinstance(failure, httpx2.ConnectError):
        return "connect"
    return "timeout" if isinstance(failure, (TimeoutError, httpx2.TimeoutException)) else "protocol"


def read_answer(response: httpx2.Response) -> Mapping[str, Any]:
    """{"prediction", "confidence", "alternatives", ...}; raises Refused and BadAnswer."""
    if response.status_code != 200:
        raise Refused(response.status_code, response.text)
    try:
        answer = response.json()
    except ValueError as reason:
        raise BadAnswer(f"no JSON: {reason}") from None
    if not isinstance(answer, dict) or not {"prediction", "confidence", "alternatives"} <= answer.keys():
        raise BadAnswer("no translation")
    return answer
