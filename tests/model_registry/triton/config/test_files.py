"""Files that a configuration names."""

from pathlib import Path

import pytest

from handler.tensors.errors import Code, TensorError
from model_registry.triton.config.files import read_bytes


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(b"a\nb")
    assert read_bytes(tmp_path / "labels") == b"a\nb"
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(TensorError) as refused:
            read_bytes(path)
        assert refused.value.message == f"failed to open text file for read {path}: {reason}"
        assert refused.value.code is Code.INTERNAL
