"""From a configuration, or the command's arguments, to an archive."""

import logging
import sys
from pathlib import Path

from model_archiver.model_archiver_error import ModelArchiverError
from model_archiver.model_packaging_utils import ModelExportUtils

logger = logging.getLogger(__name__)


def generate_model_archive(config=None):
    """Make the archive that a ModelArchiverConfig describes, or else that the program's arguments ask for.

    Raises ModelArchiverError, and FileNotFoundError for a part that is not there.
    """
    if config is None:
        import marserve

        sys.exit(marserve.torch_model_archiver())
    package_model(config)


def package_model(config, manifest=None):
    """Make an archive; the manifest follows from the configuration."""
    import marserve

    marserve.find_own_packages()
    from model_registry.archive.archive_spec import PackingError
    from model_registry.archive.packer import pack

    ModelExportUtils.validate_inputs(config.model_name, config.export_path)
    try:
        spec = ModelExportUtils.generate_model(config)
        made = pack(spec, Path(config.export_path), config.archive_format, force=config.force)
    except PackingError as error:
        logger.error(error)
        kind = FileNotFoundError if str(error).startswith("File does not exist") else ModelArchiverError
        raise kind(str(error)) from None
    logger.info("Successfully exported model %s to file %s", config.model_name, made)
