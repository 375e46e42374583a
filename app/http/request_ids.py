"""Request ids: random UUIDs (version 4), made from entropy that is drawn a page at a time."""

import os

PAGE = 4096
_pool = b""
_at = 0


def new_request_id() -> str:
    """A UUID4 as text; only the event loop's thread calls this."""
    global _pool, _at
    if _at >= len(_pool):
        _pool, _at = os.urandom(PAGE), 0
    value = _pool[_at : _at + 16].hex()
    _at += 16
    return f"{value[:8]}-{value[8:12]}-4{value[13:16]}-{'89ab'[int(value[16], 16) & 3]}{value[17:20]}-{value[20:]}"
