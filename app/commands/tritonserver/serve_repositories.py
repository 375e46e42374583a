"""Triton's model repositories among what `marserve serve` is given."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.commands.tritonserver.repository import repository_options
from app.model_server import worker_environment
from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.triton import TritonSettings
from model_registry.archive.implicit.manifest import needs_manifest

MAX_TENSOR_BODY_BYTES = 64 << 20
"""The limit of bodies where none is configured: TorchServe's 6.5 MB is less than a batch of images as tensors."""
CONFIG_FILE = "config.pbtxt"


def found_repositories(targets: Sequence[str], cwd: Path) -> tuple[list[Path], list[str]]:
    """The targets that are model repositories, and the others."""
    repositories = [target for target in targets if is_repository(cwd / target)]
    return [cwd / target for target in repositories], [each for each in targets if each not in repositories]


def is_repository(folder: Path) -> bool:
    """Whether a folder holds models as Triton has them: with a config.pbtxt, or a file called model in version 1."""
    if not folder.is_dir() or not needs_manifest(folder):
        return False
    models = [each for each in folder.iterdir() if each.is_dir()]
    return any((each / CONFIG_FILE).is_file() or any(each.glob("[0-9]*/model.*")) for each in models)


def with_repositories(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """The settings with the model repositories that the arguments name; raises ConfigurationError."""
    try:
        import google.protobuf  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "model repositories need protobuf, which is not installed; `pip install 'marserve[triton]'` adds it"
        ) from None
    options = repository_options(arguments)
    launch = replace(
        options.launch,
        adaptive_batching=settings.adaptive_batching,
        loop_pacing=settings.loop_pacing,
        allow_pickles=settings.allow_pickles,
        environment=worker_environment(settings),
    )
    triton = TritonSettings(replace(options, launch=launch), server_id="marserve")
    limit = settings.max_request_size if "max_request_size" in settings.given else MAX_TENSOR_BODY_BYTES
    return settings.replace(triton=triton, max_request_size=limit)
