"""Calls of models to the server that they run in: other models are asked through the event loop, as by any client."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.spec import OnResponse
from model_registry.tensors.ensemble_version import EnsembleVersion
from model_registry.tensors.tensor_version import TensorVersion
from model_registry.triton.repository import Override

FAILED = "Failed for execute the inference request. Model '{}' is not ready."
DECOUPLED = (
    "Model {} is using the decoupled. The current BLS request call doesn't support models using the decoupled "
    "transaction policy. Please use 'decoupled=True' argument to the 'exec' or 'async_exec' calls for decoupled "
    "models.'"
)


class Models(Protocol):
    """The models of the server, on its event loop."""

    def find(self, name: str, number: int = -1) -> TensorVersion | EnsembleVersion:
        """The version that answers a request; raises TensorError."""

    def is_model_ready(self, name: str, number: int = -1) -> bool:
        """Whether a version serves, any for -1."""

    async def load_model(self, name: str, override: Override | None = None) -> None:
        """Load a model; raises TensorError."""

    async def unload_model(self, name: str, *, unload_dependents: bool = False) -> None:
        """Unload a model; raises TensorError."""


class LoopCalls:
    """The server as models call it, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, models: Models) -> None:
        self._loop = loop
        self._models = models

    def __repr__(self) -> str:
        return f"<LoopCalls to {self._models}>"

    def infer(
        self, model: str, version: int, request: TensorRequest, on_response: OnResponse, *, decoupled: bool
    ) -> None:
        """Ask a model; its responses, or the error, come later, on the event loop."""

        def ask() -> None:
            try:
                self._find(model, version, decoupled=decoupled).submit_tensors(request, on_response)
            except TensorError as error:
                text = f"Model {model} - Error when running inference: {error.message}"
                on_response(TensorResponse(error=TensorError(text, Code.INTERNAL)), True)

        self._loop.call_soon_threadsafe(ask)

    def load(self, model: str, config: str, files: Mapping[str, bytes]) -> None:
        """Load a model, and wait until it is there; raises TensorError."""
        override = Override(config, files) if config or files else None
        asyncio.run_coroutine_threadsafe(self._models.load_model(model, override), self._loop).result()

    def unload(self, model: str, *, unload_dependents: bool) -> None:
        """Unload a model; raises TensorError."""
        unloading = self._models.unload_model(model, unload_dependents=unload_dependents)
        asyncio.run_coroutine_threadsafe(unloading, self._loop).result()

    def is_ready(self, model: str, version: str) -> bool:
        """Whether a version, or any if none is named, serves; raises TensorError for a version that is no number."""
        if version and not version.lstrip("-").isdigit():
            raise TensorError(f"the version of model '{model}' has to be a number, not '{version}'")
        return self._models.is_model_ready(model, int(version) if version else -1)

    def _find(self, model: str, version: int, *, decoupled: bool) -> TensorVersion | EnsembleVersion:
        try:
            found = self._models.find(model, version)
        except TensorError:
            raise TensorError(FAILED.format(model)) from None
        if found.model.is_decoupled and not decoupled:
            raise TensorError(DECOUPLED.format(model))
        return found
