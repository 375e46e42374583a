"""From what a replica has to what the document says."""

from pathlib import Path

import pytest

from model_registry.errors import RegistryError
from model_registry.registry import Registry
from model_registry.state.document import Document, VersionState
from model_registry.state.reconciliation import Reconciliation
from model_registry.version import ModelVersion
from tests.conftest import MakeArchive
from tests.support.replicas import SERVES
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
ONE = Document().with_version("m", "1.0", VersionState("m-1.0.mar"))
TWO = ONE.with_version("m", "2.0", VersionState("m-2.0.mar", max_workers=2)).with_default("m", "2.0")


async def reconcile(registry: Registry, document: Document, shared: set[ModelVersion]) -> None:
    def set_rules(name: str, rules: object) -> None:
        """None of these documents have rules."""

    await Reconciliation(registry, document, shared, set_rules, registry._remove).apply()


@pytest.fixture
def archives(archive: MakeArchive) -> None:
    """Two versions of a model."""
    for number in ("1.0", "2.0"):
        archive("m", SERVES.format(number), version=number, file=f"m-{number}.mar")


@pytest.mark.usefixtures("archives")
async def test_a_replica_takes_over_documents_one_after_another(store: Path) -> None:
    async with serving(store) as client:
        registry, shared = client.application.registry, set()  # type: ignore[var-annotated]
        await client.register("m-1.0.mar", model_name="own")
        for document, expected in ((ONE, "1.0"), (TWO, "2.0"), (TWO.without_version("m", "1.0"), "2.0")):
            await reconcile(registry, document, shared)
            assert (await client.predict("m")).text == expected
            assert set(registry.model("m").versions) == set(document.models["m"].versions)
        assert registry.resolve("m").config.max_workers == 2
        await reconcile(registry, Document(), shared)
        assert registry.get("m") is None
        assert registry.get("own") is not None  # it was no document's


@pytest.mark.usefixtures("archives")
@pytest.mark.parametrize(("number", "url"), [("3.0", "m-2.0.mar"), ("3.0", "none.mar")])
async def test_what_does_not_load_leaves_all_as_it_was(store: Path, number: str, url: str) -> None:
    async with serving(store) as client:
        registry, shared = client.application.registry, set()  # type: ignore[var-annotated]
        await reconcile(registry, ONE, shared)
        with pytest.raises(RegistryError):
            await reconcile(registry, TWO.with_version("m", number, VersionState(url)), shared)
        assert (await client.predict("m")).text == "1.0"
        assert set(registry.model("m").versions) == {"1.0"}
