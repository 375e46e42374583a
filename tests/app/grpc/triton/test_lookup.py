import pytest

from app.grpc.triton.lookup import NEWEST, version_of
from handler.tensors.errors import TensorError


@pytest.mark.parametrize(("text", "number"), [("", NEWEST), ("7", 7), ("007", 7), (" 3x", 3), ("+2", 2), ("0", 0)])
def test_versions_are_numbers_as_cplusplus_reads_them(text: str, number: int) -> None:
    assert version_of(text) == number


@pytest.mark.parametrize("text", ["x", "-1", str(2**63), "-"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(TensorError, match="version should be an integral value > 0"):
        version_of(text)
