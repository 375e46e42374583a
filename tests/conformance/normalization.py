"""Makes the strings of two runs comparable: names for places, and placeholders for values that are new in every run."""

import json
import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
TIME = r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?Z?"
NEW_IN_EVERY_RUN = [
    (re.compile(pattern), placeholder)
    for pattern, placeholder in [
        (UUID, "<uuid>"),
        (TIME, "<time>"),
        (r'("startTime": )"[^"]*"', r'\1"<time>"'),
        (r'("(?:pid|memoryUsage)": )-?\d+', r"\g<1>0"),
        (r'("id": )"\d+"', r'\1"<worker>"'),
        (r'("gpuUsage": )"[^"]*"', r'\1"<gpu>"'),
        (r'("key": )"[^"]*"', r'\1"<key>"'),
        (r"\bW-\d+-", "W-<n>-"),
        (r"\b\d{17}-", "<stamp>-"),
        (r'([Hh]ostname=)"[^"]*"', r'\1"<host>"'),
        (r"127\.0\.0\.1(\\?):\d+", r"127.0.0.1\1:<port>"),
    ]
]


class Places:
    """The folders and addresses of one run, by the names that stand for them in recordings."""

    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = dict(named)

    def __repr__(self) -> str:
        return f"<Places {', '.join(self._named)}>"

    def fill(self, value: T, **more: str) -> T:
        """Replace the names in braces by the places, in all strings of a JSON value."""
        text = json.dumps(value)
        for name, place in {**self._named, **more}.items():
            text = text.replace(f"{{{name}}}", place)
        filled: T = json.loads(text)
        return filled

    def hide(self, text: str) -> str:
        """Replace places by their names, and values that are new in every run by placeholders."""
        for name, place in sorted(self._named.items(), key=lambda item: -len(item[1])):
            text = text.replace(place, f"{{{name}}}")
        for pattern, placeholder in NEW_IN_EVERY_RUN:
            text = pattern.sub(placeholder, text)
        return text
