"""Progress on a terminal: one line that is replaced again and again."""

import sys


def show_progress(text: str) -> None:
    """Replace the last line of the terminal that stderr is, if it is one; "" clears it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
