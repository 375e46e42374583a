"""Archives of workflows from Python: the names of the package behind torch-workflow-archiver."""

__version__ = "0.2.15"
