"""The error of an archive that cannot be made."""


class ModelArchiverError(Exception):
    """The archive cannot be made."""
