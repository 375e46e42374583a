"""Text and typed values become integers, floats, booleans and choices, or errors that say what was expected."""

from collections.abc import Callable

import pytest

from model_registry.parsing.values import (
    INT32_MAX,
    parse_bool,
    parse_choice,
    parse_float,
    parse_int,
    require_bool,
    require_int,
)


@pytest.mark.parametrize(("value", "expected"), [("7", 7), (7, 7), ("+7", 7), ("-7", -7), ("007", 7), (7.0, 7)])
def test_parse_int_takes_digits_and_numbers_without_a_fraction(value: object, expected: int) -> None:
    assert parse_int(value) == expected


@pytest.mark.parametrize("value", ["", " 7", "7.5", "1_000", "a", "9" * 5000, "٣", 7.5, float("inf"), True, None, [7]])
def test_parse_int_refuses_everything_else(value: object) -> None:
    with pytest.raises(ValueError, match=r"^a whole number$"):
        parse_int(value)


def test_bounds_are_part_of_what_is_expected() -> None:
    assert (parse_int("1", 1), parse_int("9", maximum=9), require_int(INT32_MAX)) == (1, 9, INT32_MAX)
    for parse, expected in (
        (lambda: parse_int("0", 1), "a number not below 1"),
        (lambda: parse_int("10", maximum=9), "a number not above 9"),
        (lambda: require_int(INT32_MAX + 1), "a number not above 2147483647"),
    ):
        with pytest.raises(ValueError, match=f"^{expected}$"):
            parse()


@pytest.mark.parametrize(("require", "value"), [(require_int, "7"), (require_int, True), (require_bool, "true")])
def test_typed_values_are_not_read_from_text(require: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match=r"^(a whole number|true or false)$"):
        require(value)


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("TRUE", True), ("False", False), (True, True)])
def test_parse_bool_takes_true_and_false_in_any_case(value: object, expected: bool) -> None:
    assert parse_bool(value) is expected


@pytest.mark.parametrize("value", ["yes", "1", "", "on", None, 1])
def test_parse_bool_refuses_other_words(value: object) -> None:
    with pytest.raises(ValueError, match=r"^true or false$"):
        parse_bool(value)


def test_parse_float_holds_its_bounds() -> None:
    assert (parse_float("0", minimum=0), parse_float("0.5", above=0), parse_float(8)) == (0.0, 0.5, 8.0)
    for text, bounds, expected in (
        ("-1", {"minimum": 0}, "a number not below 0"),
        ("nan", {"minimum": 0}, "a number not below 0"),
        ("0", {"above": 0}, "a number above 0"),
        ("soon", {"above": 0}, "a number"),
    ):
        with pytest.raises(ValueError, match=f"^{expected}$"):
            parse_float(text, **bounds)


def test_parse_choice_returns_the_choice_as_it_is_spelled() -> None:
    assert parse_choice("JSON", "text", "json") == "json"
    for value in ("loud", None, 3):
        with pytest.raises(ValueError, match=r"^'log', 'prometheus' or 'legacy'$"):
            parse_choice(value, "log", "prometheus", "legacy")
