"""The kinds of values that the flags of `tritonserver` take."""

import argparse
import re

APIS = (
    "health", "metadata", "inference", "shared-memory", "model-config", "model-repository", "statistics", "trace",
    "logging",
)  # fmt: skip
"""The groups of APIs that can be restricted."""
BOOLEANS = {**dict.fromkeys(("true", "on", "1"), True), **dict.fromkeys(("false", "off", "0"), False)}


def boolean(text: str) -> bool:
    """true, on or 1; false, off or 0; in any case."""
    try:
        return BOOLEANS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"invalid value '{text}', expecting true or false") from None


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}") from None


def http_pattern(text: str) -> re.Pattern[str]:
    """A regular expression for names of headers, in which case does not matter."""
    return pattern(f"(?i){text}")


def restriction(text: str) -> dict[str, tuple[str, str]]:
    """`API,API:KEY=VALUE`: the header that requests to these APIs have to have, by API."""
    names, colon, header = text.partition(":")
    key, equals, value = header.partition("=")
    apis = names.split(",")
    unknown = [name for name in apis if name not in APIS]
    if not (colon and equals and key) or unknown:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form <api>,<api>:<key>=<value>: {', '.join(unknown)}")
    return dict.fromkeys(apis, (key, value))


def setting(text: str) -> tuple[str, str, str]:
    """`NAME,KEY=VALUE`."""
    name, comma, rest = text.partition(",")
    key, equals, value = rest.partition("=")
    if not (comma and equals):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form <name>,<setting>=<value>")
    return name, key, value
