"""The rules and the table of libraries."""

import re

import pytest

from handler.linting.lint_rules import ASSIGNED, CALLED, IMPORTED, libraries_with, library_rules

LIBRARIES = {library for libraries in library_rules().values() for library in libraries}
RULES = {*CALLED.values(), *ASSIGNED.values(), *IMPORTED.values(), *(library.rule for library in LIBRARIES)}


def test_every_rule_reads_as_a_sentence() -> None:
    for rule in RULES:
        for text in (rule.title, rule.effect, rule.remedy):
            assert re.fullmatch(r"\S.*[^.\s]", text), "the full stop comes with the sentence around it"


def test_every_library_has_a_source_and_needs_a_process() -> None:
    for library in LIBRARIES:
        assert library.source.startswith("https://")
        assert library.names
        assert library.rule.needs_process


@pytest.mark.parametrize(
    ("name", "matching"),
    [
        ("matplotlib.pyplot", True),
        ("matplotlib.pyplot.figure", True),
        ("matplotlib.pyplots", False),
        ("matplotlib.pyplot.cm.jet", False),
        ("matplotlib.pyplot.cmap", True),
        ("matplotlib.figure.Figure", False),
        ("torch._C._jit_set_profiling_mode", True),
    ],
)
def test_names_lie_in_a_library_or_not(name: str, matching: bool) -> None:
    assert bool(list(libraries_with(name))) == matching
