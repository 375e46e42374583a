"""What goes wrong with an archive."""


class WorkflowArchiverError(Exception):
    """The archive cannot be made."""
