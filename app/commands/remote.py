"""A running server as its operators' commands reach it: the management and inference APIs over HTTP."""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

HERE = "http://127.0.0.1:8080"


class Refused(Exception):
    """The server did not do what it was asked; the text is its own, or says why it cannot be reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status, 0 where there was no answer."""


class Remote:
    """The server at `url`; `seconds` is how long one answer may take. One connection for each call."""

    def __init__(self, url: str, token: str = "", seconds: float = 600) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address such as http://127.0.0.1:8080")
        self._connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._where, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._seconds = seconds

    def __repr__(self) -> str:
        return f"<Remote {self._where}{self._prefix}>"

    def ask(
        self, method: str, *path: str, query: dict[str, str] | None = None, body: bytes | None = None, kind: str = ""
    ) -> bytes:
        """The body of the answer to a call, the segments of its path quoted; raises Refused unless it is a 2xx."""
        target = self._prefix + "".join(f"/{quote(segment, safe='')}" for segment in path)
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        connection = self._connection(self._where, timeout=self._seconds)
        try:
            connection.request(method, f"{target}?{urlencode(query)}" if query else target, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{self._where} cannot be reached: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise Refused(f"{answer.status}: {_message(content)}", answer.status)
        return content

    def versions(self, model: str) -> dict[str, dict[str, Any]]:
        """The description of each version of a model, {} for a model that there is not; raises Refused."""
        try:
            found = json.loads(self.ask("GET", "models", model, "all"))
        except Refused as refusal:
            if refusal.status == http.client.NOT_FOUND:
                return {}
            raise
        return {description["modelVersion"]: description for description in found}

    def default(self, model: str) -> str:
        """The version that requests get which name none; raises Refused."""
        return str(json.loads(self.ask("GET", "models", model))[0]["modelVersion"])


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace").strip() or "no reason given"
