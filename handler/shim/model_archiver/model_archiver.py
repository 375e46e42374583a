"""The archiver as an object."""

from model_archiver.model_packaging import generate_model_archive


class ModelArchiver:
    """Makes archives."""

    @staticmethod
    def generate_model_archive(config):
        """Make the archive that a ModelArchiverConfig describes; raises ModelArchiverError."""
        generate_model_archive(config)
