"""A short campaign, and the tools of the long one."""

from pathlib import Path
from random import Random

import pytest

from tests.campaign.__main__ import run
from tests.campaign.mutations import mutate, shrink
from tests.campaign.phases import PHASES

SECONDS = 5.0
SEED = 20261130


def test_a_case_is_shrunk_to_what_makes_it_fail() -> None:
    assert shrink(b"some text before the needle and after it", lambda case: b"needle" in case) == b"needle"
    assert shrink(b"abc", lambda case: len(case) >= 2) in (b"ab", b"bc", b"ac")


def test_mutations_come_again_with_their_seed() -> None:
    inputs = (b"abc" * 9, b"xyz")
    made = [[mutate(random, inputs[0], inputs) for _ in range(50)] for random in (Random(3), Random(3))]
    assert made[0] == made[1]
    assert len(set(made[0])) > 30


@pytest.mark.skipif(not Path("/proc").exists(), reason="measures the server's process by /proc")
def test_a_short_campaign_finds_nothing() -> None:
    for figures in run(SECONDS, SEED, [name for name in PHASES if name != "faults"]):  # test_fault_injection has those
        assert figures.faults == []
        assert figures.requests["right"] > 0
        assert figures.requests["lost"] == figures.requests["wrong"] == 0
