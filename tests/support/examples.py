"""The modules of the example archive of a language model, which import each other as they do in an archive."""

import importlib
import sys
from pathlib import Path
from typing import Any

from handler.examples import chat

CHAT = Path(chat.__file__).parent
sys.path.append(str(CHAT))


def chat_module(name: str) -> Any:
    """A module of the archive."""
    return importlib.import_module(name)


decoder, scheduler, slots, text_stream = map(chat_module, ("decoder", "scheduler", "slots", "text_stream"))
