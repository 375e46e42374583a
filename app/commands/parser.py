"""The parser of the options of marserve's own commands."""

import argparse
import re
from collections.abc import Iterator
from typing import NoReturn

WRONG_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
UNKNOWN = "unrecognized arguments: "


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors name the option or command that is probably meant."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with status 2."""
        super().error(message + self._hint(message))

    def options(self) -> Iterator[str]:
        """Every option, those of commands included."""
        for action in self._actions:
            yield from action.option_strings
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 (argparse has no public name for it)
                for parser in action.choices.values():
                    yield from parser.options()

    def _hint(self, message: str) -> str:
        if choice := WRONG_CHOICE.search(message):
            given, known = choice[1], [name.strip("'") for name in choice[2].split(", ")]
        elif message.startswith(UNKNOWN):
            words = message.removeprefix(UNKNOWN).split()
            given, known = (
                next((word for word in words if word.startswith("-")), "").partition("=")[0],
                [*self.options()],
            )
        else:
            return ""
        from difflib import get_close_matches  # only errors need it

        near = get_close_matches(given, known, n=1)
        return f"; is {near[0]} meant?" if near else ""
