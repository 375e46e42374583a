"""Model repositories, and servers of them inside a test."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.settings.triton import TritonSettings
from model_registry.triton.options import RepositoryOptions
from tests.support.serving import Client, serving

MODELS = Path(__file__).parents[1] / "conformance" / "triton" / "models"
ADD_SUB = {
    "inputs": [
        {"name": name, "shape": [1, 4], "datatype": "FP32", "data": data}
        for name, data in (("INPUT0", [1, 2, 3, 4]), ("INPUT1", [1, 1, 1, 1]))
    ]
}
"""A request to the model add_sub."""


def copy_models(folder: Path, *names: str) -> Path:
    """Copy recorded models; returns the repository."""
    for name in names:
        shutil.copytree(MODELS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@asynccontextmanager
async def serving_repository(folder: Path, *archives: str, **options: Any) -> AsyncIterator[Client]:
    """A server on one port of the models in a folder, and of archives in the same.

    `mode` and `load_models` are for the repository, all others are settings.
    """
    own = {key: options.pop(key) for key in ("mode", "load_models") if key in options}
    triton = TritonSettings(RepositoryOptions([folder], **own))
    async with serving(folder.parent / "store", *archives, triton=triton, one_port=True, **options) as client:
        await client.application.wait_started()
        yield client
