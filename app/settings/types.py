"""The types of settings: values, and annotations by which pydantic reads them from text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from model_registry.parsing import lenient_json
from model_registry.parsing.values import INT32_MAX, INT32_MIN, parse_bool, parse_choice, parse_float, parse_int

_ADDRESS = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^:/\s]+)(:(?P<port>\d+))?", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1", re.IGNORECASE)
LOG_LEVELS = ("debug", "info", "warning", "error", "critical", "off")
_INTEGER_KEYS = {
    "minWorkers",
    "maxWorkers",
    "batchSize",
    "maxBatchDelay",
    "responseTimeout",
    "startupTimeout",
    "parallelLevel",
}

ModelSettings = dict[str, dict[str, dict[str, Any]]]
"""The value of TorchServe's `models` key by model name and version: `{"m": {"1.0": {"minWorkers": 1, ...}}}`."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address to listen on: http or https with host and port, or a unix socket with its path."""

    scheme: Literal["http", "https", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str, http_port: int = 80, https_port: int = 443) -> "ListenAddress":
        """Read `http://host[:port]`, `https://host[:port]` or `unix:/path`; the ports are those of an omitted one."""
        if text.lower().startswith("unix:/"):
            return cls("unix", path=re.sub("^/+", "/", text[len("unix:") :]))
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError("an address such as http://127.0.0.1:8080, https://host:8443 or unix:/path/of.sock")
        scheme: Literal["http", "https"] = "https" if match["scheme"].lower() == "https" else "http"
        default = https_port if scheme == "https" else http_port
        return cls(scheme, match["host"].strip("[]"), parse_port(match["port"] or default))

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach the address."""
        return self.scheme == "unix" or _LOOPBACK.fullmatch(self.host) is not None

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class InitialModel:
    """A model to load at start: a file of the store, a folder of it, or a URL; its name, if one was given."""

    name: str | None
    url: str

    def __str__(self) -> str:
        return f"{self.name}={self.url}" if self.name else self.url


def parse_port(value: object) -> int:
    """A TCP port; 0 lets the system choose one."""
    try:
        return parse_int(value, 0, 65535)
    except ValueError:
        raise ValueError("a port number from 0 to 65535") from None


def parse_address(value: object, http_port: int, https_port: int) -> ListenAddress:
    """An address whose port may be omitted."""
    return value if isinstance(value, ListenAddress) else ListenAddress.parse(str(value), http_port, https_port)


def parse_protocol_switch(value: object) -> bool:
    """The Open Inference Protocol is served: `oip`, the variable's value for it, or a boolean."""
    return value == "oip" or parse_bool(value)


def parse_pattern(text: str) -> str:
    """A regular expression that compiles."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return text


def parse_patterns(value: object) -> tuple[str, ...]:
    """Regular expressions separated by commas, as TorchServe splits them."""
    parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
    return tuple(parse_pattern(part.strip()) for part in parts if part.strip())


def parse_log_levels(value: object) -> dict[str, str]:
    """`LOGGER=LEVEL`, or a level for all loggers (""), separated by commas."""
    if not isinstance(value, str):
        return dict(value)  # type: ignore[call-overload, no-any-return]
    pairs = (part.rpartition("=") for part in value.split(",") if part.strip())
    return {name.strip(): parse_choice(level.strip().lower(), *LOG_LEVELS) for name, _, level in pairs}


def parse_initial_models(value: object) -> tuple[InitialModel, ...]:
    """`name=url` or `url`, separated by commas."""
    if not isinstance(value, str):
        return tuple(value)  # type: ignore[arg-type]
    return tuple(_initial_model(part.strip()) for part in value.split(",") if part.strip())


def _initial_model(text: str) -> InitialModel:
    name, separator, url = text.partition("=")
    # A URL may have a "=" of its own, in its query.
    return InitialModel(name.strip(), url.strip()) if separator and "/" not in name else InitialModel(None, text)


def parse_model_settings(value: object) -> ModelSettings:
    """The JSON of TorchServe's `models` key: models, their versions, and the settings of each."""
    return {name: _versions(name, versions) for name, versions in _json_object(value).items()}


def parse_model_snapshot(value: object) -> dict[str, Any]:
    """The JSON of TorchServe's `model_snapshot` key; its `models` have the form of the `models` key."""
    snapshot = _json_object(value)
    return {**snapshot, "models": parse_model_settings(snapshot.get("models", {}))}


def _versions(name: str, versions: object) -> dict[str, dict[str, Any]]:
    return {
        version: {
            key: _setting(key, found, f"{name}/{version}")
            for key, found in _members(settings, version).items()
            if found is not None
        }
        for version, settings in _members(versions, name).items()
    }


def _json_object(value: object) -> dict[str, Any]:
    try:
        found = lenient_json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"a JSON object ({error})") from None
    return _members(found, "the whole")


def _members(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'JSON like {{"model": {{"1.0": {{"minWorkers": 1}}}}}}, and {name} is no object')
    return value


def _setting(key: str, value: object, version: str) -> object:
    if key == "defaultVersion":
        return parse_bool(value)
    if key not in _INTEGER_KEYS:
        return value
    try:
        return parse_int(value, INT32_MIN, INT32_MAX)
    except ValueError as error:
        raise ValueError(f"{error} as {key} of {version}") from None


@dataclass(frozen=True, slots=True)
class ParsedBy:
    """A type whose values one function reads, which raises ValueError.

    pydantic's PlainValidator does the same, but builds a schema of the type as well, which takes a part of every start.
    """

    parse: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)


class Unchecked:
    """A type whose values are taken as they are."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()


Boolean = Annotated[bool, ParsedBy(parse_bool)]
NonNegativeInteger = Annotated[int, ParsedBy(partial(parse_int, minimum=0, maximum=INT32_MAX))]
PositiveInteger = Annotated[int, ParsedBy(partial(parse_int, minimum=1, maximum=INT32_MAX))]
ByteCount = Annotated[int, ParsedBy(partial(parse_int, minimum=0))]
PositiveByteCount = Annotated[int, ParsedBy(partial(parse_int, minimum=1))]
NonNegativeFloat = Annotated[float, ParsedBy(partial(parse_float, minimum=0))]
PositiveFloat = Annotated[float, ParsedBy(partial(parse_float, above=0))]
Port = Annotated[int, ParsedBy(parse_port)]
Pattern = Annotated[str, ParsedBy(parse_pattern)]
Patterns = Annotated[tuple[str, ...], ParsedBy(parse_patterns)]
InferenceAddress = Annotated[ListenAddress, ParsedBy(partial(parse_address, http_port=80, https_port=443))]
ManagementAddress = Annotated[ListenAddress, ParsedBy(partial(parse_address, http_port=8081, https_port=8444))]
MetricsAddress = Annotated[ListenAddress, ParsedBy(partial(parse_address, http_port=8082, https_port=8445))]
ProtocolSwitch = Annotated[bool, ParsedBy(parse_protocol_switch)]
InitialModels = Annotated[tuple[InitialModel, ...], ParsedBy(parse_initial_models)]
Models = Annotated[ModelSettings, ParsedBy(parse_model_settings)]
ModelSnapshot = Annotated[dict[str, Any], ParsedBy(parse_model_snapshot)]
MetricsMode = Annotated[
    Literal["log", "prometheus", "legacy"],
    ParsedBy(lambda text: parse_choice(text, "log", "prometheus", "legacy")),
]
LogLevels = Annotated[dict[str, str], ParsedBy(parse_log_levels)]
LogFormat = Annotated[Literal["text", "json"], ParsedBy(lambda text: parse_choice(text, "text", "json"))]
