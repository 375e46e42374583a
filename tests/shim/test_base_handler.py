"""Loading and serving a model: ts.torch_handler.base_handler.BaseHandler."""

import sys

import pytest
import torch
from onnx import TensorProto, helper, save
from ts.context import Context, RequestProcessor
from ts.torch_handler.base_handler import BaseHandler
from ts.torch_handler.unit_tests.models.base_model import ArgmaxModel

LINEAR = """
import torch


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, rows, scale: float = 1.0):
        return self.layer(rows) * scale
"""
WEIGHTS = {"layer.weight": torch.tensor([[2.0, 3.0]]), "layer.bias": torch.tensor([1.0])}


class Metrics:
    """Remembers what was emitted."""

    def __init__(self):
        self.calls = []

    def add_time(self, *arguments):
        self.calls.append(arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An unpacked archive with the model file linear.py, first on the import path."""
    (tmp_path / "linear.py").write_text(LINEAR)
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def context(folder):
    """Make a context for an archive: keyword arguments are the manifest's `model`."""

    def make(config=None, headers=({},), gpu=None, **model):
        context = Context("shapes", str(folder), {"model": model}, 1, gpu, "0.12.0", metrics=Metrics())
        context.model_yaml_config = {} if config is None else config
        context.request_processor = [RequestProcessor(each) for each in headers]
        return context

    return make


def loaded(context):
    """A BaseHandler after `initialize`."""
    handler = BaseHandler()
    handler.initialize(context)
    return handler


def test_a_new_handler_has_torchserves_attributes():
    handler = BaseHandler()
    names = ("model", "mapping", "device", "context", "model_pt_path", "manifest", "map_location")
    assert [getattr(handler, name) for name in names] == [None] * 7
    assert (handler.initialized, handler.explain, handler.target, handler.profiler_args) == (False, False, 0, {})


def test_a_model_file_with_weights(folder, context):
    torch.save(WEIGHTS, folder / "weights.pt")
    (folder / "index_to_name.json").write_text('{"0": "one"}')
    handler = loaded(context(modelFile="linear.py", serializedFile="weights.pt"))
    assert handler.model(torch.tensor([[1.0, 1.0]])).tolist() == [[6.0]]
    assert not handler.model.training
    assert handler.model_pt_path == str(folder / "weights.pt")
    assert (handler.mapping, handler.map_location, handler.initialized) == ({"0": "one"}, "cpu", True)
    assert handler.device == torch.device("cpu")
    assert handler.get_device() == handler.device
    assert handler.context is None


def test_a_model_file_without_weights(context):
    handler = loaded(context(modelFile="linear.py"))
    assert type(handler.model).__name__ == "Linear"
    assert (handler.model_pt_path, handler.mapping) == (None, None)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_torchscript_file(folder, context):
    torch.jit.script(torch.nn.ReLU()).save(folder / "relu.pt")
    handler = loaded(context(serializedFile="relu.pt"))
    assert handler.handle([[-1.0, 2.0]], context()) == [[0.0, 2.0]]


def test_an_onnx_file_becomes_a_session(folder, context):
    save_onnx(folder / "double.onnx")
    session = loaded(context(serializedFile="double.onnx")).model
    assert session.run(None, {"x": [3.0]})[0].tolist() == [6.0]
    assert session.get_providers() == ["CPUExecutionProvider"]


def save_onnx(path):
    """Save a model that doubles one number."""
    vector = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", vector[:1], vector[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.mark.parametrize("config", [{}, {"pt2": {"export": {"aot_compile": False}}}, {"pt2": "inductor"}])
def test_a_library_needs_the_export_key(folder, context, config):
    (folder / "model.so").touch()
    with pytest.raises(RuntimeError, match="No model weights could be loaded"):
        loaded(context(config, serializedFile="model.so"))


def test_a_library_of_torch_export(folder, context, monkeypatch):
    monkeypatch.setattr("torch._export.aot_load", lambda path, device: (path, device))
    handler = loaded(context({"pt2": {"export": {"aot_compile": True}}}, serializedFile="model.so"))
    assert handler.model == (str(folder / "model.so"), "cpu")


@pytest.mark.parametrize("model", [{}, {"serializedFile": "weights.pth"}, {"serializedFile": "weights.safetensors"}])
def test_other_weights_without_a_model_file_are_refused(context, model):
    with pytest.raises(RuntimeError, match="No model weights could be loaded"):
        loaded(context(**model))


def test_a_missing_model_file_is_refused(context):
    with pytest.raises(RuntimeError, match=r"Missing the model\.py file"):
        loaded(context(modelFile="nothing.py"))


@pytest.mark.parametrize("text", ["class A: pass\nclass B: pass\n", "from collections import OrderedDict\n"])
def test_a_model_file_has_to_define_exactly_one_class(folder, context, text):
    (folder / "several.py").write_text(text)
    with pytest.raises(ValueError, match="Expected only one class as model definition"):
        loaded(context(modelFile="several.py"))


def test_a_whole_saved_module_is_the_model(folder, context, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save(ArgmaxModel(), folder / "whole.pt")
    with pytest.warns(UserWarning, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected"):
        handler = loaded(context(modelFile="linear.py", serializedFile="whole.pt"))
    assert handler.handle([[1.0, 3.0, 2.0]], context()) == [1]


def test_a_trainings_checkpoint_is_refused_with_the_remedy(folder, context):
    weights = {"net": {"linear.weight": torch.ones(1)}, "optimizer": {}, "epoch": 3}
    torch.save(weights, folder / "checkpoint.pt")
    with pytest.raises(RuntimeError, match="Missing key") as error:
        loaded(context(modelFile="linear.py", serializedFile="checkpoint.pt"))
    (note,) = error.value.__notes__
    assert note.startswith(f"{folder / 'checkpoint.pt'} does not hold the weights of linear.Linear.")
    assert note.endswith("archive what is in it under one of ['net', 'optimizer'] alone.")


def test_weights_without_their_class_are_refused_with_the_remedy(folder, context):
    torch.save({"weight": torch.ones(1)}, folder / "weights.pt")
    with pytest.raises(RuntimeError) as error:
        loaded(context(serializedFile="weights.pt"))
    (note,) = error.value.__notes__
    assert note.startswith(f"{folder / 'weights.pt'} is no TorchScript")
    assert "--model-file" in note


def test_an_empty_yaml_is_as_none(context):
    handler = BaseHandler()
    given = context(modelFile="linear.py")
    given.model_yaml_config = None
    handler.initialize(given)
    assert handler.model_yaml_config == {}
    assert handler.preprocess([[1.0]]).tolist() == [[1.0]]


class Sum(BaseHandler):
    """Adds up each row; loads nothing."""

    def __init__(self):
        self.model = lambda rows, *args, **kwargs: rows.sum(dim=1)
        self.device = torch.device("cpu")

    def get_insights(self, *arguments):
        return arguments

    def describe_handle(self):
        return {"adds": True}


def test_a_handler_need_not_call_its_base_class(context):
    """One in eight of the real ones does not."""
    handler, given = Sum(), context()
    assert handler.handle([[1.0, 2.0], [3.0, 4.0]], given) == [3.0, 7.0]
    assert handler.context is given
    assert (handler.initialized, handler.mapping) == (False, None)


def test_handler_time_is_emitted_in_milliseconds(context):
    given = context()
    Sum().handle([[1.0]], given)
    ((name, value, *rest),) = given.metrics.calls
    assert (name, rest) == ("HandlerTime", [None, "ms"])
    assert value == round(value, 2)


def test_inference_runs_in_inference_mode_and_hands_arguments_on(context):
    handler = Sum()
    handler.model = lambda rows, *args, **kwargs: (args, kwargs, torch.is_inference_mode_enabled())
    assert handler.inference(torch.ones(1), 3, k=4) == ((3,), {"k": 4}, True)


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ([{"describe": "True"}], [{"adds": True}]),
        ([{"describe": "True", "explain": "True"}], [{"adds": True}]),
        ([{"describe": "true"}], [1.0]),
        ([{"explain": "False"}], [1.0]),
        ([{"explain": "true"}], [1.0]),
        ([{}, {"explain": "True"}], [1.0]),
    ],
)
def test_the_first_rows_headers_decide_for_the_batch(context, headers, answer):
    assert Sum().handle([[1.0]], context(headers=headers)) == answer


def test_a_description_is_none_unless_a_subclass_has_one(context):
    assert BaseHandler().handle([], context(headers=[{"describe": "True"}])) == [None]


@pytest.mark.parametrize(
    ("row", "raw", "target"),
    [
        ({"body": 5.0, "target": 2}, 5.0, 2),
        ({"data": 1, "body": 2}, 1, 0),
        ({"data": 0, "body": 2, "target": 0}, 2, 0),
        ({}, None, 0),
        ([1.0], None, 0),
    ],
)
def test_an_explanation_gets_the_first_rows_input_and_target(context, row, raw, target):
    handler = Sum()
    handler.preprocess = lambda rows: "prepared"
    given = context(headers=[{"explain": "True"}])
    assert handler.handle([row], given) == ("prepared", raw, target)
    assert given.metrics.calls[0][0] == "HandlerTime"


def test_explain_stays_true_but_predictions_go_on(context):
    handler = Sum()
    handler.handle([[1.0]], context(headers=[{"explain": "True"}]))
    assert handler.handle([[1.0]], context()) == [1.0]
    assert handler.explain is True


def test_an_explanation_without_get_insights_raises_attribute_error(context):
    handler = BaseHandler()
    with pytest.raises(AttributeError, match="get_insights"):
        handler.handle([[1.0]], context(headers=[{"explain": "True"}]))


def test_stages_are_timed_where_the_yaml_asks_for_it(context):
    given = context({"handler": {"profile": True}})
    Sum().handle([[1.0]], given)
    names = [call[0] for call in given.metrics.calls]
    assert names == ["ts_handler_preprocess", "ts_handler_inference", "ts_handler_postprocess", "HandlerTime"]
    assert all(call[1] > 0 for call in given.metrics.calls[:3])


def test_on_a_gpu_stages_are_timed_by_its_own_clock(context, monkeypatch):
    class Event:
        def __init__(self, enable_timing):
            self.recorded = False

        def record(self):
            self.recorded = True

        def elapsed_time(self, other):
            return 42.0 if self.recorded and other.recorded else 0.0

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.Event", Event)
    monkeypatch.setattr("torch.cuda.synchronize", lambda: None)
    given = context({"handler": {"profile": True}})
    Sum().handle([[1.0]], given)
    assert given.metrics.calls[0] == ("ts_handler_preprocess", 42.0)


def test_stages_are_not_timed_before_there_is_a_context():
    assert Sum().preprocess([1.0]).tolist() == [1.0]
