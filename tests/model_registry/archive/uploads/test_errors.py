"""Errors of uploads."""

from app.errors import describe_error
from model_registry.archive.uploads.errors import UploadConflict, UploadRefused


def test_clients_learn_what_to_do() -> None:
    conflict = describe_error(UploadConflict.of_existing("a.mar"))
    assert (conflict.status, conflict.type) == (409, "ConflictStatusException")
    assert (
        conflict.message == "The model store has a file a.mar already: register that one, or let this one replace it."
    )
    assert describe_error(UploadRefused("no zip file")).status == 400
