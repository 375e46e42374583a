"""The adapter of classes: an archive has it as its handler; tests of derived archives run it."""

from app.commands.optimize.derived_archive import ADAPTER


def test_it_is_one_class_as_loaders_want_it() -> None:
    source = (ADAPTER / "class_handler.py").read_text()
    assert source.count("\nclass ") == 1
    assert "import app" not in source
