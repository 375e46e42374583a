"""OpenAI's interface in front of a language model: POST /predictions/NAME/1.0/v1/chat/completions and its kin."""

import json
import time
from contextlib import aclosing

from loading import load_model
from scheduler import Scheduler
from text_stream import TextStream
from ts.handler_utils.utils import send_intermediate_predict_response

MAX_TOKENS = 64


class ChatHandler:
    """Serves many requests at once (asyncCommunication: true); sequences share the steps of one model."""

    def initialize(self, context):
        """Load the model; `handler` of model-config.yaml has the parameters of its class, and `path` or `weights`."""
        self.name = context.model_name
        self.model = load_model(context)
        self.scheduler = Scheduler(self.model)
        self.methods = {
            "v1/models": self.list_models,
            "v1/completions": self.complete,
            "v1/chat/completions": self.chat,
            "v1/embeddings": self.embed,
        }

    async def handle(self, data, context):
        """The answer to one request; with `stream` its pieces are sent before."""
        context.set_response_content_type(0, "application/json")
        try:
            body = data[0].get("body") or {}
            body = body if isinstance(body, dict) else json.loads(body)
            path = context.get_request_header(0, "url_path") or path_of(body)
            if path not in self.methods:
                return self.refuse(context, 404, f"Unknown API endpoint: {path}")
            return await self.methods[path](body, context)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self.refuse(context, 400, f"{type(error).__name__}: {error}")

    async def list_models(self, body, context):
        """The only model."""
        return [{"object": "list", "data": [{"id": self.name, "object": "model", "created": 0, "owned_by": "local"}]}]

    async def embed(self, body, context):
        """The embeddings of one text or several."""
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        tokens = [self.model.encode(text) for text in texts]
        vectors = [await self.scheduler.embed(each) for each in tokens]
        data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(vectors)]
        return [{"object": "list", "model": self.name, "data": data, "usage": usage(sum(map(len, tokens)), 0)}]

    async def complete(self, body, context):
        """The continuation of a prompt."""
        tokens = self.model.encode(body["prompt"])
        return await self.answer(body, context, tokens, "text_completion", lambda text, is_piece: {"text": text})

    async def chat(self, body, context):
        """The assistant's message after those of a chat."""

        def message(text, is_piece):
            return {"delta" if is_piece else "message": {"role": "assistant", "content": text}}

        kind = "chat.completion.chunk" if body.get("stream") else "chat.completion"
        return await self.answer(body, context, self.model.encode_chat(body["messages"]), kind, message)

    async def answer(self, body, context, prompt, kind, choice):
        """The whole answer, or with `stream` the end of its server-sent events."""
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or MAX_TOKENS
        head = {"id": context.get_request_id(0), "object": kind, "created": int(time.time()), "model": self.name}
        tokens = self.scheduler.generate(prompt, limit, float(body.get("temperature") or 0))
        pieces = TextStream(tokens, self.model.decode)

        def choices(text, is_piece, reason):
            return {"choices": [{"index": 0, **choice(text, is_piece), "finish_reason": reason}]}

        if body.get("stream"):
            context.set_response_content_type(0, "text/event-stream")
            async with aclosing(aiter(pieces)) as texts:
                async for text in texts:
                    send_event({**head, **choices(text, True, None)}, context)
            send_event({**head, **choices("", True, reason_of(pieces, limit))}, context)
            if (body.get("stream_options") or {}).get("include_usage"):
                send_event({**head, "choices": [], "usage": usage(len(prompt), pieces.count)}, context)
            return ["data: [DONE]\n\n"]
        text = "".join([text async for text in pieces])
        numbers = {"usage": usage(len(prompt), pieces.count)}
        return [{**head, **choices(text, False, reason_of(pieces, limit)), **numbers}]

    def refuse(self, context, status, message):
        """An error in OpenAI's form."""
        context.set_response_status(status, "", 0)
        return [{"error": {"message": message, "type": "invalid_request_error", "code": status}}]


def path_of(body):
    """The interface that a body without a path is for."""
    return "v1/chat/completions" if "messages" in body else "v1/completions"


def send_event(content, context):
    """Send a server-sent event ahead of the answer, as TorchServe does it."""
    event = f"data: {json.dumps(content)}\n\n"
    send_intermediate_predict_response([event], context.request_ids, "Result", 200, context)


def reason_of(pieces, limit):
    """The text's end: the model's own, or the limit."""
    return "length" if pieces.count == limit else "stop"


def usage(prompt, completion):
    """The numbers of tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
