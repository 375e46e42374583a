"""From arguments to an archive."""

import logging
import sys
from pathlib import Path

logger = logging.getLogger(__name__)


def generate_workflow_archive():
    """Make the archive that the program's arguments ask for; exits with the command's status."""
    import marserve

    sys.exit(marserve.torch_workflow_archiver())


def package_workflow(args, manifest=None):
    """Make an archive of parsed arguments; the manifest follows from them. Exits with 1 where that cannot be."""
    import marserve

    marserve.find_own_packages()
    from model_registry.archive.archive_spec import PackingError
    from model_registry.archive.packer import pack
    from model_registry.archive.workflow_archive_spec import WorkflowArchiveSpec

    try:
        extra_files = tuple((args.extra_files or "").split(","))
        spec = WorkflowArchiveSpec(args.workflow_name, args.spec_file, args.handler, extra_files)
        made = pack(spec, Path(args.export_path), force=args.force)
    except (PackingError, OSError) as error:
        logger.error(error)
        sys.exit(1)
    logger.info("Successfully exported workflow %s to file %s", args.workflow_name, made)
