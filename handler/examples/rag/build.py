"""Writes retriever.mar, writer.mar and rag.war: `python -m handler.examples.rag.build STORE`.

Without further options all models are small and made here, in about a minute.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch

from handler.examples.building import CHAT, CHAT_FILES, language_model, write_archive, write_workflow

HERE = Path(__file__).parent
SHAPE = {"width": 64, "depth": 2, "heads": 4, "length": 384}


def fit_writer(file: Path, steps: int) -> None:
    """Fit the small decoder to the example's questions, each with the document that answers it."""
    from fit import fit

    pairs = zip(read("documents.json"), read("questions.json"), strict=True)
    texts = [(f"system: {document}\nuser: {question}\nassistant: ", said) for document, (question, said) in pairs]
    torch.save(fit(texts, steps, **SHAPE).state_dict(), file)


def read(name: str) -> list:
    """One of the example's lists."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> None:
    """Write the three archives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--writer", help="folder of a causal language model of transformers")
    parser.add_argument("--embedder", help="folder of a model of transformers for embeddings")
    parser.add_argument("--documents", type=Path, default=HERE / "documents.json", help="a JSON list of texts")
    parser.add_argument("--count", type=int, default=1, help="documents for each question")
    parser.add_argument("--steps", type=int, default=150, help="steps of fitting the small writer")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it takes a C++ compiler")
    options = parser.parse_args(arguments)
    options.store.mkdir(parents=True, exist_ok=True)
    retriever = {"documents": options.documents.name, "count": options.count}
    if options.embedder:
        retriever["path"] = str(Path(options.embedder).resolve())
    files = [HERE / "embedder.py", options.documents]
    write_archive(options.store, "retriever", HERE / "retriever.py", files, {"handler": retriever})
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.pt")
        if not options.writer:
            fit_writer(weights, options.steps)
        small = {**SHAPE, "slots": 8, "weights": weights.name}
        config = language_model(options.writer, small, not options.no_compile)
        files = CHAT_FILES if options.writer else [*CHAT_FILES, weights]
        write_archive(options.store, "writer", CHAT / "handler.py", files, config)
    write_workflow(options.store, "rag", HERE / "workflow.yaml", HERE / "functions.py")


if __name__ == "__main__":
    main()
