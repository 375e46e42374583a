"""The places where settings are written, as sources of pydantic-settings; each value remembers its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from app.settings import properties
from app.settings.errors import ConfigurationError
from app.settings.model import KEYS, Settings
from model_registry.parsing.values import parse_bool

_VARIABLE = re.compile(r"\$\$(\w+)\$\$")
_SHOWN_CHARACTERS = 80
_OPTIONS = {"load_models": "--models", "disable_token_authorization": "--disable-token-auth"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as it was written, and its place: `config.properties, line 3`, `variable TS_X`, `option --port`."""

    text: str
    place: str

    def invalid(self, key: str, expected: str) -> ConfigurationError:
        """The error that this text is no value of `key`; `expected` describes one."""
        text = " ".join(self.text.split())
        shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
        return ConfigurationError(f"Invalid configuration: {key}={shown} ({self.place}): expected {expected}")


class Source(PydanticBaseSettingsSource):
    """The entries of one kind of place, by key; keys that are no settings are among them."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        super().__init__(Settings)
        self.entries = entries

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.entries)} entries>"

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of one key, None where it is not set; never JSON to pydantic-settings."""
        entry = self.entries.get(field_name)
        return entry and entry.text, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The texts of all settings that are set here."""
        return {key: entry.text for key, entry in self.entries.items() if key in KEYS}

    def is_true(self, key: str) -> bool:
        """The key is set to true here; raises ConfigurationError."""
        try:
            return key in self.entries and parse_bool(self.entries[key].text)
        except ValueError as error:
            raise self.entries[key].invalid(key, str(error)) from None


class PropertiesFile(Source):
    """A file in Java's properties format: config.properties, or the last snapshot of a server.

    `name` is the path as messages show it, relative to `cwd`, or None for no file; `$$NAME$$` in a value becomes the
    environment's NAME. A key without a value counts as not set. Raises ConfigurationError.
    """

    def __init__(self, name: str | None, cwd: Path, environ: Mapping[str, str]) -> None:
        try:
            text = "" if name is None else (cwd / name).read_text(encoding="utf-8")
            lines = list(properties.parse(text))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"Invalid configuration: cannot read {name}: {error}") from None
        entries = {key: Entry(value.strip(), f"{name}, line {line}") for key, value, line in lines}
        super().__init__({key: _expand(key, entry, environ) for key, entry in entries.items() if entry.text})
        self.name = name


class EnvironmentVariables(Source):
    """The environment: `names` gives the key of each variable. An empty variable counts as not set."""

    def __init__(self, environ: Mapping[str, str], names: Mapping[str, str]) -> None:
        super().__init__(
            {
                key: Entry(environ[name].strip(), f"variable {name}")
                for name, key in names.items()
                if environ.get(name, "").strip()
            }
        )


class CommandLine(Source):
    """The options of a command by key: None and False mean that one was not given; lists become `a,b`."""

    def __init__(self, options: Mapping[str, object]) -> None:
        super().__init__(
            {
                key: Entry(_option_text(value), f"option {_OPTIONS.get(key, '--' + key.replace('_', '-'))}")
                for key, value in options.items()
                if key in KEYS and value is not None and value is not False
            }
        )


class CommandDefaults(Source):
    """The defaults of one command, where they differ from those of the model."""

    PLACE = "the default"

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__({key: Entry(text, self.PLACE) for key, text in texts.items()})


def _option_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "true" if value is True else str(value)


def _expand(key: str, entry: Entry, environ: Mapping[str, str]) -> Entry:
    for name in _VARIABLE.findall(entry.text):
        if name not in environ:
            raise entry.invalid(key, f"the environment variable {name} to be set")
    return Entry(_VARIABLE.sub(lambda match: environ[match[1]], entry.text), entry.place)
