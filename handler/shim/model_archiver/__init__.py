"""Archives of models from Python: the names of the package behind torch-model-archiver."""

from model_archiver.version import __version__

from model_archiver.model_archiver import ModelArchiver  # isort: skip (the modules know the version)
from model_archiver.model_archiver_config import ModelArchiverConfig  # isort: skip

__all__ = ["ModelArchiver", "ModelArchiverConfig", "__version__"]
