"""One archive in a server without addresses: opened, inspected, loaded, and sent requests."""

import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.commands.check.archive_inspection import ArchiveInspection, inspect_archive
from app.commands.sample_requests import Sample
from app.commands.smoke_test import SmokeTestResult, run_smoke_test
from app.logging.files import SERVER_LOGGER, Logs
from app.model_server import ModelServer
from app.settings.loading import marserve_settings
from app.settings.model import Settings
from handler.devices.device import assign_device
from handler.isolation.thread_inheritance import outside
from model_registry.archive.naming import default_name
from model_registry.archive.packages import install
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.version import ModelVersion

WriteLine = Callable[[str], None]
"""Receives each line that the handler writes."""
ShowInspection = Callable[[ArchiveInspection], None]
"""Receives the inspection before any of the archive's code runs."""
NOT_INSTALLED = "the server installs what requirements.txt names only with install_py_dep_per_model=true"
CLOSE_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`error` is the reason that the archive cannot be loaded at all, `notes` are the server's own warnings."""

    error: str = ""
    inspection: ArchiveInspection | None = None
    smoke_test: SmokeTestResult | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the archive opens, loads and answers."""
        return self.smoke_test is not None and self.smoke_test.ok

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {"ok": self.ok, **asdict(self)}


class HandlerOutput(Logs):
    """Logs that forward the lines of the handler until they are muted, and drop everything else."""

    def __init__(self, settings: Settings, write_line: WriteLine) -> None:
        quiet = settings.replace(log_location=None, metrics_location=None)
        super().__init__(quiet, io.StringIO())
        self._write_line = write_line
        self._is_muted = False

    def mute(self) -> None:
        """Forward no more lines."""
        self._is_muted = True

    def model_line(self, label: str, stream: str, line: str) -> None:
        """A line of the worker."""
        if not self._is_muted:
            with outside():  # or what is printed on the worker's thread would be a line of the worker again
                self._write_line(line)


async def check_archive(
    path: Path, samples: Sequence[Sample], write_line: WriteLine, show: ShowInspection, *,
    repeat: int = 10, handler: str | None = None, ts_config: str | None = None,
) -> CheckResult:  # fmt: skip
    """Open the archive at `path`, show its inspection, load one worker, and send it the samples.

    Raises ConfigurationError.
    """
    settings = make_settings(path, ts_config)
    output, inspection, result, error = HandlerOutput(settings, write_line), None, None, ""
    with collected_warnings() as notes:
        application = ModelServer(settings, output)
        try:
            planned, version = _open(application, path, handler)
            inspection = _inspect(application, planned)
            show(inspection)
            result = await _run_smoke_test(application, version, samples, repeat, output.mute)
        except RegistryError as reason:
            error = f"{reason} ({reason.__cause__})" if reason.__cause__ else str(reason)
        finally:
            await application.stop()
    return CheckResult(error, inspection, result, tuple(dict.fromkeys(notes)))


def make_settings(path: Path, ts_config: str | None) -> Settings:
    """The settings of `marserve serve`, with the archive's own folder as model store."""
    store = str(path.absolute().parent)
    settings = marserve_settings(os.environ, Path.cwd(), ts_config=ts_config, model_store=store, authorization="off")
    return settings.replace(given_archives={path.resolve().name: path.resolve()})


def make_registration(path: Path, handler: str | None) -> Registration:
    """A model at start, so that it gets the workers that it would have in a deployment.

    Without a `handler`, a folder without a manifest gets one.
    """
    url = str(path.resolve()) if path.is_dir() and handler else path.resolve().name
    return Registration(url, None, handler, at_startup=True, fallback_name=default_name(url))


def _open(application: ModelServer, path: Path, handler: str | None) -> tuple[ModelVersion, ModelVersion]:
    """The version as a server would have it, and one to test, whose requests wait for no others; blocks.

    Neither has workers yet. Raises RegistryError.
    """
    archive, config = application.factory.open(make_registration(path, handler))
    make = application.factory.make
    return make(archive, config), make(archive, replace(config, max_batch_delay=0))


async def _run_smoke_test(
    application: ModelServer, version: ModelVersion, samples: Sequence[Sample], repeat: int, mute: Callable[[], None]
) -> SmokeTestResult:
    try:
        if application.factory.installs(version.archive):
            await install(version.archive, version.name)
        return await run_smoke_test(version, samples, repeat, mute)
    finally:
        await version.close(CLOSE_TIMEOUT_SECONDS)


def _inspect(application: ModelServer, version: ModelVersion) -> ArchiveInspection:
    config, archive = version.config, version.archive
    device = assign_device(0, application.devices, config.device_ids, config.device_type or None)
    handler = archive.manifest.handler or application.settings.default_service_handler or ""
    inspection = inspect_archive(archive, config, handler, device.torch_name)
    missing = any(not requirement.installed for requirement in inspection.requirements)
    if missing and not application.factory.installs(archive):
        return replace(inspection, problems=(*inspection.problems, NOT_INSTALLED))
    return inspection


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """The warnings of the server's own loggers, while the block runs."""
    notes: list[str] = []

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(record.getMessage())

    handler = Notes(logging.WARNING)
    SERVER_LOGGER.addHandler(handler)
    propagates, SERVER_LOGGER.propagate = SERVER_LOGGER.propagate, False
    try:
        yield notes
    finally:
        SERVER_LOGGER.propagate = propagates
        SERVER_LOGGER.removeHandler(handler)
