"""The error of an archive that cannot be made."""


class WorkflowArchiverError(Exception):
    """The archive cannot be made."""
