"""What an archive's code writes to stdout and stderr, line by line to its worker's log."""

import sys
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

from handler.threads import Inherited, outside

Say = Callable[[str, str], None]
"""Takes the name of a stream, "stdout" or "stderr", and a line without its end."""


class Speech:
    """One worker's two streams."""

    def __init__(self, say: Say) -> None:
        self.redirected: dict[str, Any] = {}
        """What the archive's code put in place of a stream ("stdout", "stderr"), as `redirect_stdout` does."""
        self._say = say
        self._begun: dict[tuple[str, int], str] = {}  # lines without an end yet, for each stream and thread
        self._echoing: set[tuple[str, int]] = set()

    def __repr__(self) -> str:
        return f"<Speech, {len(self._begun)} lines begun>"

    def say(self, stream: str, line: str) -> None:
        """Hand a line to the worker, whose own printing and logging meanwhile is the server's."""
        with outside():
            self._say(stream, line)

    def write(self, stream: str, text: str) -> None:
        """Take what the calling thread prints; a carriage return ends a line, too (progress bars)."""
        place = stream, get_ident()
        redirected = self.redirected.get(stream)
        if redirected is not None and place not in self._echoing:
            self._echo(redirected, place, text)
            return
        *lines, rest = (self._begun.pop(place, "") + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if rest:
            self._begun[place] = rest
        for line in lines:
            self.say(stream, line)

    def close(self) -> None:
        """Say what was begun."""
        while self._begun:
            (stream, _), line = self._begun.popitem()
            self.say(stream, line)

    def _echo(self, redirected: Any, place: tuple[str, int], text: str) -> None:
        """Many a replacement writes to what it replaced as well; that must not come back to it."""
        self._echoing.add(place)
        try:
            redirected.write(text)
        finally:
            self._echoing.discard(place)


SPEECH: Inherited[Speech] = Inherited()


class Stream:
    """Stands for `sys.stdout` or `sys.stderr`: the real one to the server's threads, while workers' text it diverts."""

    def __init__(self, name: str, real: Any) -> None:
        self._name = name
        self._real = real

    def __repr__(self) -> str:
        return f"<Stream {self._name} over {self._real!r}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def write(self, text: str) -> int:
        """Write text; returns its length."""
        speech = SPEECH.get()
        if speech is None:
            return int(self._real.write(text))
        speech.write(self._name, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the server's stream; a worker's lines wait for their end only."""
        if SPEECH.get() is None:
            self._real.flush()


def install() -> None:
    """Put streams in place; again, where something has replaced them since."""
    if not isinstance(sys.stdout, Stream):
        sys.stdout = Stream("stdout", sys.stdout)
    if not isinstance(sys.stderr, Stream):
        sys.stderr = Stream("stderr", sys.stderr)
