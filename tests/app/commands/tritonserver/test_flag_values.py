import argparse
from collections.abc import Callable

import pytest

from app.commands.tritonserver.flag_values import boolean, http_pattern, pattern, restriction, setting


def test_values_are_read_as_tritonserver_reads_them() -> None:
    assert [boolean(text) for text in ("TRUE", "on", "1", "false", "Off", "0")] == [True] * 3 + [False] * 3
    assert http_pattern("x-.*").fullmatch("X-Name")
    assert not pattern("x-.*").fullmatch("X-Name")
    assert restriction("trace,logging:key=a=b") == {"trace": ("key", "a=b"), "logging": ("key", "a=b")}
    assert setting("local,size=100") == ("local", "size", "100")


@pytest.mark.parametrize(
    ("kind", "text"),
    [(boolean, "maybe"), (pattern, "("), (restriction, "trace"), (restriction, "other:key=value"),
     (restriction, "trace:=v"), (setting, "local"), (setting, "local,size")],
)  # fmt: skip
def test_wrong_values_are_refused(kind: Callable[[str], object], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        kind(text)
