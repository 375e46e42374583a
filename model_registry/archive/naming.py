"""Default names of archives and models: pure functions of urls, as TorchServe reads them."""

import re
from urllib.parse import urlsplit

SCHEMES = ("http", "https", "file", "ftp")


def file_name(url: str) -> str:
    """The last segment of a url or path: the name of the archive's file in the store.

    Of a web address only the path counts, not percent-decoded; of anything else the whole string.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    path = parts.path if parts.scheme in SCHEMES else url.rstrip("/")
    return re.split(r"[/\\]", path)[-1]


def default_name(url: str) -> str:
    """The name of a start-up model that neither `--models` nor the manifest names.

    The file name, without its last suffix if the url mentions ".mar" or ".model", and "_" for special characters.
    """
    name = url.rpartition("/")[2]
    if ".mar" in url or ".model" in url:
        name = name.rpartition(".")[0] or name
    return re.sub(r"\W|^_", "_", name, flags=re.ASCII)
