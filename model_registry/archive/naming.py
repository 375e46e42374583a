"""Names of archives and models: their defaults, which are pure functions of urls, and those that are refused."""

import re
from urllib.parse import urlsplit

from model_registry.errors import InvalidName

MAX_NAME_CHARACTERS = 255
ARCHIVE_SUFFIXES = (".mar", ".model", ".tar.gz", ".tgz")
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


def check_name(kind: str, name: str) -> None:
    """Refuse a name that no request can carry; raises InvalidName. TorchServe takes all others; logs escape them."""
    if not name:
        raise InvalidName(kind, name, "it is empty.")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidName(kind, name, f"it has more than {MAX_NAME_CHARACTERS} characters.")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise InvalidName(kind, name, "it contains half of a surrogate pair.")
