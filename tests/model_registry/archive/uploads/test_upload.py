"""One upload."""

from pathlib import Path

import pytest

from model_registry.archive.uploads.errors import UploadRefused
from model_registry.archive.uploads.upload import Upload
from model_registry.files.ownership import clear_abandoned


def test_the_hidden_file_is_another_servers_to_leave_alone(store: Path) -> None:
    upload = Upload(store, 10)
    upload.append(b"12345")
    assert repr(upload) == "<Upload 5 of 10 bytes>"
    assert clear_abandoned(store) == []
    [part] = store.iterdir()
    assert part.read_bytes() == b"12345"
    with pytest.raises(UploadRefused):
        upload.place(store / "a.mar", replace=False)
    upload.remove()
    assert list(store.iterdir()) == []
