"""The configuration in force, as the console shows it."""

from typing import Any

import ts

from app import release
from app.model_server import ModelServer
from app.settings.model import KEYS, Settings

MAX_PIECE_BYTES = 4 << 20
"""An archive is sent in pieces of that size, or of max_request_size."""


def describe_server(server: ModelServer, is_load_allowed: bool) -> dict[str, Any]:
    """The server's versions, devices and configuration; none of this changes while it runs."""
    settings = server.settings
    return {
        "version": release.version(),
        "torchserve": ts.__version__,
        "modelApi": settings.enable_model_api,
        "modelStore": settings.model_store and str(settings.model_store),
        "pieceBytes": min(MAX_PIECE_BYTES, settings.max_request_size),
        "isLoadAllowed": is_load_allowed,
        "devices": [{"device": each.torch_name, "name": each.name, "memory": each.memory} for each in server.devices],
        "configFile": settings.config_file,
        "configuration": [_describe_key(settings, key) for key in sorted(KEYS)],
    }


def _describe_key(settings: Settings, key: str) -> dict[str, Any]:
    """A key, its value as text, and the place where it is set; of a secret only whether there is one."""
    value = getattr(settings, key)
    if not Settings.model_fields[key].repr and value is not None:
        text: str | None = "(hidden)"
    elif isinstance(value, tuple | list):
        text = ", ".join(map(str, value)) or None
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = None if value is None or value == {} else str(value)
    return {"key": key, "value": text, "place": settings.places.get(key)}
