"""Models: their versions and their default."""

from pathlib import Path

import pytest

from model_registry.errors import UnknownDefault, VersionNotFound
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

ECHO = "def handle(data, context):\n    return data\n"


async def test_the_first_version_is_the_default_until_another_is_set(store: Path, archive: MakeArchive) -> None:
    for version in ("1.0", "2.0"):
        archive("m", ECHO, version=version, file=f"m_{version}.mar")
    async with serving(store, "m_1.0.mar", "m_2.0.mar") as client:
        model = client.application.registry.model("m")
        assert model.choose().version == "1.0"
        model.set_default("2.0")
        assert (model.choose().version, model.choose("1.0").version) == ("2.0", "1.0")
        assert repr(model) == "<Model m: 1.0, 2.0; default 2.0>"
        with pytest.raises(UnknownDefault):
            model.set_default("3.0")
        with pytest.raises(VersionNotFound):
            model.choose("3.0")
        removed = model.choose()
        model.remove(removed)
        assert model.default == "1.0"
        model.add(removed)
        assert model.default == "1.0"
