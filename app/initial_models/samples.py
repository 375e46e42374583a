"""The models of a server without configuration: the sample archives."""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.settings.model import Settings
from app.settings.types import parse_initial_models

MESSAGE = """no model is named, so the samples in {folder} are served; serve your own: marserve serve ./mine.mar. Try:
  curl {address}/predictions/everyday -H 'Content-Type: application/json' -d '{{"features": [5.1, 3.5, 1.4, 0.2]}}'"""
LOG = logging.getLogger("marserve.samples")


def with_samples(settings: Settings, environ: Mapping[str, str], address: str = "") -> Settings:
    """The settings, with the sample archives as models if neither a model store nor a model is named.

    `address` is the one to show, where the settings do not know it.
    """
    is_configured = "model_store" in settings.given or settings.reload or settings.config_file
    if is_configured or settings.load_models:
        return settings
    from app.initial_models.sample_archives import build_samples

    for folder in _folders(environ):
        try:
            models = parse_initial_models(",".join(build_samples(folder)))
        except OSError as error:
            LOG.debug("No sample archives in %s: %s", folder, error)
            continue
        message = MESSAGE.format(folder=folder, address=address or settings.inference_address)
        return settings.replace(
            load_models=models,
            given_archives={model.url: folder / model.url for model in models},
            warnings=(*settings.warnings, message),
        )
    return settings


def _folders(environ: Mapping[str, str]) -> list[Path]:
    """The folders for the archives: the user's cache, else a temporary folder on a machine without a home."""
    cache = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/nonexistent"), ".cache"))
    return [Path(cache, "marserve", "samples"), Path(tempfile.gettempdir(), "marserve-samples")]
