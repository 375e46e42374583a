"""A request to a model as traffic rules look at it."""

import json
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from itertools import chain
from typing import Any

from handler.job import Input

Headers = Sequence[tuple[str, str]]
MAX_BODY_BYTES = 1 << 20
"""Larger bodies are not searched for a key: such a request is assigned by chance."""
BODY_PARTS = ("body", "data")


class InputRequest:
    """The RoutedRequest of an input; `client` is the address that it came from.

    `metadata` is what came with a call of gRPC: rules read it as headers, handlers never see it.
    """

    def __init__(self, request: Input, client: str | None = None, metadata: Headers = ()) -> None:
        self._input = request
        self._client = client
        self._metadata = metadata

    def __repr__(self) -> str:
        return f"<InputRequest from {self._client}>"

    def header(self, name: str) -> str | None:
        """The value of a header by its lower-case name."""
        lines = chain(self._input.headers, self._metadata)
        return next((value for key, value in lines if key.lower() == name), None)

    def cookie(self, name: str) -> str | None:
        """The value of a cookie."""
        text = self.header("cookie")
        if text is None:
            return None
        try:
            found = SimpleCookie(text).get(name)
        except CookieError:
            return None
        return None if found is None else found.value

    def json_value(self, path: str) -> str | None:
        """The scalar at a dotted path of the JSON body, as a string; None where there is none."""
        part = next((part for part in self._input.parts if part.name in BODY_PARTS), None)
        if part is None or len(part.value) > MAX_BODY_BYTES:
            return None
        try:
            value: Any = json.loads(part.value)
        except (ValueError, RecursionError):
            return None
        for name in path.split("."):
            value = _member(value, name)
        return None if value is None or isinstance(value, dict | list) else str(value)

    def address(self) -> str | None:
        """The client's address, without its port."""
        return self._client


def _member(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return None
