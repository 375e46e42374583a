"""Errors of object storage: what failed, why, and what to do about it."""

REMEDIES = {
    "UnauthenticatedError": "no credentials were accepted; see the platform's chain: environment, profile, metadata",
    "PermissionDeniedError": "the credentials may not do this; grant the right to the bucket or to the key",
    "NotSupportedError": "the store does not support conditional writes, which a shared state needs",
    "UnknownConfigurationKeyError": "a variable of the store's configuration is unknown",
    "InvalidPathError": "the key cannot be used",
}
UNREACHABLE = "the store cannot be reached or fails; check the network, the endpoint and the region"
MAX_CAUSE_CHARACTERS = 300


class StorageError(OSError):
    """A call of object storage failed."""


class ObjectNotFound(StorageError):
    """There is no such object, or no such bucket."""


class ObjectChanged(StorageError):
    """The object is not the one that the call was made for: it has been written meanwhile."""


def storage_error(action: str, address: object, error: BaseException) -> StorageError:
    """The error of a failed call, with the first line of its cause."""
    name = type(error).__name__
    if isinstance(error, FileNotFoundError):
        return ObjectNotFound(f"{action} {address}: there is no such object or bucket")
    if name in ("PreconditionError", "AlreadyExistsError"):
        return ObjectChanged(f"{action} {address}: it has been changed meanwhile")
    cause = str(error).partition("\n")[0].strip()[:MAX_CAUSE_CHARACTERS]
    return StorageError(f"{action} {address}: {cause} ({REMEDIES.get(name, UNREACHABLE)})")
