"""Tokens become text piece by piece: a character whose tokens have not all come is held back."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

MISSING = "\ufffd"


class TextStream:
    """The pieces of text of a stream of tokens; `count` is the number of tokens so far.

    A few tokens are decoded at a time, with those before them, on which spaces may depend.
    """

    def __init__(self, tokens: AsyncGenerator[int, None], decode: Callable[[list[int]], str]) -> None:
        self._source = tokens
        self._decode = decode
        self._tokens: list[int] = []
        self._before = self._sent = 0

    @property
    def count(self) -> int:
        """The number of tokens so far."""
        return len(self._tokens)

    async def __aiter__(self) -> AsyncIterator[str]:
        async with aclosing(self._source):
            async for token in self._source:
                self._tokens.append(token)
                piece = self._new_text()
                if piece and not piece.endswith(MISSING):
                    self._before, self._sent = self._sent, len(self._tokens)
                    yield piece
        if piece := self._new_text():
            yield piece

    def _new_text(self) -> str:
        known = self._decode(self._tokens[self._before : self._sent])
        return self._decode(self._tokens[self._before :])[len(known) :]
