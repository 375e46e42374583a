"""The file that is copied into archives, run as it is there: beside its settings."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from app.commands.optimize.derived_archive import ADAPTER
from tests.app.commands.optimize.conftest import FEATURES, classifier, onnx_file


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Loads the copied file with such settings."""

    def make(**settings: Any) -> ModuleType:
        shutil.copy(ADAPTER / "optimised_model.py", tmp_path)
        (tmp_path / "optimised_model.json").write_text(json.dumps(settings))
        spec = importlib.util.spec_from_file_location("optimised_model", tmp_path / "optimised_model.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return make


def test_an_onnx_model_is_called_like_the_module(make: Any, tmp_path: Path) -> None:
    onnx_file(classifier(), tmp_path / "model.onnx")
    module = make(kind="onnx", file="model.onnx", inputs=["rows"], structure="dict:logits", path=["net"])
    owner = SimpleNamespace(net=classifier())
    rows = torch.randn(3, FEATURES)
    wanted = owner.net(rows)
    assert module.replace_model(owner, str(tmp_path))
    found = owner.net(rows)
    assert torch.allclose(found.logits, wanted, atol=1e-5)
    assert found[0] is found["logits"]
    assert torch.equal(owner.net(rows=rows).logits, found.logits)


@pytest.mark.parametrize("kind", ["autocast", "channels_last"])
def test_modules_that_are_transformed(make: Any, kind: str) -> None:
    rows = torch.randn(3, FEATURES)
    found = make(kind=kind).optimised(classifier(), "")(rows)
    assert found.dtype == torch.float32
    assert torch.allclose(found, classifier()(rows), atol=0.1)


def test_structures_of_outputs(make: Any) -> None:
    module = make(kind="x")
    tensors = [torch.ones(1), torch.ones(2)]
    assert module.restore(tensors[:1], "tensor") is tensors[0]
    assert module.restore(tensors, "tuple:2") == tuple(tensors)
    assert module.restore(tensors, "list:2") == tensors


def test_an_owner_without_a_model_and_an_unknown_kind(make: Any) -> None:
    module = make(kind="quick", path=["service", "net"])
    assert not module.replace_model(SimpleNamespace(service=SimpleNamespace(net=None)), "")
    with pytest.raises(ValueError, match="quick is unknown"):
        module.optimised(None, "")
