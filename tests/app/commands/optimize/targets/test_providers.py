"""Providers of other hardware are guarded."""

from app.commands.optimize.targets.providers import UNTRIED, needs_provider


def test_a_provider_that_is_not_here() -> None:
    assert needs_provider("NoSuchExecutionProvider").endswith(f"({UNTRIED})")
    assert needs_provider("CPUExecutionProvider") == ""
