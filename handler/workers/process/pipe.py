"""What a process prints, line by line to its worker's log."""

import os
from codecs import getincrementaldecoder
from typing import BinaryIO

from handler.isolation.process.output_capture import LINE_END, MAX_LINE_CHARACTERS, WriteLine


class Pipe:
    """The reading end of a process's "stdout" or "stderr"."""

    def __init__(self, stream: str, file: BinaryIO, say: WriteLine) -> None:
        self._stream = stream
        self._file = file
        self._say = say
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        os.set_blocking(file.fileno(), False)

    def __repr__(self) -> str:
        return f"<Pipe of {self._stream}, {len(self._begun)} characters begun>"

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._file.fileno()

    def read(self) -> bool:
        """Say the lines that are there; false once there never will be any more."""
        while not self._file.closed:
            try:
                content = os.read(self._file.fileno(), 1 << 16)
            except BlockingIOError:
                return True
            if not content:
                return False
            self._take(self._decoder.decode(content))
        return False

    def close(self) -> None:
        """Say what is left; what a process writes that is still there is lost."""
        self.read()
        if self._begun:
            self._say(self._stream, self._begun)
        self._file.close()

    def _take(self, text: str) -> None:
        text = self._begun + text
        whole = len(text) - text.endswith("\r")  # its line feed may follow
        *lines, rest = LINE_END.split(text[:whole])
        self._begun = rest + text[whole:]
        if len(rest) > MAX_LINE_CHARACTERS:
            lines, self._begun = [*lines, rest], text[whole:]
        for line in lines:
            self._say(self._stream, line)
