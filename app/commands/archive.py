"""The command torch-model-archiver: its flags, messages and exit statuses."""

import argparse
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from model_registry.archive.archive_spec import ArchiveSpec, PackingError
from model_registry.archive.manifest import RUNTIMES
from model_registry.archive.packer import FORMATS, pack


def main(argv: list[str] | None = None) -> int:
    """Make the archive that the arguments ask for; 0, or 1 with a message. Wrong arguments exit with 2."""
    arguments = make_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s - %(message)s")
    try:
        spec = ArchiveSpec(
            model_name=arguments.model_name,
            version=arguments.version,
            handler=arguments.handler,
            model_file=arguments.model_file,
            serialized_file=arguments.serialized_file,
            extra_files=tuple((arguments.extra_files or "").split(",")),
            requirements_file=arguments.requirements_file,
            config_file=arguments.config_file,
            runtime=arguments.runtime,
        )
        pack(spec, arguments.export_path, arguments.archive_format, force=arguments.force, created=creation_time())
    except (PackingError, OSError) as error:
        print(f"ERROR - {error}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The flags of torch-model-archiver."""
    parser = argparse.ArgumentParser(prog="torch-model-archiver", description="Makes archives of models to be served.")
    add = parser.add_argument
    add("--model-name", required=True, help="name of the model, and of the archive")
    add("--serialized-file", help="file with the weights: .pt, .pth, .onnx")
    add("--model-file", help="Python file with the one class of an eager model")
    add("--handler", required=True, help="Python file of the handler, or the name of a built-in one")
    add("--extra-files", help="comma-separated files, folders and wildcards, whose files lie beside the handler's")
    add("--runtime", choices=RUNTIMES, default="python", help="language of the handler (default: python)")
    add("--export-path", type=Path, default=Path(), help="folder for the archive (default: the working folder)")
    add("--archive-format", choices=FORMATS, default="default", help="a .mar file, unless another form is named")
    add("-f", "--force", action="store_true", help="replace an older archive of the same name")
    add("-v", "--version", required=True, help="version of the model")
    add("-r", "--requirements-file", help="requirements.txt of the packages that the handler needs")
    add("-c", "--config-file", help="YAML file with the model's configuration")
    return parser


def creation_time() -> datetime | None:
    """The time that reproducible builds ask for; None means now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else None
