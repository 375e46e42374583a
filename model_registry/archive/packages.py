"""The packages that an archive requires: installed into a folder of its own, which no other archive sees."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path

from handler.isolation.modules.namespace import is_shared
from model_registry.archive.archive import Archive
from model_registry.archive.unpack import UnsafeArchive, safe_path
from model_registry.errors import PackagesFailed

LOG = logging.getLogger("marserve.packages")
INSTALL_TIMEOUT_SECONDS = 1800.0


async def install(archive: Archive, model: str, seconds: float = INSTALL_TIMEOUT_SECONDS) -> list[str]:
    """Install the archive's requirements file with pip, whose output is logged; raises PackagesFailed.

    Returns the reasons why the server's process cannot hold the packages. Relative paths in the file are relative to
    the archive. When the caller is cancelled, pip is killed.
    """
    process = await _start_pip(archive, model)
    try:
        async with asyncio.timeout(seconds):
            status = await _follow(process, model)
    except TimeoutError:
        LOG.error("Model %s: pip was stopped after %g s.", model, seconds)
        status = None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        LOG.error("Custom pip package installation failed for model %s.", model)
        raise PackagesFailed(model)
    LOG.info("Installed custom pip packages for model %s.", model)
    return await asyncio.to_thread(lambda: sorted(obstacles(archive.packages)))


def obstacles(folder: Path) -> Iterator[str]:
    """The reasons why the server's process cannot hold the packages in a folder: native ones, and other versions.

    A process holds Python code once for each worker, but many native modules once only, and never in two versions.
    """
    for found in distributions(path=[str(folder)]):
        if not any(map(is_shared, _modules(found))):
            if _is_native(found):
                yield f"{found.name} {found.version} has native modules"
        elif (present := _installed_version(found.name)) not in (None, found.version):
            yield f"{found.name} {found.version} is not the {present} that the server uses"


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _is_native(found: Distribution) -> bool:
    return any(str(file).endswith(tuple(EXTENSION_SUFFIXES)) for file in found.files or ())


async def _start_pip(archive: Archive, model: str) -> Process:
    try:
        listed = archive.folder / safe_path(archive.manifest.requirements_file or "")
    except UnsafeArchive as reason:
        LOG.error("Model %s: %s", model, reason)
        raise PackagesFailed(model) from reason
    target = archive.packages
    LOG.info("Model %s: installing %s into %s.", model, listed.name, target)
    options = ("--disable-pip-version-check", "--no-input", "-U", "-t", str(target), "-r", str(listed))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pip", "install", *options, cwd=target, env=environment, stdout=PIPE, stderr=STDOUT
    )


async def _follow(process: Process, model: str) -> int:
    assert process.stdout is not None
    async for line in process.stdout:
        LOG.info("Model %s: pip: %s", model, line.decode(errors="replace").rstrip())
    return await process.wait()


def _modules(found: Distribution) -> set[str]:
    """The top-level names of a package."""
    tops = {file.parts[0] for file in found.files or ()}
    return {top.partition(".")[0] for top in tops if not top.endswith((".dist-info", ".."))}
