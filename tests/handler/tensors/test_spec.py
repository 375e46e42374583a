"""The specification of a service of tensors."""

from pathlib import Path

from tests.support.tensor_models import INT32, signature, spec_of


def test_a_service_is_plain_unless_it_says_otherwise(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, signature({"X": (INT32, [1])}, {}))
    assert not spec.is_decoupled
    assert not spec.continuous
    assert spec.instances[0].kind == "CPU"
