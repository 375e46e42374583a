"""Token authorization: TorchServe's keys, one token for management alone, or none."""

import hmac
import json
import logging
import os
import secrets
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.errors import InvalidKey, ManagementLocked
from app.settings.model import Settings

LOG = logging.getLogger("marserve.security")
KEY_FILE = "key_file.json"
INVALID_KEY = "Token {} failed. Token either incorrect, expired, or not provided correctly"
MANAGEMENT_RESOURCES = {"models", "workflows", "token"}
"""First segments of the management API's paths, where all APIs share one port."""
CONSOLE_MANAGEMENT = {"events", "archives", "samples", "load"}
"""Second segments of such paths under /console."""
V2_MANAGEMENT = {"repository", "logging", "systemsharedmemory", "cudasharedmemory"}
"""Second segments of such paths under /v2."""


class Keys:
    """The keys of a running server, and the file that gives them to its owner.

    Every start makes new ones: {"management"|"inference": {"key", "expiration time"}, "API": {"key"}}, as TorchServe
    does; the API key renews the others and never expires.
    """

    def __init__(self, path: Path, minutes: float) -> None:
        self.path = path
        self._lifetime = timedelta(minutes=minutes)
        self._keys = {kind: _new_key() for kind in ("management", "inference", "API")}
        self._expiry = {kind: self._next_expiry() for kind in ("management", "inference")}
        self._write()

    def __repr__(self) -> str:
        return f"<Keys in {self.path}>"

    def is_valid(self, api: str, authorization: str) -> bool:
        """Whether an Authorization header carries the current key of that API."""
        return has_token(authorization, self._keys[api]) and self._expiry[api] > datetime.now(UTC)

    def check(self, api: str, authorization: str) -> None:
        """Raise InvalidKey unless an Authorization header carries the current key of that API."""
        if not self.is_valid(api, authorization):
            raise InvalidKey(INVALID_KEY.format("Authorization"))

    def replace_key(self, api: str, authorization: str) -> None:
        """Make a new key for an API; needs the API key. Raises InvalidKey."""
        if not has_token(authorization, self._keys["API"]) or api not in self._expiry:
            raise InvalidKey(INVALID_KEY.format("Authentication"))
        self._keys[api], self._expiry[api] = _new_key(), self._next_expiry()
        self._write()

    def _next_expiry(self) -> datetime:
        return datetime.now(UTC) + self._lifetime

    def _write(self) -> None:
        content = {
            kind: {"key": key, **({"expiration time": _instant(self._expiry[kind])} if kind in self._expiry else {})}
            for kind, key in self._keys.items()
        }
        temporary = self.path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(content, indent=2))
        temporary.replace(self.path)


class AccessPolicy:
    """Decides which calls need which token; writes the key file where TorchServe's token authorization is on."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._kind = settings.authorization
        self.asks_for_inference = self._kind == "all"
        """Whether predictions need a token."""
        self._token = settings.management_token
        self.keys: Keys | None = None
        if self._kind == "all" or (self._kind == "management" and self._token is None):
            self.keys = _keys((folder, Path(tempfile.gettempdir())), settings.token_expiration_min)

    def __repr__(self) -> str:
        return f"<AccessPolicy {self._kind}>"

    def check(self, api: str, authorization: str) -> None:
        """Let a call of an API pass, or raise InvalidKey or ManagementLocked."""
        if self._kind == "off" or api == "metrics":
            return
        if self._kind == "all":
            assert self.keys is not None
            self.keys.check(api, authorization)
        elif api == "management" and not self._opens_management(authorization):
            raise ManagementLocked

    def check_path(self, path: str, apis: Sequence[str], authorization: str) -> None:
        """Let an HTTP request to an address that serves these APIs pass, or raise InvalidKey or ManagementLocked."""
        if self._kind == "off":
            return
        if self._kind == "all" and _is_open(path_segments(path), apis):
            return
        self.check(self.api_of(path, apis), authorization)

    def needs_token(self, path: str, apis: Sequence[str]) -> bool:
        """Whether calls of a path need a token on an address that serves these APIs."""
        if self._kind == "off" or (self._kind == "all" and _is_open(path_segments(path), apis)):
            return False
        return self._kind == "all" or self.api_of(path, apis) == "management"

    def api_of(self, path: str, apis: Sequence[str]) -> str:
        """The API that a path belongs to on an address that serves these APIs."""
        if "kserve" in apis:
            return "inference"
        if list(apis) != ["metrics"] and (self._kind == "management" or {"inference", "management"}.issubset(apis)):
            return "management" if is_management(path_segments(path)) else "inference"
        return apis[0]

    def _opens_management(self, authorization: str) -> bool:
        if self._token is not None:
            return has_token(authorization, self._token)
        assert self.keys is not None
        return self.keys.is_valid("management", authorization)


def path_segments(path: str) -> list[str]:
    """The parts of a path between its slashes; those at its end do not count."""
    return path.rstrip("/").split("/")[1:] or [""]


def _is_open(segments: Sequence[str], apis: Sequence[str]) -> bool:
    """Whether a path needs no token: the descriptions, metrics, and /token, which checks the API key itself."""
    if segments in ([""], ["api-description"]):
        return True
    return ("metrics" in apis and segments[0] == "metrics") or ("management" in apis and segments[0] == "token")


def is_management(segments: Sequence[str]) -> bool:
    """Whether a path belongs to the management API where all APIs share one port."""
    if segments[0] in MANAGEMENT_RESOURCES:
        return not (len(segments) == 3 and segments[2] == "invoke")
    if segments[0] == "v2":
        return "".join(segments[1:2]) in V2_MANAGEMENT or list(segments[-2:]) == ["trace", "setting"]
    if segments[0] == "console":
        return "".join(segments[1:2]) in CONSOLE_MANAGEMENT
    return list(segments[:2]) == ["v1", "models"] and ":" not in segments[-1]


def has_token(authorization: str, token: str) -> bool:
    """Whether an Authorization header is that bearer token; takes the same time whatever the token."""
    scheme, *given = authorization.split(maxsplit=1) or [""]
    return hmac.compare_digest("".join(given).strip().encode(), token.encode()) and scheme == "Bearer"


def _keys(folders: Sequence[Path], minutes: float) -> Keys:
    """Keys, with their file in the first folder that can be written: a container's own tree often cannot."""
    *preferred, last = folders
    for folder in preferred:
        try:
            return _logged(Keys(folder / KEY_FILE, minutes))
        except OSError as error:
            LOG.warning("The key file cannot be in %s: %s.", folder, error.strerror)
    return _logged(Keys(last / KEY_FILE, minutes))


def _logged(keys: Keys) -> Keys:
    LOG.info("Token authorisation is on; the keys are in %s.", keys.path)
    return keys


def _new_key() -> str:
    """Eight URL-safe characters of randomness, as TorchServe's keys are."""
    return urlsafe_b64encode(secrets.token_bytes(6)).decode()


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
