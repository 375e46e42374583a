import gzip
import zlib

import pytest

from app.open_inference.compression import accepted_encoding, compressed, decompressed
from handler.tensors.errors import TensorError


def test_bodies_are_compressed_both_ways() -> None:
    assert decompressed(gzip.compress(b"body"), "gzip", 100) == b"body"
    assert decompressed(zlib.compress(b"body"), "deflate", 100) == b"body"
    assert decompressed(b"body", "", 100) == b"body"
    assert gzip.decompress(compressed([b"bo", b"dy"], "gzip")) == b"body"
    assert zlib.decompress(compressed([b"bo", b"dy"], "deflate")) == b"body"


def test_large_bodies_are_refused_before_they_are_whole() -> None:
    with pytest.raises(TensorError):
        decompressed(gzip.compress(b"b" * 101), "gzip", 100)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("gzip", "gzip"), ("deflate, gzip;q=0.5", "deflate"), ("br", ""), ("", ""), ("gzip;q=0", "")],
)
def test_client_chooses_the_encoding(header: str, encoding: str) -> None:
    assert accepted_encoding(header) == encoding
