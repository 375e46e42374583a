"""Packs sign.mar with the model in TorchScript, for GPUs: python -m signflow.training.torchscript_archive STORE"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from app.initial_models.sample_archives import sign
from model_registry.archive.packer import pack
from signflow.archive import FOLDER

from .export import main as export


def main(argv: list[str] | None = None) -> None:
    """Replace sign.mar in the folder, which is made if need be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path, help="the folder for the archive")
    store = parser.parse_args(argv).store
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder, "transformer.pt"))
        export([weights])
        spec = dataclasses.replace(sign(), handler=str(FOLDER / "handler.py"), serialized_file=weights)
        print(pack(spec, store, force=True))


if __name__ == "__main__":
    main()
