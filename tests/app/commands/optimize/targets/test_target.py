"""The parts of a build."""

from app.commands.optimize.targets.target import Built


def test_a_form_that_needs_no_files() -> None:
    built = Built("autocast")
    assert (dict(built.files), dict(built.config), list(built.notes)) == ({}, {}, [])
