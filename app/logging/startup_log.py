"""The configuration in force, logged at the start in TorchServe's words."""

import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ts

from app.logging.formatters import escape_controls
from app.release import version
from app.settings.model import Settings
from handler.devices.cpu_budget import cpu_budget

LOG = logging.getLogger("marserve.server")
_TORCHSERVE_LOGGER = {"ts_logger": "org.pytorch.serve.ModelServer"}


def log_configuration(settings: Settings, gpus: int) -> None:
    """Write the configuration in force to ts_log, in one record."""
    lines = (f"{name}: {_java_text(value)}" for name, value in _entries(settings, gpus))
    text = "\n".join(("", *map(escape_controls, lines)))
    LOG.info(text, extra=_TORCHSERVE_LOGGER)  # no argument: those are escaped
    if restrictions := list(_restrictions(settings)):
        LOG.info("As in TorchServe since 0.11.1, %s.", ", and ".join(restrictions))


def _restrictions(settings: Settings) -> Iterator[str]:
    """Lines on defaults that configurations for older versions of TorchServe do not expect."""
    if settings.authorization == "all":
        yield "every call needs a token (--disable-token-auth: none does)"
    if not settings.enable_model_api:
        yield "no model can be registered while the server runs (--enable-model-api: they can)"


def _entries(settings: Settings, gpus: int) -> Iterator[tuple[str, object]]:
    home = Path(ts.__file__).parent
    yield "Torchserve version", ts.__version__
    yield "marserve version", version()
    yield "TS Home", home.parent
    yield "Current directory", Path.cwd()
    yield "Temp directory", tempfile.gettempdir()
    yield "Metrics config path", settings.metrics_config or home / "configs" / "metrics.yaml"
    yield "Number of GPUs", gpus
    yield "Number of CPUs", max(1, int(cpu_budget()))
    yield "Python executable", sys.executable
    yield "Config file", settings.config_file
    yield "Inference address", settings.inference_address
    yield "Management address", settings.management_address
    yield "Metrics address", settings.metrics_address
    yield "Model Store", settings.remote_store or settings.model_store
    yield "Initial Models", ",".join(map(str, settings.load_models)) or None
    yield "Log dir", settings.log_location
    yield "Metrics dir", settings.metrics_location
    yield "Default workers per model", settings.default_workers_per_model
    yield "Blacklist Regex", settings.blacklist_env_vars
    yield "Maximum Response Size", settings.max_response_size
    yield "Maximum Request Size", settings.max_request_size
    yield "Limit Maximum Image Pixels", settings.limit_max_image_pixels
    yield "Allowed Urls", f"[{', '.join(settings.allowed_urls)}]"
    yield "Custom python dependency for model allowed", settings.install_py_dep_per_model
    yield "Enable metrics API", settings.enable_metrics_api
    yield "Metrics mode", settings.metrics_mode.upper()
    yield "Disable system metrics", settings.disable_system_metrics
    yield "Workflow Store", settings.workflow_store or settings.model_store
    yield "Model config", settings.models or None
    yield "System metrics command", settings.system_metrics_cmd or "default"
    yield "Model API enabled", settings.enable_model_api


def _java_text(value: object) -> str:
    """A value as Java prints it."""
    if value is None:
        return "N/A"
    return str(value).lower() if isinstance(value, bool) else str(value)
