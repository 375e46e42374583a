"""Archives that would collide serve at once; `tests/benchmarks/side_by_side.py` does it for as long as one likes."""

from pathlib import Path

import pytest

from tests.benchmarks.colliding import PRACTICES
from tests.benchmarks.side_by_side import Plan, stress

pytestmark = pytest.mark.anyio


async def test_twenty_archives_answer_for_themselves_while_they_come_and_go(store: Path) -> None:
    """All are called handler, model and utils; one of them has processes for workers."""
    tally = await stress(store, Plan(seconds=4, archives=20, versions=2, workers=2, clients=16, processes=1))
    assert tally.wrong == []
    assert set(tally.answers) == set(PRACTICES)
    assert tally.changes["reloads"] > 0
    assert tally.changes["scalings"] > 0
