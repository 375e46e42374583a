"""One archive in a server without addresses: opened once, and loaded anew for each setting that is measured."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.commands.check.runner import (
    CLOSE_TIMEOUT_SECONDS,
    HandlerOutput,
    WriteLine,
    collected_warnings,
    make_registration,
    make_settings,
)
from app.commands.sample_requests import Sample
from app.commands.smoke_test import SmokeTestResult, make_input, run_smoke_test
from app.commands.tune.load_generator import GivesUp, LoadGenerator
from app.commands.tune.search_space import Measurement, Setting
from app.model_server import ModelServer
from handler.devices.device import Device, assign_device
from handler.errors import LoadFailed
from handler.job import Input
from handler.workers.warmup import listed_requests
from model_registry.archive.model_yaml import load_model_config, server_settings
from model_registry.archive.packages import install
from model_registry.config import ModelConfig
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.version import ModelVersion


class CannotTune(Exception):
    """The archive cannot be tuned; the text is the reason."""


class TuningSession:
    """Makes model versions of one archive, whose folder lives as long as the session."""

    def __init__(self, application: ModelServer, output: HandlerOutput, registration: Registration) -> None:
        self._application = application
        self._output = output
        self._registration = registration
        self._inputs: Sequence[Input] = ()
        self._has_delay = False
        self.config = ModelConfig()
        """The configuration that it has in a server."""
        self.name = ""

    def __repr__(self) -> str:
        return f"<TuningSession for {self.name}>"

    @property
    def device(self) -> Device:
        """The device of the first worker."""
        return assign_device(0, self._application.devices, self.config.device_ids, self.config.device_type or None)

    @property
    def threads_matter(self) -> bool:
        """Whether the handler computes with torch; a process of its own does not show it."""
        return self.config.in_process or "torch" in sys.modules

    async def prepare(self, samples: Sequence[Sample]) -> SmokeTestResult:
        """Load it once and send each sample once. Raises RegistryError or CannotTune."""
        factory = self._application.factory
        archive, self.config = await asyncio.to_thread(factory.open, self._registration)
        self.name = str(archive.manifest.model_name)
        if factory.installs(archive):
            await install(archive, self.name)
        # Served from its folder from now on, so that it is unpacked only once.
        self._registration = replace(self._registration, url=str(archive.folder), model_name=self.name)
        yaml = load_model_config(archive)
        self._has_delay = "max_batch_delay" in server_settings(yaml)
        self._inputs = [make_input(sample) for sample in samples] or listed_requests(yaml, archive.folder)
        if not self._inputs:
            raise CannotTune(
                "there is no request to send; name one with --request, or list some under warmup in its YAML"
            )
        version = await self._make(max_batch_delay=0)
        try:
            return await run_smoke_test(version, samples, 0, self._output.mute)
        finally:
            await version.close(CLOSE_TIMEOUT_SECONDS)
            self._output.mute()

    def delay(self, default: int) -> int:
        """The milliseconds to gather a batch that its own YAML asks for, or the default."""
        return self.config.max_batch_delay if self._has_delay else default

    async def measure(self, setting: Setting, concurrency: int, seconds: float, gives_up: GivesUp) -> Measurement:
        """Load it with that setting, and measure it under the load of so many clients."""
        version = await self._make(
            batch_size=setting.batch_size, max_batch_delay=setting.delay, initial_workers=setting.workers,
            threads=setting.threads, at_startup=False,
        )  # fmt: skip
        version.batcher.capacity = max(version.batcher.capacity, concurrency)
        try:
            await version.scale(setting.workers, setting.workers)
            return await LoadGenerator(version, self._inputs, concurrency).measure(setting, seconds, gives_up)
        except LoadFailed as failure:
            return Measurement(setting, error=f"it does not load: {failure.__cause__ or failure}")
        finally:
            await version.close(CLOSE_TIMEOUT_SECONDS)

    async def _make(self, **changes: Any) -> ModelVersion:
        registration = replace(self._registration, **changes)
        return self._application.factory.make(*await asyncio.to_thread(self._application.factory.open, registration))


@asynccontextmanager
async def open_session(
    path: Path, write_line: WriteLine, *, handler: str | None = None, ts_config: str | None = None
) -> AsyncIterator[TuningSession]:
    """A session for an archive; `write_line` receives the lines of its handler until it is prepared.

    Raises ConfigurationError, and CannotTune for an archive that does not open.
    """
    settings = make_settings(path, ts_config)
    output = HandlerOutput(settings, write_line)
    with collected_warnings():
        application = ModelServer(settings, output)
        try:
            yield TuningSession(application, output, make_registration(path, handler))
        except RegistryError as reason:
            raise CannotTune(f"{reason} ({reason.__cause__})" if reason.__cause__ else str(reason)) from reason
        finally:
            await application.stop()
