"""Finds the documents that are closest to a question, and makes a language model's request of both."""

import json
from pathlib import Path

from embedder import HashingEmbedder, PretrainedEmbedder


class Retriever:
    """Its documents' vectors are made when it loads: `documents` is a JSON list of texts."""

    def initialize(self, context):
        """`handler` of model-config.yaml has `documents`, `count`, `max_tokens` and `path`, a model of transformers."""
        properties = context.system_properties
        config = {"documents": "documents.json", "count": 1, "max_tokens": 64, **context.model_yaml_config["handler"]}
        self.count, self.max_tokens = config["count"], config["max_tokens"]
        gpu = properties.get("gpu_id")
        device = "cpu" if gpu is None else f"cuda:{gpu}"
        self.embedder = PretrainedEmbedder(config["path"], device) if "path" in config else HashingEmbedder()
        self.documents = json.loads(Path(properties["model_dir"], config["documents"]).read_text(encoding="utf-8"))
        self.vectors = self.embedder.embed(self.documents)

    def handle(self, data, context):
        """A request to a chat for each question of the batch."""
        questions = [text_of(row.get("body") or row.get("data") or "") for row in data]
        if not questions:
            return []
        closest = (-(self.embedder.embed(questions) @ self.vectors.T)).argsort(axis=1, kind="stable")
        return [
            self.request(question, [self.documents[index] for index in best[: self.count]])
            for question, best in zip(questions, closest, strict=True)
        ]

    def request(self, question, passages):
        """The body of a chat; `metadata` keeps the passages for the end of the workflow."""
        messages = [{"role": "system", "content": " ".join(passages)}, {"role": "user", "content": question}]
        return {"messages": messages, "max_tokens": self.max_tokens, "metadata": {"sources": passages}}


def text_of(body):
    """A question: text, bytes, or {"question": ...}."""
    if isinstance(body, (bytes, bytearray)):
        body = body.decode()
    return body["question"] if isinstance(body, dict) else body
