"""A model store in object storage, from its address in the settings to predictions."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore", reason="object storage needs the extra cloud")

from app.initial_models.arguments import with_targets
from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings
from app.settings.model import Settings
from app.settings.remote_store import cache_folder
from tests.conftest import MakeArchive
from tests.support.object_store import ObjectStoreServer, object_store
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
SERVES = "def handle(data, context):\n    return data and ['{0}'] * len(data)\n"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectStoreServer]:
    monkeypatch.setenv("MARSERVE_MODEL_CACHE", str(tmp_path / "cache"))
    with object_store(monkeypatch) as server:
        yield server


def settings_of(folder: Path, **options: str) -> Settings:
    given = {"authorization": "off", **options}
    return with_targets(marserve_settings(os.environ, folder, **given), (), folder)  # type: ignore[arg-type]


async def test_the_archives_of_a_prefix_are_served(s3: ObjectStoreServer, tmp_path: Path, archive: MakeArchive) -> None:
    for name in ("a", "b"):
        s3.objects[f"/bucket/models/{name}.mar"] = archive(name, SERVES.format(name)).read_bytes()
    s3.objects["/bucket/models/readme.txt"] = b"no archive"
    settings = settings_of(tmp_path, model_store="s3://bucket/models", load_models="all")
    assert (settings.remote_store, settings.given["model_store"]) == ("s3://bucket/models", "s3://bucket/models")
    assert settings.model_store == tmp_path / "cache" / "store"
    async with _running(settings) as client:
        for name in ("a", "b"):
            assert (await client.predict(name)).text == name
        s3.objects["/bucket/models/c.mar"] = archive("c", SERVES.format("c")).read_bytes()
        assert (await client.register("c.mar")).status_code == 200
        assert (await client.register("s3://bucket/models/c.mar", model_name="again")).status_code == 200
        assert (await client.predict("again")).text == "c"
        assert (await client.register("none.mar")).status_code == 404
        assert (await client.register("s3://other/c.mar")).status_code == 404
    assert s3.count("GET") == 4  # the listing, and each archive once


async def test_a_prefix_that_cannot_be_listed_leaves_a_server_that_is_not_ready(
    s3: ObjectStoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("model_registry.object_storage.bucket.MAX_RETRIES", 0)
    s3.is_down = True
    async with _running(settings_of(tmp_path, model_store="s3://bucket/models", load_models="all")) as client:
        assert (await client.http.get("/v2/health/ready")).status_code == 503


async def test_addresses_that_allowed_urls_names(s3: ObjectStoreServer, store: Path, archive: MakeArchive) -> None:
    s3.objects["/free/m.mar"] = archive("m", SERVES.format("m")).read_bytes()
    async with serving(store, allowed_urls="s3://free/.*") as client:
        (store / "m.mar").unlink()
        assert (await client.register("s3://free/m.mar")).status_code == 200
        assert (await client.predict("m")).text == "m"
        s3.failures = 100
        refused = await client.register("s3://free/other.mar")
        assert refused.status_code == 400
        assert "s3://free/other.mar" in refused.json()["message"]
    assert not (store / "m.mar").is_file()


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MARSERVE_MODEL_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="MARSERVE_MODEL_CACHE"):
        settings_of(tmp_path, model_store="gs://bucket/models")


def test_the_cache_is_where_it_can_be_written(tmp_path: Path) -> None:
    assert cache_folder({"MARSERVE_MODEL_CACHE": "/x"}) == Path("/x")
    assert cache_folder({"HOME": str(tmp_path)}) == tmp_path / ".cache/marserve/models"
    assert cache_folder({"HOME": "/no-such-home"}).name == "marserve-models"


def _running(settings: Settings) -> "_Running":
    return _Running(settings)


class _Running:
    """A server of these settings, and a client of it."""

    def __init__(self, settings: Settings) -> None:
        import httpx2

        from app.application import create_apps
        from app.lifespan import running

        self._running = running(settings)
        self._make = lambda server: Client(
            server,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(next(iter(create_apps(server).values())), client=("127.0.0.1", 5000)),
                base_url="http://server",
                timeout=60,
            ),
        )

    async def __aenter__(self) -> Client:
        server = await self._running.__aenter__()
        await server.registry.started.wait()
        return self._make(server)

    async def __aexit__(self, *raised: object) -> None:
        await self._running.__aexit__(*raised)  # type: ignore[arg-type]
