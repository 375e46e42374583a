"""The front of marserve: protocols and commands; `main` is the ASGI application of `uvicorn app:main`."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Make `main` when a server asks for it: the commands of this package need no application."""
    if name != "main":
        raise AttributeError(f"module 'app' has no attribute {name!r}")
    import marserve

    return marserve.app
