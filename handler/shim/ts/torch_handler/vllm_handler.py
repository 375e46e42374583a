"""vLLM behind OpenAI's paths: `url_path` says which of them a request is for. vLLM is imported when this module is.

model-config.yaml has `handler.model_path` or `handler.vllm_engine_config.model`, any further arguments of vLLM's engine
under `handler.vllm_engine_config`, LoRA adapters as `handler.adapters` ({name: path}), and `handler.chat_template`.
"""

import asyncio
import os
import pathlib
import time
import types

from vllm import AsyncEngineArgs, AsyncLLMEngine
from vllm.entrypoints.openai import protocol, serving_engine
from vllm.entrypoints.openai.serving_chat import OpenAIServingChat
from vllm.entrypoints.openai.serving_completion import OpenAIServingCompletion

from ts.handler_utils.utils import send_intermediate_predict_response
from ts.service import PredictionException
from ts.torch_handler.base_handler import BaseHandler

MODELS = "v1/models"
DONE = "data: [DONE]\n\n"


class VLLMHandler(BaseHandler):
    """Serves one request with each call of `handle`, many at once: asyncCommunication has to be on."""

    def __init__(self):
        super().__init__()
        self.vllm_engine = None
        self.model_name = None
        self.model_dir = None
        self.lora_ids = {}
        self.adapters = None
        self.chat_completion_service = None
        self.completion_service = None
        self.raw_request = None
        self.initialized = False

    def initialize(self, ctx):
        """Start the engine, on the event loop that serves the requests later."""
        config = ctx.model_yaml_config.get("handler", {})
        self.model_dir = ctx.system_properties.get("model_dir")
        arguments = self._get_vllm_engine_config(config)
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
        self.vllm_engine = AsyncLLMEngine.from_engine_args(arguments)
        self.adapters = config.get("adapters", {})
        names = arguments.served_model_name or [arguments.model]
        loop = asyncio.get_event_loop()
        model_config = loop.run_until_complete(self.vllm_engine.get_model_config())
        options = {
            "lora_modules": [serving_engine.LoRAModulePath(name, path) for name, path in self.adapters.items()],
            "prompt_adapters": None,
            "request_logger": None,
        }
        self.completion_service = OpenAIServingCompletion(self.vllm_engine, model_config, names, **options)
        self.chat_completion_service = OpenAIServingChat(
            self.vllm_engine, model_config, names, "assistant", **options, chat_template=config.get("chat_template")
        )
        self.raw_request = types.SimpleNamespace(headers={}, is_disconnected=_is_disconnected)
        self.initialized = True

    async def handle(self, data, context):
        """The answer to one request; those with `stream` are sent in pieces, as vLLM makes them."""
        started = time.time()
        output = await self.inference(await self.preprocess(data, context), context)
        output = await self.postprocess(output)
        context.metrics.add_time("HandlerTime", round((time.time() - started) * 1000, 2), None, "ms")
        return output

    async def preprocess(self, requests, context):
        """The body of the only request: a dict, or text."""
        assert len(requests) == 1, "Expecting batch_size = 1"
        body = requests[0].get("data") or requests[0].get("body")
        return [body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body]

    async def inference(self, input_batch, context):
        """Ask vLLM; raises PredictionException with 404 for a path that it does not have."""
        path = context.get_request_header(0, "url_path")
        if path == MODELS:
            return [(await self.chat_completion_service.show_available_models()).model_dump()]
        known = {
            "v1/completions": (protocol.CompletionRequest, self.completion_service, "create_completion"),
            "v1/chat/completions": (
                protocol.ChatCompletionRequest,
                self.chat_completion_service,
                "create_chat_completion",
            ),
        }
        if path not in known:
            raise PredictionException(f"Unknown API endpoint: {path}", 404)
        kind, service, method = known[path]
        request = kind.model_validate(input_batch[0])
        answer = await getattr(service, method)(request, self.raw_request)
        if isinstance(answer, protocol.ErrorResponse) or not request.stream:
            return [answer.model_dump()]
        return [await self._stream(answer, context)]

    async def postprocess(self, inference_outputs):
        """The answers as they are."""
        return inference_outputs

    async def _stream(self, pieces, context):
        """Send the pieces but the last, which is returned."""
        piece = DONE
        async for piece in pieces:
            if piece != DONE:
                send_intermediate_predict_response([piece], context.request_ids, "Result", 200, context)
        return piece

    def _get_vllm_engine_config(self, handler_config):
        """The arguments of the engine: those that vLLM knows of `vllm_engine_config`, and the model's name or path."""
        given = handler_config.get("vllm_engine_config", {})
        model = given.get("model") or handler_config.get("model_path")
        assert model, "please define model in vllm_engine_config or model_path in handler"
        local = pathlib.Path(self.model_dir, model)
        if not given.get("model") and local.exists():
            model = local.as_posix()
        arguments = AsyncEngineArgs(model=model)
        self._set_attr_value(arguments, given)
        return arguments

    def _set_attr_value(self, obj, config):
        known = vars(obj)
        for name, value in config.items():
            if name in known:
                setattr(obj, name, value)


async def _is_disconnected():
    """False: the server cancels the requests of clients that have disconnected."""
    return False
