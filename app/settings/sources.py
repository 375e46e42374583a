"""Where settings are written: files, environment variables, options. Each value remembers its place."""

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.settings import properties

_VARIABLE = re.compile(r"\$\$(\w+)\$\$")
_SHOWN = 80
_OPTIONS = {"load_models": "--models", "disable_token_authorization": "--disable-token-auth"}


class ConfigurationError(Exception):
    """The server must not start; the text is the one line that tells why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as it was written, and where: `config.properties, line 3`, `variable TS_X`, `option --port`."""

    text: str
    place: str

    def invalid(self, key: str, expected: str) -> ConfigurationError:
        """This value cannot be that of `key`; `expected` says what could."""
        text = " ".join(self.text.split())
        shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
        return ConfigurationError(f"Invalid configuration: {key}={shown} ({self.place}): expected {expected}")


Layer = dict[str, Entry]


def from_file(path: Path, shown: str, environ: Mapping[str, str]) -> Layer:
    """A properties file, called `shown` in messages; `$$NAME$$` in its values becomes the environment's NAME.

    A key without a value counts as not set.
    """
    try:
        found = list(properties.parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"Invalid configuration: cannot read {shown}: {error}") from None
    entries = {key: Entry(value.strip(), f"{shown}, line {line}") for key, value, line in found}
    return {key: _filled(key, entry, environ) for key, entry in entries.items() if entry.text}


def from_environment(environ: Mapping[str, str], variables: Mapping[str, str]) -> Layer:
    """The environment's part: `variables` names the key of each variable. An empty variable counts as not set."""
    return {
        key: Entry(environ[name].strip(), f"variable {name}")
        for name, key in variables.items()
        if environ.get(name, "").strip()
    }


def from_options(options: Mapping[str, object]) -> Layer:
    """What the command line says, by key; None and False mean that an option was not given. Lists become `a,b`."""
    return {
        key: Entry(_text(value), f"option {_OPTIONS.get(key, '--' + key.replace('_', '-'))}")
        for key, value in options.items()
        if value is not None and value is not False
    }


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "true" if value is True else str(value)


def unknown_keys(layer: Layer, known: Collection[str]) -> list[str]:
    """One sentence for each key that nobody reads, with the known key that looks most like it."""
    return [_unknown(key, entry, known) for key, entry in layer.items() if key not in known]


def _unknown(key: str, entry: Entry, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"{entry.place}: the unknown key {key} is ignored" + (f"; is {near[0]} meant?" if near else ".")


def _filled(key: str, entry: Entry, environ: Mapping[str, str]) -> Entry:
    for name in _VARIABLE.findall(entry.text):
        if name not in environ:
            raise entry.invalid(key, f"the environment variable {name} to be set")
    return Entry(_VARIABLE.sub(lambda match: environ[match[1]], entry.text), entry.place)
