"""The example of answers from documents: a workflow over two archives, which are made here."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from handler.examples.rag import build
from handler.examples.rag.embedder import HashingEmbedder
from tests.support.serving import serving
from tests.support.workflows import ask, register

QUESTIONS = build.read("questions.json")
DOCUMENTS = build.read("documents.json")


@pytest.mark.anyio
async def test_a_question_is_answered_from_the_document_that_it_is_about(store: Path) -> None:
    build.main([str(store), "--no-compile", "--steps", "0"])
    async with serving(store) as client:
        registered = await register(client, "rag.war")
        assert registered.status_code == 200, registered.text
        assert (await client.register("writer.mar", synchronous=True)).status_code == 200
        for number in (0, 5):
            answer = (await ask(client, "rag", QUESTIONS[number][0])).json()
            assert answer["sources"] == [DOCUMENTS[number]]
            assert answer["answer"] == await written(client, DOCUMENTS[number], QUESTIONS[number][0])
        too_long = (await ask(client, "rag", "word " * 100)).json()
        assert "a prompt and its answer have 1 to 384 tokens" in too_long["error"]["message"]


async def written(client: Any, document: str, question: str) -> str:
    """The writer's own answer, asked as OpenAI's clients do."""
    messages = [{"role": "system", "content": document}, {"role": "user", "content": question}]
    path = "/predictions/writer/1.0/v1/chat/completions"
    answer = (await client.http.post(path, json={"messages": messages, "max_tokens": 64})).json()
    return str(answer["choices"][0]["message"]["content"])


def test_each_question_of_the_example_is_closest_to_its_document() -> None:
    embedder = HashingEmbedder()
    scores = embedder.embed([question for question, _ in QUESTIONS]) @ embedder.embed(DOCUMENTS).T
    assert scores.argmax(1).tolist() == list(range(len(DOCUMENTS)))
    assert not embedder.embed(["", "?!"]).any()


def test_a_model_of_transformers_embeds_each_text_as_it_does_alone(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `generative` is not installed")
    from handler.examples.rag.embedder import PretrainedEmbedder
    from tests.support.examples import chat_module

    chat_module("make_model").make_model(tmp_path)
    embedder = PretrainedEmbedder(tmp_path, "cpu")
    texts = ["short", "a text that is longer"]
    together = embedder.embed(texts)
    assert together.shape == (2, 64)
    for row, text in zip(together, texts, strict=True):
        assert float(row @ embedder.embed([text])[0]) == pytest.approx(1, abs=1e-5)


def test_the_archive_for_a_model_of_transformers_holds_no_weights(tmp_path: Path) -> None:
    from zipfile import ZipFile

    build.main([str(tmp_path), "--writer", "/models/llama", "--embedder", "/models/minilm", "--count", "3"])
    with ZipFile(tmp_path / "writer.mar") as archive:
        assert "weights.pt" not in archive.namelist()
        config = json.loads(archive.read("model-config.yaml"))
    assert config["handler"]["path"] == "/models/llama"
    assert config["pt2"]["compile"]["enable"]
    with ZipFile(tmp_path / "retriever.mar") as archive:
        retriever = json.loads(archive.read("model-config.yaml"))["handler"]
    assert retriever == {"documents": "documents.json", "count": 3, "path": "/models/minilm"}
