"""Decides by flag and rollout whether a user's window goes to the model server or to the local pipeline."""

import logging
import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from prometheus_client import CollectorRegistry, Histogram

from ..torchserve_client import LATENCY_BUCKETS_SECONDS, ClientMetrics, Pipeline, TorchServeClient, Translation
from .settings import Settings

LOG = logging.getLogger("signflow.translator")


class Translator:
    """The client of the model server with the flags of the moment; one for the backend."""

    def __init__(self, settings: Settings, local: Pipeline, registry: CollectorRegistry) -> None:
        self.settings, self.local = settings, local
        token = settings.torchserve_token
        self.client = TorchServeClient(
            settings.torchserve_url, settings.torchserve_timeout_ms / 1000, settings.torchserve_retries,
            local=local, model_name=settings.torchserve_model, token=token and token.get_secret_value(),
            encoding=settings.torchserve_encoding, hedge_seconds=settings.torchserve_hedge_ms / 1000,
            backoff_seconds=settings.torchserve_backoff_ms / 1000, failures=settings.torchserve_failures,
            cooldown_seconds=settings.torchserve_cooldown_ms / 1000, metrics=ClientMetrics(registry),
        )  # fmt: skip
        self.seconds = Histogram(
            "signflow_translation_seconds", "From window to translation", ["source"], registry=registry,
            buckets=LATENCY_BUCKETS_SECONDS,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Translator with {self.client}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()

    def set_flags(self, **flags: Any) -> None:
        """Change settings while the backend runs; raises ValueError."""
        self.settings = Settings(**self.settings.model_dump() | flags)
        LOG.info("Flags changed", extra={"event": "flags", **flags})

    async def translate(self, window: np.ndarray, key: str, is_local: bool = False) -> Translation:
        """Translate a window [frames, features] of the user with this key, or of a session that asks no server.

        Raises what the local pipeline raises.
        """
        if is_local or not self.settings.use_torchserve:
            translation = await self._translate_locally(window, "flag_off")
        elif not self.settings.in_rollout(key):
            translation = await self._translate_locally(window, "rollout")
        else:
            translation = await self.client.translate(window)
        self.seconds.labels(translation.source).observe(translation.seconds)
        return translation

    async def _translate_locally(self, window: np.ndarray, reason: str) -> Translation:
        started = time.perf_counter()
        translation = Translation(*await self.local(window))
        return translation._replace(source="local", reason=reason, seconds=time.perf_counter() - started)
