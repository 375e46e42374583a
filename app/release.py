"""The version of this distribution."""


def version() -> str:
    """As installed; `0` where the packages are used without having been installed."""
    from importlib import metadata  # costs more than the rest of the command line

    try:
        return metadata.version("marserve")
    except metadata.PackageNotFoundError:
        return "0"
