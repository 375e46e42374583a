"""The options of model repositories that their flags mean."""

import argparse
from collections.abc import Iterable

from app.settings.errors import ConfigurationError
from model_registry.triton.options import ALL, DEFAULT_MAX_BATCH_SIZE, LaunchOptions, RepositoryOptions

LOCAL_CACHE = "local"


def repository_options(arguments: argparse.Namespace, *, cpu_metrics: bool = True) -> RepositoryOptions:
    """The repositories that the arguments name; raises ConfigurationError."""
    _check(arguments)
    configured = {key: value for _, key, value in arguments.backend_config}
    return RepositoryOptions(
        paths=[folder.absolute() for folder in arguments.model_repository],  # workers have folders of their own
        mode=arguments.model_control_mode,
        load_models=arguments.load_model,
        poll_seconds=max(1, arguments.repository_poll_secs),
        config_name=arguments.model_config_name,
        launch=LaunchOptions(
            completes=not (arguments.disable_auto_complete_config or arguments.strict_model_config),
            default_max_batch_size=int(configured.get("default-max-batch-size", DEFAULT_MAX_BATCH_SIZE)),
            cache_bytes=_cache_bytes(arguments.cache_config),
        ),
        strict_readiness=arguments.strict_readiness,
        cpu_metrics=cpu_metrics,
    )


def _check(arguments: argparse.Namespace) -> None:
    for folder in arguments.model_repository:
        if not folder.is_dir():
            raise ConfigurationError(f"creating server: Internal - failed to stat file {folder}")
    if arguments.load_model and arguments.model_control_mode != "explicit":
        raise ConfigurationError("--load-model needs --model-control-mode=explicit")
    if ALL in arguments.load_model and set(arguments.load_model) != {ALL}:
        raise ConfigurationError(f"--load-model={ALL} must be the only --load-model")


def _cache_bytes(settings: Iterable[tuple[str, str, str]]) -> int:
    size = 0
    for name, key, value in settings:
        if name != LOCAL_CACHE:
            raise ConfigurationError(f"creating server: there is no cache '{name}', only '{LOCAL_CACHE}'")
        if key == "size":
            size = int(value)
    return size
