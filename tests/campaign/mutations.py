"""Cases of fuzzers: mutations of valid inputs, from seeds, and smaller ones that fail alike."""

from collections.abc import Callable, Sequence
from random import Random

TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b"\x7f", b"\xff\xfe", b"\xed\xa0\x80", b"%ED%A0%80", b"%00", b"\\ud800", b"\\u0000",
    b"%", b"&", b"=", b";", b":", b"/", b"//", b"/../", b"?", b"#", b"[" * 200, b"{" * 50, b'"', b"'", b"&a", b"*a",
    b"<<: ", b"-1", b"0", b"99999999999999999999", b"1e999", b"NaN", b"0x7fffffff", b"9" * 400, b" " * 300, b"A" * 5000,
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n",
    b"Host: x\r\n", b"HTTP/1.0", b"HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b"!!python/object:",
    b"\xe2\x80\xae", b"\xf0\x9f\x92\xa9", b"true", b"null", b"[]", b"{}", b"--", b"0\r\n\r\n", b"fffffffffffffffff\r\n",
)  # fmt: skip
"""Pieces that readers of protocols stumble over."""
MAX_SHRINK_STEPS = 400


def mutate(random: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    """A few random changes; pieces of other inputs may come in."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        start = random.randrange(len(changed) + 1)
        end = min(len(changed), start + random.choice((0, 1, 1, 2, 4, 16, 64)))
        match random.randrange(6):
            case 0:
                changed[start:start] = random.choice(TOKENS)
            case 1:
                changed[start:end] = random.choice(TOKENS)
            case 2:
                del changed[start:end]
            case 3:
                changed[start:end] = bytes(byte ^ (1 << random.randrange(8)) for byte in changed[start:end])
            case 4:
                changed[start:start] = changed[start:end] * random.choice((1, 2, 20))
            case _:
                other = random.choice(others)
                where = random.randrange(len(other) + 1)
                changed[start:end] = other[where : where + random.choice((1, 8, 64))]
    return bytes(changed)


def shrink(case: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """The shortest case found that fails as well: pieces are left out, ever smaller ones."""
    size, steps = max(1, len(case) // 2), 0
    while size and steps < MAX_SHRINK_STEPS:
        start, shorter = 0, False
        while start < len(case) and steps < MAX_SHRINK_STEPS:
            candidate, steps = case[:start] + case[start + size :], steps + 1
            if fails(candidate):
                case, shorter = candidate, True
            else:
                start += size
        size = size if shorter else size // 2
    return case
