"""The stdout and stderr of an archive's code, written line by line to its worker's log."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

from handler.isolation.once import once
from handler.isolation.thread_inheritance import InheritedValue, outside

WriteLine = Callable[[str, str], None]
"""Takes the name of a stream, "stdout" or "stderr", and a line without its end."""

LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Where TorchServe cuts what a worker writes, so that each step of a progress bar is a line."""


MAX_LINE_CHARACTERS = 1 << 16
"""Characters of a line after which its end is awaited no more: what follows is the next line."""


class OutputCapture:
    """One worker's two streams."""

    def __init__(self, write_line: WriteLine) -> None:
        self.redirected: dict[str, Any] = {}
        """The objects that the archive's code put in place of streams, by name."""
        self._write_line = write_line
        self._partial_lines: dict[tuple[str, int], str] = {}  # lines without an end yet, for each stream and thread
        self._echoing: set[tuple[str, int]] = set()

    def __repr__(self) -> str:
        return f"<OutputCapture, {len(self._partial_lines)} lines begun>"

    def write_line(self, stream: str, line: str) -> None:
        """Hand a line to the worker, whose own printing and logging meanwhile is the server's."""
        with outside():
            self._write_line(stream, line)

    def write(self, stream: str, text: str) -> None:
        """Take what the calling thread prints."""
        place = stream, get_ident()
        if stream in self.redirected and place not in self._echoing:
            self._echo(self.redirected[stream], place, text)
            return
        *lines, rest = LINE_END.split(self._partial_lines.pop(place, "") + text)
        if len(rest) > MAX_LINE_CHARACTERS:
            lines.append(rest)
        elif rest:
            self._partial_lines[place] = rest
        for line in lines:
            self.write_line(stream, line)

    def redirect(self, stream: str, target: Any) -> Any:
        """Put something in place of a stream, None for silence, or the stream itself; returns what was there."""
        before = self.redirected.pop(stream, getattr(sys, stream))
        if not isinstance(target, Stream):
            self.redirected[stream] = target
        return before

    def close(self) -> None:
        """Write the lines that have no end yet."""
        while self._partial_lines:
            (stream, _), line = self._partial_lines.popitem()
            self.write_line(stream, line)

    def _echo(self, redirected: Any, place: tuple[str, int], text: str) -> None:
        """Many a replacement writes to what it replaced as well; that must not come back to it."""
        self._echoing.add(place)
        try:
            if redirected is not None:
                redirected.write(text)
        finally:
            self._echoing.discard(place)


OUTPUT: InheritedValue[OutputCapture] = InheritedValue()


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
        output = OUTPUT.get()
        if output is None:
            return int(self._real.write(text))
        output.write(self._name, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the server's stream; a worker's lines wait for their end only."""
        if OUTPUT.get() is None:
            self._real.flush()


def install() -> None:
    """Put streams in place; again, where something has replaced them since."""
    _replace_redirection()
    if not isinstance(sys.stdout, Stream):
        sys.stdout = Stream("stdout", sys.stdout)
    if not isinstance(sys.stderr, Stream):
        sys.stderr = Stream("stderr", sys.stderr)


@once
def _replace_redirection() -> None:
    """Make `redirect_stdout` redirect the worker's text only: two at a time would leave the process without stdout."""
    redirection: Any = contextlib.redirect_stdout.__base__
    enter, leave = redirection.__enter__, redirection.__exit__

    def enter_for_thread(self: Any) -> Any:
        output = OUTPUT.get()
        if output is None:
            return enter(self)
        self._old_targets.append(output.redirect(self._stream, self._new_target))
        return self._new_target

    def leave_for_thread(self: Any, *error: Any) -> None:
        output = OUTPUT.get()
        if output is None:
            leave(self, *error)
        else:
            output.redirect(self._stream, self._old_targets.pop())

    redirection.__enter__, redirection.__exit__ = enter_for_thread, leave_for_thread
