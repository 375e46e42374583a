"""The command torch-workflow-archiver: its flags, messages and exit statuses."""

import argparse
import logging
import sys
from pathlib import Path

from app.commands.archive import creation_time
from model_registry.archive.archive_spec import PackingError
from model_registry.archive.packer import pack
from model_registry.archive.workflow_archive_spec import WorkflowArchiveSpec


def main(argv: list[str] | None = None) -> int:
    """Make the archive that the arguments ask for; 0, or 1 with a message. Wrong arguments exit with 2."""
    arguments = make_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s - %(message)s")
    try:
        extra_files = tuple((arguments.extra_files or "").split(","))
        spec = WorkflowArchiveSpec(arguments.workflow_name, arguments.spec_file, arguments.handler, extra_files)
        pack(spec, arguments.export_path, force=arguments.force, created=creation_time())
    except (PackingError, OSError) as error:
        print(f"ERROR - {error}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The flags of torch-workflow-archiver."""
    parser = argparse.ArgumentParser(prog="torch-workflow-archiver", description="Makes archives of workflows.")
    add = parser.add_argument
    add("--workflow-name", required=True, help="name of the workflow, and of the archive")
    add("--spec-file", required=True, help="YAML file with the models and their graph")
    add("--handler", help="Python file with the functions among the nodes")
    add("--export-path", type=Path, default=Path(), help="folder for the archive (default: the working folder)")
    add("-f", "--force", action="store_true", help="replace an older archive of the same name")
    add("--extra-files", help="comma-separated files, folders and wildcards, whose files lie beside the handler's")
    return parser
