"""The adapter of functions: an archive has it as its handler; tests of derived archives run it."""

from app.commands.optimize.derived_archive import ADAPTER


def test_it_is_one_function_as_loaders_want_it() -> None:
    source = (ADAPTER / "function_handler.py").read_text()
    assert "def handle(" in source
    assert "\nclass " not in source
    assert "import app" not in source
