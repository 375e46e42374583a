"""Modules with the names of vLLM that TorchServe's handler uses; the engine counts its tokens."""

import asyncio
import types
from collections.abc import AsyncIterator, Mapping
from typing import Any


class AsyncEngineArgs:
    """Arguments by their names."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.served_model_name: list[str] | None = None
        self.max_num_seqs = 1


class AsyncLLMEngine:
    """An engine that lives on one event loop."""

    def __init__(self, arguments: AsyncEngineArgs) -> None:
        self.arguments = arguments

    @classmethod
    def from_engine_args(cls, arguments: AsyncEngineArgs) -> "AsyncLLMEngine":
        """Start."""
        return cls(arguments)

    async def get_model_config(self) -> AsyncEngineArgs:
        """The arguments."""
        self.loop = asyncio.get_running_loop()
        return self.arguments


class Dumped(types.SimpleNamespace):
    """Fields as pydantic's models dump them."""

    def model_dump(self) -> dict[str, Any]:
        """The fields."""
        return vars(self)

    @classmethod
    def model_validate(cls, fields: Mapping[str, Any]) -> "Dumped":
        """A request."""
        return cls(**{"stream": False, **fields})


class ErrorResponse(Dumped):
    """An error."""


class Serving:
    """Both of OpenAI's services."""

    def __init__(self, engine: Any, config: Any, names: list[str], *role: str, **options: Any) -> None:
        self.engine, self.names, self.options = engine, names, options

    async def show_available_models(self) -> Dumped:
        """The names."""
        return Dumped(data=self.names)

    async def create_completion(self, request: Any, raw_request: Any) -> Any:
        """Pieces, the whole, or an error."""
        assert asyncio.get_running_loop() is self.engine.loop
        assert not await raw_request.is_disconnected()
        if request.model not in self.names:
            return ErrorResponse(message="no such model")
        return self._pieces() if request.stream else Dumped(text="token0 token1")

    create_chat_completion = create_completion

    async def _pieces(self) -> AsyncIterator[str]:
        for number in range(2):
            yield f"data: token{number}\n\n"
        yield "data: [DONE]\n\n"


class LoRAModulePath(types.SimpleNamespace):
    """An adapter."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name=name, path=path)


def modules() -> dict[str, types.ModuleType]:
    """The modules by their names."""
    contents: dict[str, dict[str, Any]] = {
        "vllm": {"AsyncEngineArgs": AsyncEngineArgs, "AsyncLLMEngine": AsyncLLMEngine},
        "vllm.entrypoints": {},
        "vllm.entrypoints.openai": {},
        "vllm.entrypoints.openai.protocol": {
            "CompletionRequest": Dumped, "ChatCompletionRequest": Dumped, "ErrorResponse": ErrorResponse,
        },
        "vllm.entrypoints.openai.serving_engine": {"LoRAModulePath": LoRAModulePath},
        "vllm.entrypoints.openai.serving_chat": {"OpenAIServingChat": Serving},
        "vllm.entrypoints.openai.serving_completion": {"OpenAIServingCompletion": Serving},
    }  # fmt: skip
    made = {name: types.ModuleType(name) for name in contents}
    for name, values in contents.items():
        vars(made[name]).update(values)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(made[parent], last, made[name])
    return made
