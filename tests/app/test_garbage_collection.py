"""Imports are not interrupted by the garbage collector, which works as before afterwards."""

import gc

import pytest

from app.garbage_collection import importing_modules


def test_the_collector_pauses_and_what_was_made_is_exempt_from_it() -> None:
    kept = [[] for _ in range(100)]
    before = gc.get_freeze_count()
    with importing_modules():
        assert not gc.isenabled()
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
        assert all(each is not kept[0] for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_failed_import_does_not_leave_it_paused() -> None:
    with pytest.raises(ModuleNotFoundError), importing_modules():
        raise ModuleNotFoundError
    gc.unfreeze()
    assert gc.isenabled()


def test_a_process_that_does_without_the_collector_goes_on_without_it() -> None:
    gc.disable()
    try:
        with importing_modules():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
