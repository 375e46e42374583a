"""The languages of handlers."""

import enum


class RuntimeType(enum.Enum):
    """The language that runs a handler."""

    PYTHON = "python"
    PYTHON3 = "python3"
    LSP = "LSP"
