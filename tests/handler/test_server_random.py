"""The server's random numbers and those of archives have nothing to do with each other."""

import random
import re
from pathlib import Path

from handler.server_random import RANDOM

ROOT = Path(__file__).parents[2]
GLOBAL = re.compile(r"(?<![\w.])random\.(?!Random\b|getstate\b)[a-z]\w*\(|from random import (?!Random\b)")


def test_a_seed_repeats_nothing_of_the_server() -> None:
    state = random.getstate()
    try:
        drawn = []
        for _ in range(2):
            random.seed(0)
            drawn.append(RANDOM.random())
        expected = random.Random(0).random()
        assert random.random() == expected
    finally:
        random.setstate(state)
    assert drawn[0] != drawn[1]


def test_no_module_of_the_server_draws_from_the_generator_that_archives_seed() -> None:
    files = [file for floor in ("app", "model_registry", "handler") for file in (ROOT / floor).rglob("*.py")]
    own = [file for file in files if not {"shim", "examples"} & set(file.relative_to(ROOT).parts)]
    assert [str(file) for file in own if GLOBAL.search(file.read_text(encoding="utf-8"))] == []
