"""The languages of handlers."""

import enum


class RuntimeType(enum.Enum):
    """What runs a handler."""

    PYTHON = "python"
    PYTHON3 = "python3"
    LSP = "LSP"
