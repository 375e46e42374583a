"""Writes prompter.mar, artist.mar and pictures.war: `python -m handler.examples.pictures.build STORE`.

Without further options both models are small and made here, in about a minute.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from handler.examples.building import CHAT_FILES, language_model, write_archive, write_workflow

HERE = Path(__file__).parent
SHAPE = {"width": 64, "depth": 2, "heads": 4, "length": 256}


def write_prompter(store: Path, path: str | None, steps: int, compiled: bool) -> None:
    """Write prompter.mar."""
    from fit import fit

    from handler.examples.pictures.fitting import STYLE, WORDS

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.pt")
        if not path:
            torch.save(fit([(words, STYLE) for words in WORDS], steps, **SHAPE).state_dict(), weights)
        config = language_model(path, {**SHAPE, "slots": 8, "weights": weights.name}, compiled)
        write_archive(store, "prompter", HERE / "prompter.py", CHAT_FILES if path else [*CHAT_FILES, weights], config)


def write_artist(store: Path, path: str | None, steps: int) -> None:
    """Write artist.mar."""
    from handler.examples.pictures.fitting import FILE, fit_painter

    with tempfile.TemporaryDirectory() as folder:
        small = {"pipeline": "painter.Painter", "path": ".", "steps": 10}
        real = {"pipeline": "diffusers.DiffusionPipeline", "path": str(Path(path or "").resolve()), "steps": 25}
        if not path:
            fit_painter(Path(folder), steps)
        files = [] if path else [HERE / "painter.py", Path(folder, FILE)]
        config = {"minWorkers": 1, "maxWorkers": 1, "handler": {"seed": 0, **(real if path else small)}}
        write_archive(store, "artist", HERE / "artist.py", files, config)


def main(arguments: list[str] | None = None) -> None:
    """Write the three archives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--prompter", help="folder of a causal language model of transformers")
    parser.add_argument("--artist", help="folder of a text-to-image pipeline of diffusers")
    parser.add_argument("--steps", type=int, default=100, help="steps of fitting the small models")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it takes a C++ compiler")
    options = parser.parse_args(arguments)
    options.store.mkdir(parents=True, exist_ok=True)
    write_prompter(options.store, options.prompter, options.steps, not options.no_compile)
    write_artist(options.store, options.artist, 4 * options.steps)
    write_workflow(options.store, "pictures", HERE / "workflow.yaml")


if __name__ == "__main__":
    main()
