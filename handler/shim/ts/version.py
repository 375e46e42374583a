"""The release of TorchServe whose contract this package keeps."""

__version__ = "0.12.0"
