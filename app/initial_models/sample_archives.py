"""The sample archives that come with marserve: flowers and signs. Neither needs torch."""

import argparse
import logging
from pathlib import Path

import handler
from model_registry.archive.archive_spec import ArchiveSpec
from model_registry.archive.packer import pack

LOG = logging.getLogger("marserve.sample_archives")
EXAMPLES = Path(handler.__file__).parent / "examples"


def build_samples(store: Path) -> list[str]:
    """Write the archives to the folder, which is created if missing; returns "name=file" for each, as for `--models`.

    Older archives of these names are replaced if the files that they were made of have changed since. Raises OSError.
    """
    store.mkdir(parents=True, exist_ok=True)
    specs = (everyday(), sign())
    for spec in specs:
        if not _is_fresh(store / f"{spec.model_name}.mar", spec):
            LOG.info("Making the sample archive %s.mar in %s", spec.model_name, store)
            pack(spec, store, force=True)
    return [f"{spec.model_name}={spec.model_name}.mar" for spec in specs]


def everyday() -> ArchiveSpec:
    """Four numbers in, the name of a flower out; a class and numpy."""
    folder = EXAMPLES / "everyday"
    return ArchiveSpec(
        model_name="everyday",
        version="1.0",
        handler=str(folder / "handler.py"),
        extra_files=(str(folder / "flowers.json"),),
        config_file=str(folder / "model-config.yaml"),
    )


def sign() -> ArchiveSpec:
    """Landmarks of hands and body in, the sign that they make out; numpy and ONNX Runtime."""
    folder = EXAMPLES / "signflow"
    parts = ("features.py", "preprocessing.py", "postprocessing.py", "index_to_name.json")
    return ArchiveSpec(
        model_name="sign",
        version="1.0",
        handler=str(folder / "onnx_handler.py"),
        serialized_file=str(folder / "transformer.onnx"),
        extra_files=tuple(str(folder / part) for part in parts),
        config_file=str(folder / "model-config.yaml"),
    )


def main(argv: list[str] | None = None) -> None:
    """Write the archives to the named folder, and print them as `--models` takes them."""
    parser = argparse.ArgumentParser(prog="python -m app.initial_models.sample_archives", description=__doc__)
    parser.add_argument("store", type=Path, help="the folder for the archives")
    print(*build_samples(parser.parse_args(argv).store))


def _is_fresh(archive: Path, spec: ArchiveSpec) -> bool:
    if not archive.is_file():
        return False
    newest = max(file.stat().st_mtime_ns for file in spec.files().values())
    return archive.stat().st_mtime_ns > newest


if __name__ == "__main__":
    main()
