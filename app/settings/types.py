"""The kinds of values that a configuration holds, each read from its text; a ValueError says what was expected."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

_BINDING = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^:/\s]+)(:(?P<port>\d+))?", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)
_WHOLE_NUMBERS = {
    "minWorkers",
    "maxWorkers",
    "batchSize",
    "maxBatchDelay",
    "responseTimeout",
    "startupTimeout",
    "parallelLevel",
}

ModelSettings = dict[str, dict[str, dict[str, Any]]]
"""By model name and version, what TorchServe's `models` key says about it: `{"minWorkers": 1, ...}`."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address to listen on: http or https with host and port, or a unix socket with its path."""

    scheme: Literal["http", "https", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str, http_port: int = 80, https_port: int = 443) -> "ListenAddress":
        """Read `http://host[:port]`, `https://host[:port]` or `unix:/path`; the ports stand for one left out."""
        if text.lower().startswith("unix:/"):
            return cls("unix", path=re.sub("^/+", "/", text[len("unix:") :]))
        match = _BINDING.fullmatch(text)
        if match is None:
            raise ValueError("an address such as http://127.0.0.1:8080, https://host:8443 or unix:/path/of.sock")
        scheme: Literal["http", "https"] = "https" if match["scheme"].lower() == "https" else "http"
        default = https_port if scheme == "https" else http_port
        return cls(scheme, match["host"].strip("[]"), port_number(match["port"] or default))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.scheme == "unix" or _LOOPBACK.fullmatch(self.host) is not None

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.path}"
        return (
            f"{self.scheme}://[{self.host}]:{self.port}"
            if ":" in self.host
            else f"{self.scheme}://{self.host}:{self.port}"
        )


@dataclass(frozen=True, slots=True)
class InitialModel:
    """A model to be loaded at start: a file of the store, a folder of it, or a URL; its name, if one was given."""

    name: str | None
    url: str

    def __str__(self) -> str:
        return f"{self.name}={self.url}" if self.name else self.url


Read = Callable[[object], Any]
"""Makes a value of its text; takes the value itself as well. Raises ValueError that says what was expected."""


def binding(http_port: int, https_port: int) -> Read:
    """An address whose port may be left out."""
    return lambda value: (
        value if isinstance(value, ListenAddress) else ListenAddress.parse(str(value), http_port, https_port)
    )


def whole(least: int) -> Read:
    """A whole number from `least` on."""

    def read(value: object) -> int:
        text = str(value).strip()
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValueError("a whole number")
        if int(text) < least:
            raise ValueError(f"a number not below {least}")
        return int(text)

    return read


def number(*, least: float | None = None, above: float | None = None) -> Read:
    """A number from `least` on, or beyond `above`."""

    def read(value: object) -> float:
        try:
            found = float(str(value))
        except ValueError:
            raise ValueError("a number") from None
        if least is not None and not found >= least:
            raise ValueError(f"a number not below {least}")
        if above is not None and not found > above:
            raise ValueError(f"a number above {above}")
        return found

    return read


def word(*words: str) -> Read:
    """One of these words, in any case."""

    def read(value: object) -> str:
        found = str(value).lower()
        if found not in words:
            *most, last = map(repr, words)
            raise ValueError(f"{', '.join(most)} or {last}")
        return found

    return read


def port_number(value: object) -> int:
    """A TCP port; 0 lets the system choose one."""
    text = str(value)
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError("a port number from 0 to 65535")
    return int(text)


def truth(value: object) -> bool:
    """`true` or `false` in any case. Java takes every other word as false, which is never what was meant."""
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def protocol(value: object) -> bool:
    """Whether the Open Inference Protocol is spoken: `oip`, which is how the variable says it, or a truth."""
    return value == "oip" or truth(value)


def pattern(text: str) -> str:
    """A regular expression that compiles."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return text


def patterns(value: object) -> tuple[str, ...]:
    """Regular expressions separated by commas, as TorchServe cuts them."""
    parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
    return tuple(pattern(part.strip()) for part in parts if part.strip())


def initial_models(value: object) -> tuple[InitialModel, ...]:
    """`name=url` or `url`, separated by commas."""
    if not isinstance(value, str):
        return tuple(value)  # type: ignore[arg-type]
    return tuple(_initial_model(part.strip()) for part in value.split(",") if part.strip())


def _initial_model(text: str) -> InitialModel:
    name, sign, url = text.partition("=")
    # A URL may have a "=" of its own, in its query.
    return InitialModel(name.strip(), url.strip()) if sign and "/" not in name else InitialModel(None, text)


def model_settings(value: object) -> ModelSettings:
    """The JSON of TorchServe's `models` key: models, in each its versions, in each its settings."""
    return {name: _versions(name, versions) for name, versions in _json_object(value).items()}


def model_snapshot(value: object) -> dict[str, Any]:
    """The JSON of TorchServe's `model_snapshot` key; its `models` are as those of the `models` key."""
    snapshot = _json_object(value)
    return {**snapshot, "models": model_settings(snapshot.get("models", {}))}


def _versions(name: str, versions: object) -> dict[str, dict[str, Any]]:
    return {
        version: {key: _setting(key, found, f"{name}/{version}") for key, found in _members(settings, version).items()}
        for version, settings in _members(versions, name).items()
    }


def _json_object(value: object) -> dict[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"a JSON object ({error})") from None
    return _members(found, "the whole")


def _members(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'JSON like {{"model": {{"1.0": {{"minWorkers": 1}}}}}}, and {what} is no object')
    return value


def _setting(key: str, value: object, place: str) -> object:
    if key == "defaultVersion":
        return truth(value)
    if key not in _WHOLE_NUMBERS:
        return value
    try:
        return int(str(value))
    except ValueError:
        raise ValueError(f"a whole number as {key} of {place}") from None
