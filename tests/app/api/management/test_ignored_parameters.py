"""Parameters that are misspelled."""

from pathlib import Path

import pytest

from app.api.management.endpoints import REGISTRATION, WORKERS
from app.api.management.ignored_parameters import remark
from tests.conftest import MakeArchive
from tests.support.console_model import HANDLER
from tests.support.serving import serving


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"min_worker": "2", "synchronous": "true"}, ""),
        ({"min_workers": "2"}, "; the unknown parameter min_workers is ignored: is min_worker meant?"),
        ({"minworker": "2"}, "; the unknown parameter minworker is ignored: is min_worker meant?"),
        ({"min_worker": "two"}, "; min_worker=two is no number, and ignored"),
        ({"wait": "fleet", "tag": "blue"}, ""),
    ],
)
def test_near_misses_are_named(given: dict[str, str], expected: str) -> None:
    assert remark(given, WORKERS) == expected


def test_numbers_of_a_registration_are_looked_at() -> None:
    assert remark({"url": "a.mar", "batch_size": "0"}, REGISTRATION) == "; batch_size=0 counts as 1"
    assert (
        remark({"batchsize": "4"}, REGISTRATION) == "; the unknown parameter batchsize is ignored: is batch_size meant?"
    )


@pytest.mark.anyio
async def test_a_server_of_our_own_says_so_and_torchserves_addresses_do_not(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER)
    for one_port, more in ((True, "; the unknown parameter min_workers is ignored: is min_worker meant?"), (False, "")):
        async with serving(store, "upper.mar", one_port=one_port) as client:
            answer = await client.manage("PUT", "/models/upper", min_workers=2, synchronous="true")
            assert answer.json() == {"status": f"Workers scaled to 1 for model: upper{more}"}
            refused = await client.manage("POST", "/models", ulr="upper.mar")
            hint = "; the unknown parameter ulr is ignored: is url meant?" if one_port else ""
            assert (refused.status_code, refused.json()["message"]) == (400, f"Parameter url is required.{hint}")
