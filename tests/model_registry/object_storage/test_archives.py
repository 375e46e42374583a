"""Archives from an S3 on loopback: once for each state, whole or not at all, whatever the store does meanwhile."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore", reason="object storage needs the extra cloud")

from model_registry.errors import ArchiveNotFound, DownloadFailed
from model_registry.object_storage import archives as module
from model_registry.object_storage.address import ObjectAddress
from model_registry.object_storage.archives import ObjectArchives
from tests.support.object_store import ObjectStoreServer, object_store

CONTENT = bytes(range(256)) * 12_000  # some 3 MB: several chunks
URL = "s3://models/prod/m.mar"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStoreServer]:
    """With one archive."""
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    with object_store(monkeypatch) as server:
        server.objects["/models/prod/m.mar"] = CONTENT
        yield server


@pytest.fixture
def archives(tmp_path: Path) -> ObjectArchives:
    return ObjectArchives(tmp_path / "cache", ObjectAddress.parse("s3://models/prod"))


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_an_archive_is_downloaded_once(s3: ObjectStoreServer, archives: ObjectArchives, tmp_path: Path) -> None:
    path = archives.fetch(URL)
    assert (path.name, path.read_bytes()) == ("m.mar", CONTENT)
    assert archives.fetch(URL) == path
    assert (s3.count("GET"), s3.count("HEAD")) == (1, 2)
    again = ObjectArchives(tmp_path / "cache", archives.root)  # another start of the server
    assert again.fetch(URL) == path
    assert s3.count("GET") == 1


def test_a_new_state_is_downloaded_and_old_ones_are_deleted(
    s3: ObjectStoreServer, archives: ObjectArchives, tmp_path: Path
) -> None:
    for content in (b"one", b"two", b"three"):
        s3.objects["/models/prod/m.mar"] = content
        assert archives.fetch(URL).read_bytes() == content
    assert len(files(tmp_path)) == 2


def test_a_store_that_is_overloaded_for_a_while_is_asked_again(s3: ObjectStoreServer, archives: ObjectArchives) -> None:
    s3.failures = 2
    assert archives.fetch(URL).read_bytes() == CONTENT


def test_a_cut_download_goes_on_where_it_was(s3: ObjectStoreServer, archives: ObjectArchives) -> None:
    s3.cuts = [1_100_000, 10, 0]
    assert archives.fetch(URL).read_bytes() == CONTENT
    starts = [each.headers.get("range") for each in s3.requests if each.method == "GET"]
    assert starts[0] is None
    assert starts[-1] is not None


def test_an_object_that_is_replaced_meanwhile_is_never_mixed(
    s3: ObjectStoreServer, archives: ObjectArchives, tmp_path: Path
) -> None:
    s3.replaces = [b"new" * 1000]
    assert archives.fetch(URL).read_bytes() == b"new" * 1000
    assert len(files(tmp_path)) == 1


def test_a_store_that_is_down_is_named_with_the_cure(
    s3: ObjectStoreServer, archives: ObjectArchives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_registry.object_storage.bucket.MAX_RETRIES", 0)
    s3.is_down = True
    with pytest.raises(DownloadFailed) as failed:
        archives.fetch(URL)
    assert "check the network, the endpoint and the region" in str(failed.value.__cause__)
    assert files(tmp_path) == []
    s3.is_down = False
    assert archives.fetch(URL).read_bytes() == CONTENT


def test_what_is_not_there_is_not_found(s3: ObjectStoreServer, archives: ObjectArchives) -> None:
    with pytest.raises(ArchiveNotFound):
        archives.fetch("s3://models/prod/none.mar")


def test_limits(s3: ObjectStoreServer, tmp_path: Path) -> None:
    for limits in ({"size_limit": 1000}, {"total_seconds": 0.0}):
        limited = ObjectArchives(tmp_path / "cache", None, **limits)  # type: ignore[arg-type]
        with pytest.raises(DownloadFailed):
            limited.fetch(URL)
    assert files(tmp_path) == []


def test_a_stop_ends_a_download(s3: ObjectStoreServer, archives: ObjectArchives, tmp_path: Path) -> None:
    s3.pause = threading.Event()
    failures: list[Exception] = []

    def fetch() -> None:
        try:
            archives.fetch(URL)
        except DownloadFailed as failed:
            failures.append(failed)

    thread = threading.Thread(target=fetch)
    thread.start()
    while not s3.count("GET"):
        pass
    archives.abort()
    s3.pause.set()
    thread.join(10)
    assert len(failures) == 1
    assert files(tmp_path) == []


def test_names_are_those_right_below_the_root(s3: ObjectStoreServer, archives: ObjectArchives) -> None:
    s3.objects |= {"/models/prod/b.mar": b"", "/models/prod/deeper/c.mar": b"", "/models/other.mar": b""}
    assert archives.names() == ["b.mar", "m.mar"]
    assert ObjectArchives(Path(), None).names() == []


def test_only_the_store_and_allowed_addresses_are_served(archives: ObjectArchives) -> None:
    served = ObjectArchives(Path(), archives.root, [re.compile("gs://free/.*")])
    assert served.serves(URL)
    assert served.serves("gs://free/m.mar")
    for url in ("s3://models/production/m.mar", "s3://models/m.mar", "s3://other/prod/m.mar", "gs://f/m.mar", "m.mar"):
        assert not served.serves(url)


@pytest.mark.parametrize(
    "key", ["../secret.mar", "%2e%2e/secret.mar", "a/..%2f..%2fsecret.mar", "..", "\\..\\secret.mar"]
)
def test_no_key_leads_out_of_the_store(s3: ObjectStoreServer, archives: ObjectArchives, key: str) -> None:
    s3.objects["/models/secret.mar"] = CONTENT
    with pytest.raises((ArchiveNotFound, DownloadFailed)):
        archives.fetch(f"s3://models/prod/{key}")
    assert s3.count("GET") == 0


def test_names_of_files_that_are_odd_and_listings_that_are_long(
    s3: ObjectStoreServer, archives: ObjectArchives
) -> None:
    s3.objects["/models/prod/x y+ü.mar"] = CONTENT
    assert archives.fetch("s3://models/prod/x y+ü.mar").read_bytes() == CONTENT
    s3.objects |= {f"/models/prod/{number}.mar": b"" for number in range(3000)}
    assert len(archives.names()) == 3002
