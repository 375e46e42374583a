"""What goes wrong with an archive."""


class ModelArchiverError(Exception):
    """The archive cannot be made."""
