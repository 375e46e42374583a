"""The levels of loggers."""

import logging
from collections.abc import Iterator

import pytest

from app.logging.levels import ACCESS_LOGGER, MODEL_LOGGER, set_levels


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Levels of their own."""
    before = logging.getLogger("marserve").level
    yield
    set_levels({})
    logging.getLogger("marserve").setLevel(before)


def test_a_level_for_all_and_others_by_name() -> None:
    set_levels({"": "warning", "marserve.http": "debug", "ACCESS_LOG": "off"})
    assert not logging.getLogger("marserve.registry").isEnabledFor(logging.INFO)
    assert logging.getLogger("marserve.http").isEnabledFor(logging.DEBUG)
    assert not MODEL_LOGGER.isEnabledFor(logging.INFO)
    assert not ACCESS_LOGGER.isEnabledFor(logging.CRITICAL)


def test_they_are_set_back() -> None:
    set_levels({"marserve.http": "error", "ACCESS_LOG": "off"})
    set_levels({})
    assert logging.getLogger("marserve.http").level == logging.NOTSET
    assert ACCESS_LOGGER.isEnabledFor(logging.INFO)
