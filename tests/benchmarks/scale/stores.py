"""Object stores: what a request costs, and how many one object bears. Prices are list prices of one region each."""

from typing import NamedTuple


class ObjectStore(NamedTuple):
    """A store: dollars for a thousand requests, the limits of one object a second, and seconds of one request."""

    name: str
    write_price: float
    """Of writes and listings."""
    read_price: float
    """Of reads; one that is answered with 304 counts."""
    reads_per_second: float
    """Of one object, or of the prefix that it is in."""
    writes_per_second: float
    """Replacements of one object that the store grants; where it names no limit, those that one writer after the other
    can make."""
    request_seconds: float


REQUEST_SECONDS = 0.03
S3 = ObjectStore("S3", 0.005, 0.0004, 5500, 1 / (2 * REQUEST_SECONDS), REQUEST_SECONDS)
CLOUD_STORAGE = ObjectStore("Cloud Storage", 0.005, 0.0004, 5000, 1, REQUEST_SECONDS)
BLOB_STORAGE = ObjectStore("Blob Storage", 0.0055, 0.00044, 500, 1 / (2 * REQUEST_SECONDS), REQUEST_SECONDS)
STORES = (S3, CLOUD_STORAGE, BLOB_STORAGE)
