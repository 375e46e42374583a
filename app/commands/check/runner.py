"""One archive in a server without addresses: opened, examined, loaded and asked."""

import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.application import Application
from app.commands.check.archive_inspection import Findings, examine
from app.commands.sample_requests import Sample
from app.commands.smoke_test import SmokeTest, try_out
from app.logging.files import OURS, Logs
from app.settings.loading import marserve_settings
from app.settings.model import Settings
from handler.devices.device import assign_device
from handler.isolation.thread_inheritance import outside
from model_registry.archive.naming import default_name
from model_registry.archive.packages import install
from model_registry.config import RequestConfig
from model_registry.errors import RegistryError
from model_registry.factory import Registration
from model_registry.version import ModelVersion

Say = Callable[[str], None]
"""Takes each line that the handler writes."""
Show = Callable[[Findings], None]
"""Takes what is found before anything of the archive runs."""
NOT_INSTALLED = "the server installs what requirements.txt names only with install_py_dep_per_model=true"
CLOSING = 1.0
"""Seconds that a worker gets to end."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found: `error` tells why the archive cannot be tried at all, `notes` are the server's own warnings."""

    error: str = ""
    findings: Findings | None = None
    tryout: SmokeTest | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the archive opens, loads and answers."""
        return self.tryout is not None and self.tryout.ok

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {"ok": self.ok, **asdict(self)}


class Transcript(Logs):
    """Logs that hand the handler's lines on, as they are, and keep nothing else."""

    def __init__(self, settings: Settings, say: Say) -> None:
        quiet = settings.replace(log_location=None, metrics_location=None)
        super().__init__(quiet, io.StringIO())
        self._say = say
        self.hushed = False

    def hush(self) -> None:
        """Hand nothing on any more."""
        self.hushed = True

    def model_line(self, label: str, stream: str, line: str) -> None:
        """A line of the worker."""
        if not self.hushed:
            with outside():  # or what is printed on the worker's thread would be a line of the worker again
                self._say(line)


async def check_up(
    path: Path, samples: Sequence[Sample], say: Say, show: Show, *, repeat: int = 10, handler: str | None = None,
    ts_config: str | None = None,
) -> Checkup:  # fmt: skip
    """Open the archive at `path`, show what is found, load one worker, and send it the samples.

    Raises ConfigurationError.
    """
    settings = settings_for(path, ts_config)
    transcript, findings, tryout, error = Transcript(settings, say), None, None, ""
    with warnings() as notes:
        application = Application(settings, transcript)
        try:
            planned, version = _open(application, path, handler)
            findings = _examine(application, planned)
            show(findings)
            tryout = await _try_out(application, version, samples, repeat, transcript.hush)
        except RegistryError as reason:
            error = f"{reason} ({reason.__cause__})" if reason.__cause__ else str(reason)
        finally:
            await application.stop()
    return Checkup(error, findings, tryout, tuple(dict.fromkeys(notes)))


def settings_for(path: Path, ts_config: str | None) -> Settings:
    """Those of `marserve serve`, with the archive's own folder as model store."""
    store = str(path.absolute().parent)
    return marserve_settings(os.environ, Path.cwd(), ts_config=ts_config, model_store=store, authorization="off")


def registration(path: Path, handler: str | None) -> Registration:
    """How a server would be asked for it: as a model at start, so that it gets the workers that a deployment would."""
    url = str(path.resolve()) if path.is_dir() else path.name
    return Registration(url, None, handler, config=RequestConfig(at_startup=True), fallback_name=default_name(url))


def _open(application: Application, path: Path, handler: str | None) -> tuple[ModelVersion, ModelVersion]:
    """The version as a server would have it, and one to try, whose requests wait for no others; blocks.

    Neither has workers yet. Raises RegistryError.
    """
    wanted = registration(path, handler)
    archive = application.factory.open(wanted)
    try:
        at_once = replace(wanted, config=RequestConfig(at_startup=True, max_batch_delay=0))
        return application.factory.make(archive, wanted), application.factory.make(archive, at_once)
    except RegistryError:
        archive.remove()
        raise


async def _try_out(
    application: Application, version: ModelVersion, samples: Sequence[Sample], repeat: int, hush: Callable[[], None]
) -> SmokeTest:
    try:
        if application.factory.installs(version.archive):
            await install(version.archive, version.name)
        return await try_out(version, samples, repeat, hush)
    finally:
        await version.close(CLOSING)


def _examine(application: Application, version: ModelVersion) -> Findings:
    config, archive = version.config, version.archive
    device = assign_device(0, application.devices, config.device_ids, config.device_type or None)
    handler = archive.manifest.handler or application.settings.default_service_handler or ""
    findings = examine(archive, config, handler, device.torch_name)
    missing = any(not requirement.installed for requirement in findings.requirements)
    if missing and not application.factory.installs(archive):
        return replace(findings, problems=(*findings.problems, NOT_INSTALLED))
    return findings


@contextmanager
def warnings() -> Iterator[list[str]]:
    """The warnings of the server's own loggers, while the block runs."""
    notes: list[str] = []

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(record.getMessage())

    handler = Notes(logging.WARNING)
    OURS.addHandler(handler)
    propagates, OURS.propagate = OURS.propagate, False
    try:
        yield notes
    finally:
        OURS.propagate = propagates
        OURS.removeHandler(handler)
