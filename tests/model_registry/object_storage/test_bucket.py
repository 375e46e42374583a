"""The calls of a bucket, on an S3 on loopback."""

from collections.abc import Iterator

import pytest

pytest.importorskip("obstore", reason="object storage needs the extra cloud")

from model_registry.object_storage.address import ObjectAddress
from model_registry.object_storage.bucket import Bucket
from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound
from tests.support.object_store import ObjectStoreServer, object_store


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStoreServer]:
    with object_store(monkeypatch) as server:
        yield server


def test_a_document_is_written_only_over_the_state_that_was_read(s3: ObjectStoreServer) -> None:
    bucket = Bucket(ObjectAddress.parse("s3://b"))
    first = bucket.write("d.json", b"1", None)
    with pytest.raises(ObjectChanged):
        bucket.write("d.json", b"other", None)
    second = bucket.write("d.json", b"2", first)
    with pytest.raises(ObjectChanged, match="changed meanwhile"):
        bucket.write("d.json", b"other", first)
    assert bucket.read("d.json") == (b"2", second)
    assert bucket.read("d.json", second.etag) is None
    assert bucket.read("d.json", first.etag) == (b"2", second)


def test_listings_and_what_is_missing(s3: ObjectStoreServer) -> None:
    bucket = Bucket(ObjectAddress.parse("s3://b"))
    for key in ("d.replicas/a", "d.replicas/b"):
        bucket.overwrite(key, b"x")
    assert [info.key for info in bucket.listed("d.replicas")] == ["d.replicas/a", "d.replicas/b"]
    bucket.delete("d.replicas/a")
    assert bucket.names("d.replicas") == ["b"]
    for call in (bucket.head, bucket.read):
        with pytest.raises(ObjectNotFound, match="s3://b/none"):
            call("none")
