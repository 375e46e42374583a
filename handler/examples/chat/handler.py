"""OpenAI's interface in front of a language model: POST /predictions/NAME/1.0/v1/chat/completions and its kin."""

import json
import time
from contextlib import aclosing

from decoder import END, Decoder
from scheduler import Scheduler

MAX_TOKENS = 64


class ChatHandler:
    """Serves many requests at once (asyncCommunication: true); sequences share the steps of one model."""

    def initialize(self, context):
        """Build the model; `handler` of model-config.yaml has the Decoder's parameters."""
        config = dict((context.model_yaml_config or {}).get("handler") or {})
        self.name = context.model_name
        self.model = Decoder(**config).eval()
        gpu = context.system_properties.get("gpu_id")
        if gpu is not None:
            self.model.to(f"cuda:{gpu}")
        self.scheduler = Scheduler(self.model, END)
        self.methods = {
            "v1/models": self.list_models,
            "v1/completions": self.complete,
            "v1/chat/completions": self.chat,
            "v1/embeddings": self.embed,
        }

    async def handle(self, data, context):
        """The answer to one request, or a generator of its pieces."""
        path = context.get_request_header(0, "url_path") or "v1/completions"
        context.set_response_content_type(0, "application/json")
        method = self.methods.get(path)
        if method is None:
            return self.refuse(context, 404, f"Unknown API endpoint: {path}")
        try:
            body = data[0].get("body") or {}
            return await method(body if isinstance(body, dict) else json.loads(body), context)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self.refuse(context, 400, f"{type(error).__name__}: {error}")

    async def list_models(self, body, context):
        """The only model."""
        return [{"object": "list", "data": [{"id": self.name, "object": "model", "created": 0, "owned_by": "local"}]}]

    async def embed(self, body, context):
        """The embeddings of one text or several."""
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [await self.scheduler.embed(list(text.encode())) for text in texts]
        data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(vectors)]
        return [{"object": "list", "model": self.name, "data": data, "usage": usage(sum(map(len, texts)), 0)}]

    async def complete(self, body, context):
        """The continuation of a prompt."""
        return await self.answer(body, context, body["prompt"], lambda text, is_piece: {"text": text})

    async def chat(self, body, context):
        """The assistant's message after those of a chat."""
        prompt = "".join(f"{each['role']}: {each['content']}\n" for each in body["messages"]) + "assistant: "

        def message(text, is_piece):
            return {"delta" if is_piece else "message": {"role": "assistant", "content": text}}

        return await self.answer(body, context, prompt, message)

    async def answer(self, body, context, prompt, choice):
        """The whole answer, or with `stream` the generator of its server-sent events."""
        tokens = list(prompt.encode())
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or MAX_TOKENS
        if not tokens or len(tokens) + limit > self.model.length:
            raise ValueError(f"prompt and answer have {len(tokens)} + {limit} tokens, of {self.model.length}")
        kind = "chat.completion" if "messages" in body else "text_completion"
        head = {"id": context.get_request_id(0), "created": int(time.time()), "model": self.name}
        made = self.scheduler.generate(tokens, limit, float(body.get("temperature") or 0))
        if body.get("stream"):
            context.set_response_content_type(0, "text/event-stream")
            object_name = "chat.completion.chunk" if "messages" in body else kind
            return self.events({**head, "object": object_name}, made, choice)
        text = bytes([token async for token in made]).decode("latin-1")
        choices = [{"index": 0, **choice(text, False), "finish_reason": "stop"}]
        return [{**head, "object": kind, "choices": choices, "usage": usage(len(tokens), len(text))}]

    async def events(self, head, tokens, choice):
        """Server-sent events, one for each token."""
        async with aclosing(tokens):
            async for token in tokens:
                choices = [{"index": 0, **choice(chr(token), True), "finish_reason": None}]
                yield [f"data: {json.dumps({**head, 'choices': choices})}\n\n"]
        yield [
            f"data: {json.dumps({**head, 'choices': [{'index': 0, **choice('', True), 'finish_reason': 'stop'}]})}\n\n"
        ]
        yield ["data: [DONE]\n\n"]

    def refuse(self, context, status, message):
        """An error in OpenAI's form."""
        context.set_response_status(status, "", 0)
        return [{"error": {"message": message, "type": "invalid_request_error", "code": status}}]


def usage(prompt, completion):
    """The numbers of tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
