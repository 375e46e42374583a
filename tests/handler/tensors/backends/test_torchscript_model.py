"""TorchScript models and exported programs: how tensors find their places."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from handler.devices.device import CPU
from handler.tensors.backends.torchscript_model import TorchScriptModel, input_order
from handler.tensors.datatypes import BY_NAME, BYTES
from handler.tensors.errors import TensorError
from tests.support.tensor_models import FP32, signature

OUTPUTS = {"OUTPUT__0": (FP32, [2]), "OUTPUT__1": (FP32, [2])}


class AddSub(torch.nn.Module):
    def forward(self, first: torch.Tensor, second: torch.Tensor):  # type: ignore[no-untyped-def]
        return first + second, first - second


class Named(torch.nn.Module):
    def forward(self, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"Y": given["X"] * 2}


class Words(torch.nn.Module):
    def forward(self, words: list[str]) -> list[str]:
        return [word.upper() for word in words]


def script(path: Path, module: torch.nn.Module) -> Path:
    torch.jit.script(module).save(str(path))
    return path


def loaded(path: Path, inputs: dict, outputs: dict, **parameters: str) -> TorchScriptModel:
    return TorchScriptModel.load(path, signature(inputs, outputs, 4), CPU, parameters)


@pytest.mark.parametrize(("names", "order"), [
    (["second", "first"], ["first", "second"]),
    (["A__1", "B__0"], ["B__0", "A__1"]),
    (["SECOND", "FIRST"], ["SECOND", "FIRST"]),
    (["INPUT__0", "second"], ["INPUT__0", "second"]),
])  # fmt: skip
def test_inputs_find_their_places(names: list[str], order: list[str]) -> None:
    assert input_order(signature({name: (FP32, [2]) for name in names}, {}), ["first", "second"]) == order


def test_outputs_find_theirs_too(tmp_path: Path) -> None:
    model = loaded(script(tmp_path / "model.pt", AddSub()), {"first": (FP32, [2]), "second": (FP32, [2])}, OUTPUTS)
    arrays = {"second": np.ones((1, 2), np.float32), "first": np.full((1, 2), 3, np.float32)}
    results = model.compute(arrays, ["OUTPUT__1", "OUTPUT__0"])
    assert {name: array.tolist() for name, array in results.items()} == {"OUTPUT__1": [[2, 2]], "OUTPUT__0": [[4, 4]]}


def test_what_a_client_sent_is_copied_once_for_torch(tmp_path: Path) -> None:
    model = loaded(script(tmp_path / "model.pt", AddSub()), {"first": (FP32, [2]), "second": (FP32, [2])}, OUTPUTS)
    sent = np.frombuffer(np.ones(2, np.float32).tobytes(), np.float32).reshape(1, 2)
    assert model.compute({"first": sent, "second": sent}, ["OUTPUT__0"])["OUTPUT__0"].tolist() == [[2, 2]]


def test_tensors_by_name_in_a_dictionary(tmp_path: Path) -> None:
    model = loaded(script(tmp_path / "model.pt", Named()), {"X": (FP32, [1])}, {"Y": (FP32, [1])})
    assert model.compute({"X": np.ones((2, 1), np.float32)}, ["Y"])["Y"].tolist() == [[2], [2]]


def test_strings_are_a_list(tmp_path: Path) -> None:
    model = loaded(script(tmp_path / "model.pt", Words()), {"words": (BYTES, [1])}, {"loud": (BYTES, [1])})
    assert model.compute({"words": np.array([b"a", b"b"], object)}, ["loud"])["loud"].tolist() == [b"A", b"B"]


def test_an_exported_program_is_a_model_too(tmp_path: Path) -> None:
    one = (torch.ones(1, 2), torch.ones(1, 2))
    torch.export.save(torch.export.export(AddSub(), one), str(tmp_path / "model.pt2"))
    model = loaded(tmp_path / "model.pt2", {"first": (FP32, [2]), "second": (FP32, [2])}, OUTPUTS)
    ones = np.ones((1, 2), np.float32)
    assert model.compute({"first": ones, "second": 2 * ones}, ["OUTPUT__1"])["OUTPUT__1"].tolist() == [[-1, -1]]


def test_a_configuration_has_to_fit(tmp_path: Path) -> None:
    path = script(tmp_path / "model.pt", AddSub())
    with pytest.raises(TensorError, match="configuration expects 1 inputs, model provides 2"):
        loaded(path, {"first": (FP32, [2])}, OUTPUTS)
    with pytest.raises(TensorError, match="must contain at least one input, none were specified"):
        loaded(path, {}, {})
    (tmp_path / "odd.pt").write_bytes(b"odd")
    with pytest.raises(TensorError, match="failed to load model 'm'"):
        loaded(tmp_path / "odd.pt", {"first": (FP32, [2])}, OUTPUTS)


def test_results_are_checked(tmp_path: Path) -> None:
    path = script(tmp_path / "model.pt", AddSub())
    inputs = {"first": (FP32, [2]), "second": (FP32, [2])}
    ones = {name: np.ones((1, 2), np.float32) for name in inputs}
    model = loaded(path, inputs, {"OUTPUT__0": (BY_NAME["INT64"], [2]), "OUTPUT__7": (FP32, [2])})
    with pytest.raises(TensorError, match="TYPE_INT64 for output 'OUTPUT__0', model provides TYPE_FP32"):
        model.compute(dict(ones), ["OUTPUT__0"])
    with pytest.raises(TensorError, match="gives no tensor for output 'OUTPUT__7'"):
        model.compute(dict(ones), ["OUTPUT__7"])
    with pytest.raises(TensorError, match="PyTorch execute failure"):
        model.compute({**ones, "first": np.ones((1, 3), np.float32)}, ["OUTPUT__0"])


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of the compiler itself
@pytest.mark.skipif(shutil.which("g++") is None, reason="AOTInductor compiles with g++")
def test_a_package_of_aotinductor_is_a_model_too(tmp_path: Path) -> None:
    program = torch.export.export(AddSub(), (torch.ones(1, 2), torch.ones(1, 2)))
    torch._inductor.aoti_compile_and_package(program, package_path=str(tmp_path / "model.pt2"))
    model = loaded(tmp_path / "model.pt2", {"A": (FP32, [2]), "B": (FP32, [2])}, OUTPUTS)
    ones = np.ones((1, 2), np.float32)
    assert model.compute({"B": ones, "A": 3 * ones}, ["OUTPUT__1"])["OUTPUT__1"].tolist() == [[2, 2]]
    with pytest.raises(TensorError, match="expects 1 inputs, model provides 2"):
        loaded(tmp_path / "model.pt2", {"A": (FP32, [2])}, OUTPUTS)


def test_a_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(b"none")
    with pytest.raises(TensorError, match="failed to load model 'm'"):
        loaded(tmp_path / "model.pt2", {"A": (FP32, [2])}, OUTPUTS)
