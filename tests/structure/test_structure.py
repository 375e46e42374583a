"""The rules hold, but for as many places as are known; and they find what they are made to find."""

import ast
import json

import pytest

from tests.structure.rules import REMAINING, RULES, is_foreign, names


@pytest.mark.parametrize("name", RULES)
def test_no_more_places_break_a_rule(name: str) -> None:
    places = list(RULES[name]())
    assert len(places) <= json.loads(REMAINING.read_text(encoding="utf-8"))[name], "\n".join(places)


@pytest.mark.parametrize(
    ("name", "foreign"),
    [("close_the_door", True), ("_told", True), ("MOST", True), ("Post", True), ("post", False), ("Room", False),
     ("READ_PATIENCE", True), ("TlsDoor", True), ("RoomFinder", False)],
)  # fmt: skip
def test_words_are_found_in_names(name: str, foreign: bool) -> None:
    assert is_foreign(name) is foreign


def test_every_kind_of_name_is_looked_at() -> None:
    source = """
CONSTANT: int = 1
class Actor:
    field: int
    def method(self, parameter, *rest, key=None):
        local = self.attribute = parameter
async def function(): ...
"""
    found = {"CONSTANT", "Actor", "field", "method", "self", "parameter", "rest", "key", "attribute", "function"}
    assert set(names(ast.parse(source))) == found
