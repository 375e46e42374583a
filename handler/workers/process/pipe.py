"""The output of a process, line by line to its worker's log."""

import os
from codecs import getincrementaldecoder
from typing import BinaryIO

from handler.isolation.process.output_capture import LINE_END, MAX_LINE_CHARACTERS, WriteLine


class Pipe:
    """The reading end of a process's "stdout" or "stderr"."""

    def __init__(self, stream: str, file: BinaryIO, write_line: WriteLine) -> None:
        self._stream = stream
        self._file = file
        self._write_line = write_line
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._partial_line = ""
        os.set_blocking(file.fileno(), False)

    def __repr__(self) -> str:
        return f"<Pipe of {self._stream}, {len(self._partial_line)} characters pending>"

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._file.fileno()

    def read(self) -> bool:
        """Write the lines that are there; false once there never will be any more."""
        while not self._file.closed:
            try:
                content = os.read(self._file.fileno(), 1 << 16)
            except BlockingIOError:
                return True
            if not content:
                return False
            self._write(self._decoder.decode(content))
        return False

    def close(self) -> None:
        """Write what is left; what a process writes that is still running is lost."""
        self.read()
        if self._partial_line:
            self._write_line(self._stream, self._partial_line)
        self._file.close()

    def _write(self, text: str) -> None:
        text = self._partial_line + text
        whole = len(text) - text.endswith("\r")  # its line feed may follow
        *lines, partial = LINE_END.split(text[:whole])
        self._partial_line = partial + text[whole:]
        if len(partial) > MAX_LINE_CHARACTERS:
            lines, self._partial_line = [*lines, partial], text[whole:]
        for line in lines:
            self._write_line(self._stream, line)
