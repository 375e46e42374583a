"""Token authorisation: who may call which API."""

import hmac
import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.errors import InvalidKey
from app.http.request import Call
from app.http.responses import JSON, Answer

KEY_FILE = "key_file.json"
REFUSED = "Token {} failed. Token either incorrect, expired, or not provided correctly"


class Keys:
    """The keys of a running server and the file that tells its owner of them.

    Every start makes new ones: {"management"|"inference": {"key", "expiration time"}, "API": {"key"}}, as TorchServe
    does; the API key renews the others and never expires.
    """

    def __init__(self, path: Path, minutes: float) -> None:
        self._path = path
        self._life = timedelta(minutes=minutes)
        self._keys = {kind: new_key() for kind in ("management", "inference", "API")}
        self._expiry = {kind: self._later() for kind in ("management", "inference")}
        self._write()

    def opens(self, kind: str, call: Call) -> bool:
        """Whether the call carries the valid key of that kind."""
        return matches(call, self._keys[kind]) and self._expiry[kind] > datetime.now(UTC)

    def check(self, kind: str, call: Call) -> None:
        """Raise InvalidKey unless the call carries the valid key of that kind."""
        if not self.opens(kind, call):
            raise InvalidKey(REFUSED.format("Authorization"))

    def renew(self, call: Call) -> None:
        """Make a new key of the type that the query names; needs the API key. Raises InvalidKey."""
        kind = call.query.get("type", "")
        if not matches(call, self._keys["API"]) or kind not in self._expiry:
            raise InvalidKey(REFUSED.format("Authentication"))
        self._keys[kind], self._expiry[kind] = new_key(), self._later()
        self._write()

    def _later(self) -> datetime:
        return datetime.now(UTC) + self._life

    def _write(self) -> None:
        content = {
            kind: {"key": key, **({"expiration time": _instant(self._expiry[kind])} if kind in self._expiry else {})}
            for kind, key in self._keys.items()
        }
        beside = self._path.with_suffix(".tmp")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(content, indent=2))
        beside.replace(self._path)


class Tokens:
    """Answers /token on the management address: a renewed key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def answer(self, call: Call) -> Answer | None:
        """Renew a key; None for other paths."""
        if call.segments[0] != "token":
            return None
        self._keys.renew(call)
        return Answer(200, b"\n", JSON, b"OK")


def is_free(call: Call, apis: Sequence[str]) -> bool:
    """Whether a call needs no token where these APIs are: descriptions, metrics, and /token, which asks by itself."""
    if call.segments in ([""], ["api-description"]):
        return True
    return ("metrics" in apis and call.segments[0] == "metrics") or (
        "management" in apis and call.segments[0] == "token"
    )


def is_management(call: Call) -> bool:
    """Whether a call belongs to the management API where all APIs share one port."""
    segments = call.segments
    if segments[0] in ("models", "workflows", "token"):
        return not (len(segments) == 3 and segments[2] == "invoke")
    return segments[:2] == ["v1", "models"] and ":" not in segments[-1]


def matches(call: Call, key: str) -> bool:
    """Whether the call's bearer token is `key`; takes the same time whatever the token."""
    scheme, *token = call.header(b"authorization").split(maxsplit=1) or [""]
    return hmac.compare_digest("".join(token).strip().encode(), key.encode()) and scheme == "Bearer"


def new_key() -> str:
    """Eight URL-safe characters of randomness, as TorchServe's keys are."""
    return urlsafe_b64encode(secrets.token_bytes(6)).decode()


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
