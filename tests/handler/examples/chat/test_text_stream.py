"""Text of tokens that are parts of characters: pieces are whole characters, and nothing is lost."""

from collections.abc import AsyncGenerator

import pytest

pytest.importorskip("torch")

from tests.support.examples import text_stream

pytestmark = pytest.mark.anyio


async def pieces(tokens: list[int]) -> list[str]:
    """The pieces of a stream of bytes."""

    async def source() -> AsyncGenerator[int, None]:
        for token in tokens:
            yield token

    stream = text_stream.TextStream(source(), lambda some: bytes(some).decode(errors="replace"))
    found = [piece async for piece in stream]
    assert stream.count == len(tokens)
    return found


async def test_a_character_comes_when_its_last_byte_has_come() -> None:
    assert await pieces(list("aé€😀b".encode())) == ["a", "é", "€", "😀", "b"]


async def test_bytes_of_no_character_come_with_what_follows_or_at_the_end() -> None:
    assert "".join(await pieces([0xFF, 65, 0xE2, 0x82])) == "\ufffdA\ufffd"
    assert await pieces([]) == []
