"""YAML and JSON from archives and clients, within limits of size, depth, and number of values."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 100
MAX_VALUES = 100_000
MAX_ALIASES = 100
MAX_NUMBER_CHARACTERS = 64
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class BeyondLimits(ValueError):
    """A document is larger than anything that is meant to be read."""


def read_bytes(file: Path) -> bytes:
    """The content of a file; raises BeyondLimits or OSError."""
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BeyondLimits(f"{file.name} has more than {MAX_BYTES} bytes")
    return content


def check_json_depth(text: str) -> None:
    """Raise BeyondLimits if a JSON text nests too deep; the limit of Python's own parser is the process's to change."""
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise BeyondLimits(f"values are nested more than {MAX_DEPTH} levels deep")


def check_surrogates(text: str, value: Any) -> None:
    """Raise BeyondLimits if a string of a JSON document holds half of a surrogate pair, which no encoding can write."""
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BeyondLimits("a string holds half of a surrogate pair") from None


def load_yaml(text: bytes) -> Any:
    """The value of a YAML document; raises BeyondLimits, ValueError or yaml.YAMLError."""
    _check_events(text)
    return yaml.load(text, _BoundedLoader)  # noqa: S506  # it is a safe loader


def _check_events(text: bytes) -> None:
    """Raise BeyondLimits before a value is made: the loader recurses, the parser of events does not."""
    depth = values = aliases = 0
    for event in yaml.parse(text, LOADER):
        values += isinstance(event, yaml.NodeEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BeyondLimits(f"values are nested more than {MAX_DEPTH} levels deep")
        if values > MAX_VALUES:
            raise BeyondLimits(f"it has more than {MAX_VALUES} values")
        if aliases > MAX_ALIASES:
            raise BeyondLimits(f"it has more than {MAX_ALIASES} aliases")


class _BoundedLoader(LOADER):  # type: ignore[misc, valid-type]  # which class it is is known at run time only
    """Refuses numbers and merged mappings that are short in the file and large in memory."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge; each level of merges can multiply the one below."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_VALUES:
            raise BeyondLimits(f"merged mappings have more than {MAX_VALUES} keys")

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """An integer or a floating-point number."""
        if len(node.value) > MAX_NUMBER_CHARACTERS:
            raise BeyondLimits(f"a number has more than {MAX_NUMBER_CHARACTERS} characters")
        is_integer = node.tag == INT_TAG
        number: int | float = self.construct_yaml_int(node) if is_integer else self.construct_yaml_float(node)
        return number


INT_TAG, FLOAT_TAG = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
for _tag in (INT_TAG, FLOAT_TAG):
    _BoundedLoader.add_constructor(_tag, _BoundedLoader.construct_number)
