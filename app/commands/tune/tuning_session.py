"""One archive in a server without addresses, opened once, and served anew in every way that is to be measured."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from app.application import Application
from app.commands.check.runner import CLOSING, Say, Transcript, registration, settings_for, warnings
from app.commands.sample_requests import Sample
from app.commands.smoke_test import SmokeTest, input_of, try_out
from app.commands.tune.load_generator import Hopeless, LoadGenerator
from app.commands.tune.search_space import Measured, Setting
from handler.devices.device import Device, assign_device
from handler.errors import LoadFailed
from handler.job import Input
from handler.workers.warmup import listed_requests
from model_registry.archive.model_yaml import server_settings
from model_registry.archive.packages import install
from model_registry.config import ModelConfig, RequestConfig, load_model_config
from model_registry.errors import RegistryError
from model_registry.factory import Registration
from model_registry.version import ModelVersion


class Unusable(Exception):
    """The archive cannot be tuned; the text says why."""


class TuningSession:
    """Makes model versions of one archive; its folder lives as long as the workbench is open."""

    def __init__(self, application: Application, transcript: Transcript, wanted: Registration) -> None:
        self._application = application
        self._transcript = transcript
        self._wanted = wanted
        self._inputs: Sequence[Input] = ()
        self._says_delay = False
        self.config = ModelConfig()
        """As a server would serve it."""
        self.name = ""

    def __repr__(self) -> str:
        return f"<TuningSession for {self.name}>"

    @property
    def device(self) -> Device:
        """Where the first worker runs."""
        return assign_device(0, self._application.devices, self.config.device_ids, self.config.device_type or None)

    @property
    def threads_matter(self) -> bool:
        """Whether the handler computes with torch, as far as can be told: a process of its own tells nothing."""
        return self.config.isolation == "process" or "torch" in sys.modules

    async def prepare(self, samples: Sequence[Sample]) -> SmokeTest:
        """Load it once and ask each sample once; returns how that went. Raises RegistryError or Unusable."""
        factory = self._application.factory
        archive = await asyncio.to_thread(factory.open, self._wanted)
        version = factory.make(archive, self._wanted)
        self.config, self.name = version.config, version.name
        if factory.installs(archive):
            await install(archive, version.name)
        # Served from its folder from now on, so that it is unpacked only once.
        self._wanted = replace(self._wanted, url=str(archive.folder), model_name=version.name)
        said = load_model_config(archive)
        self._says_delay = "max_batch_delay" in server_settings(said)
        self._inputs = [input_of(sample) for sample in samples] or listed_requests(said, archive.folder)
        if not self._inputs:
            raise Unusable("there is no request to ask; name one with --request, or list some under warmup in its YAML")
        alone = await self._make(RequestConfig(at_startup=True, max_batch_delay=0))
        try:
            return await try_out(alone, samples, 0, self._transcript.hush)
        finally:
            await alone.close(CLOSING)
            self._transcript.hush()

    def delay(self, default: int) -> int:
        """The milliseconds to gather a batch that its own YAML asks for, or the default."""
        return self.config.max_batch_delay if self._says_delay else default

    async def measure(self, setting: Setting, concurrency: int, seconds: float, hopeless: Hopeless) -> Measured:
        """Serve it that way under the load of so many callers."""
        asked = RequestConfig(setting.batch_size, setting.delay, setting.workers, threads=setting.threads)
        version = await self._make(asked)
        version.batcher.capacity = max(version.batcher.capacity, concurrency)
        try:
            await version.scale(setting.workers, setting.workers)
            return await LoadGenerator(version, self._inputs, concurrency).measure(setting, seconds, hopeless)
        except LoadFailed as failure:
            return Measured(setting, error=f"it does not load: {failure.__cause__ or failure}")
        finally:
            await version.close(CLOSING)

    async def _make(self, config: RequestConfig) -> ModelVersion:
        wanted = replace(self._wanted, config=config)
        archive = await asyncio.to_thread(self._application.factory.open, wanted)
        return self._application.factory.make(archive, wanted)


@asynccontextmanager
async def workbench(
    path: Path, say: Say, *, handler: str | None = None, ts_config: str | None = None
) -> AsyncIterator[TuningSession]:
    """A workbench for an archive; what the handler writes until it is prepared goes to `say`.

    Raises ConfigurationError, and Unusable for an archive that does not open.
    """
    settings = settings_for(path, ts_config)
    transcript = Transcript(settings, say)
    with warnings():
        application = Application(settings, transcript)
        try:
            yield TuningSession(application, transcript, registration(path, handler))
        except RegistryError as reason:
            raise Unusable(f"{reason} ({reason.__cause__})" if reason.__cause__ else str(reason)) from reason
        finally:
            await application.stop()
