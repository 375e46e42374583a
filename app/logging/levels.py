"""The levels of loggers, by the key log_levels: `warning`, `marserve.http=debug`, `ACCESS_LOG=off`."""

import logging
from collections.abc import Mapping

MODEL_LOGGER, ACCESS_LOGGER = logging.getLogger("MODEL_LOG"), logging.getLogger("ACCESS_LOG")
"""They have no handlers: their levels alone count, for lines that logging never sees."""
_ROOTS = ("marserve", "MODEL_LOG", "ACCESS_LOG")
_OFF = logging.CRITICAL + 1
_set: set[str] = set()


def set_levels(levels: Mapping[str, str]) -> None:
    """Set the levels of these loggers, the one by the name "" of all; the others go back to their own."""
    for name in _set:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _set.clear()
    MODEL_LOGGER.setLevel(logging.DEBUG)
    ACCESS_LOGGER.setLevel(logging.DEBUG)
    named = dict.fromkeys(_ROOTS, levels[""]) if "" in levels else {}
    for name, level in {**named, **{name: level for name, level in levels.items() if name}}.items():
        logging.getLogger(name).setLevel(_OFF if level == "off" else level.upper())
        if name not in _ROOTS:
            _set.add(name)
