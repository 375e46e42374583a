"""The release of torch-model-archiver whose names these are."""

__version__ = "0.12.0"
