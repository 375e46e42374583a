"""Errors of object storage say what to do."""

from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound, StorageError, storage_error


def test_each_error_has_its_cure() -> None:
    class PreconditionError(Exception):
        pass

    class PermissionDeniedError(Exception):
        pass

    assert isinstance(storage_error("reading", "s3://b/k", FileNotFoundError()), ObjectNotFound)
    assert isinstance(storage_error("writing", "s3://b/k", PreconditionError()), ObjectChanged)
    denied = storage_error("reading", "s3://b/k", PermissionDeniedError("403\ndebug"))
    assert (
        str(denied)
        == "reading s3://b/k: 403 (the credentials may not do this; grant the right to the bucket or to the key)"
    )
    assert "check the network" in str(storage_error("reading", "s3://b/k", ValueError("x")))
    assert isinstance(denied, StorageError)
