"""Addresses of objects: scheme, bucket and key."""

import re
from typing import NamedTuple, Self

_PATTERN = re.compile(r"(?P<scheme>s3|gs|az)://(?P<bucket>[^/?#]+)(/(?P<key>[^?#]*))?", re.IGNORECASE)
FORMS = "s3://BUCKET/KEY, gs://BUCKET/KEY or az://CONTAINER/KEY"


def is_object_url(url: str) -> bool:
    """Whether an address is one of an object, or of all whose keys begin alike."""
    return _PATTERN.fullmatch(url) is not None


class ObjectAddress(NamedTuple):
    """The address of an object, or of all objects below a prefix; the key has no slash at its ends."""

    scheme: str
    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address; raises ValueError."""
        match = _PATTERN.fullmatch(url)
        if match is None:
            raise ValueError(f"expected {FORMS}")
        return cls(match["scheme"].lower(), match["bucket"], (match["key"] or "").strip("/"))

    def __str__(self) -> str:
        return f"{self.root}/{self.key}"

    @property
    def root(self) -> str:
        """The address of the bucket."""
        return f"{self.scheme}://{self.bucket}"

    @property
    def name(self) -> str:
        """The last segment of the key."""
        return self.key.rpartition("/")[2]

    def child(self, name: str) -> Self:
        """The address of an object below this one."""
        return self._replace(key=f"{self.key}/{name}".strip("/"))
