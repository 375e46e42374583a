"""The function at the end of the workflow."""

import json


def join(data, context):
    """The writer's answer with the retriever's sources."""
    return [answer(json.loads(row["retriever"]), json.loads(row["writer"])) for row in data or []]


def answer(request, completion):
    """An answer, or the error that the writer gave instead."""
    if "error" in completion:
        return completion
    return {"answer": completion["choices"][0]["message"]["content"], "sources": request["metadata"]["sources"]}
