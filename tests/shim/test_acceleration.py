"""Compilation and profiling of models: ts.torch_handler.compilation and ts.torch_handler.profiling."""

import sys
import tempfile
import types

import pytest
import torch
from torch.profiler import ProfilerActivity
from ts.context import Context, RequestProcessor
from ts.metrics.metrics_store import MetricsStore
from ts.torch_handler import compilation, profiling
from ts.torch_handler.base_handler import BaseHandler
from ts.torch_handler.compilation import accelerate, compile_options, wants_aot_export

OLD_FORM = "pt2 with the options themselves is the old form"


@pytest.fixture
def compiler(monkeypatch):
    """torch.compile, which remembers its options in `compiler`."""
    options = []
    monkeypatch.setattr("torch.compile", lambda model, **given: options.append(given) or "compiled")
    return options


@pytest.mark.parametrize(
    ("pt2", "options"),
    [
        ({"compile": {"enable": True, "backend": "inductor", "mode": "x"}}, {"backend": "inductor", "mode": "x"}),
        ({"compile": {"enable": True}}, {}),
        ({"compile": {"enable": False, "backend": "inductor"}}, None),
        ({"compile": {"enable": True, "backend": "nonsense"}}, None),
        ({"export": {"aot_compile": True}}, None),
        ({"export": {}, "compile": {"enable": True, "mode": "x"}}, {"mode": "x"}),
        ("inductor", {"backend": "inductor"}),
        ("nonsense", None),
        ({"backend": "inductor", "mode": "x"}, {"backend": "inductor", "mode": "x"}),
        ({}, {}),
    ],
)
def test_what_model_config_yaml_asks_of_torch_compile(pt2, options):
    assert compile_options({"pt2": pt2}) == options


def test_without_the_key_nothing_is_compiled():
    assert compile_options({}) is None


@pytest.mark.parametrize("pt2", [3, True, None, []])
def test_options_of_other_types_are_refused(pt2):
    with pytest.raises(ValueError, match="pt2 should be str or dict"):
        compile_options({"pt2": pt2})


def test_a_missing_switch_is_a_key_error():
    with pytest.raises(KeyError, match="enable"):
        compile_options({"pt2": {"compile": {"backend": "inductor"}}})


def test_the_yaml_can_be_used_again():
    """TorchServe deletes `enable` from it, which would fail the next worker of the same process."""
    config = {"pt2": {"compile": {"enable": True, "mode": "x"}}}
    assert [compile_options(config) for _ in range(2)] == [{"mode": "x"}, {"mode": "x"}]


@pytest.mark.parametrize(("pt2", "warned"), [("inductor", True), ({"compile": {"enable": True}}, False)])
def test_the_old_form_is_warned_of(caplog, pt2, warned):
    compile_options({"pt2": pt2})
    assert (OLD_FORM in caplog.text) is warned


def test_a_model_is_compiled_with_the_options(compiler):
    assert accelerate("model", {"pt2": {"compile": {"enable": True, "backend": "inductor"}}}, "cpu") == "compiled"
    assert compiler == [{"backend": "inductor"}]


def test_a_model_that_cannot_be_compiled_is_served_as_it_is(monkeypatch, caplog):
    def fail(model, **options):
        raise RuntimeError("no compiler")

    monkeypatch.setattr("torch.compile", fail)
    assert accelerate("model", {"pt2": {"compile": {"enable": True, "backend": "inductor"}}}, "cpu") == "model"
    assert "Compiling the model with backend inductor has failed: no compiler." in caplog.text


def test_a_backends_package_is_imported_first(compiler, caplog):
    assert accelerate("model", {"pt2": {"compile": {"enable": True, "backend": "tensorrt"}}}, "cpu") == "model"
    assert "No module named 'torch_tensorrt'" in caplog.text
    assert compiler == []


def test_ipex_optimizes_what_is_not_compiled(monkeypatch, compiler):
    ipex = types.ModuleType("intel_extension_for_pytorch")
    ipex.optimize = lambda model: (model, "optimized")
    monkeypatch.setitem(sys.modules, "intel_extension_for_pytorch", ipex)
    monkeypatch.setattr(compilation, "IPEX_AVAILABLE", True)
    model = torch.nn.ReLU()
    assert accelerate(model, {}, torch.device("cpu")) == (model, "optimized")
    assert accelerate(model, {"pt2": {"compile": {"enable": True}}}, torch.device("cpu")) == "compiled"


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"pt2": {"export": {"aot_compile": True}}}, True),
        ({"pt2": {"export": {"aot_compile": False}}}, False),
        ({"pt2": {"export": None}}, False),
        ({"pt2": "inductor"}, False),
        ({}, False),
    ],
)
def test_libraries_of_torch_export_are_asked_for_by_key(config, wanted):
    assert wants_aot_export(config) is wanted


class Double(BaseHandler):
    """Doubles numbers; explains a batch by showing it."""

    def __init__(self):
        self.model = lambda rows: rows * 2
        self.device = torch.device("cpu")

    def get_insights(self, prepared, raw, target):
        return [prepared.tolist()]


@pytest.fixture
def profiled_call(monkeypatch, tmp_path):
    """Call a handler with the profiler switched on, its traces below a folder of the test."""
    monkeypatch.setenv("ENABLE_TORCH_PROFILER", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def call(handler, **headers):
        context = Context("m", "/d", {}, 1, None, "0.12.0", metrics=MetricsStore("id", "m"), model_yaml_config={})
        context.request_processor = [RequestProcessor(headers)]
        return handler.handle([[1.0]], context)

    return call


def test_a_profiled_batch_leaves_a_trace_by_the_models_name(profiled_call, tmp_path):
    handler = Double()
    handler.manifest = {"model": {"modelName": "shapes"}}
    assert profiled_call(handler) == [[2.0]]
    assert list((tmp_path / "pytorch_profiler" / "shapes").glob("*.pt.trace.json"))
    assert handler.profiler_args["record_shapes"] is True


def test_a_handler_chooses_the_profilers_arguments(profiled_call):
    handler, watched = Double(), []
    handler.profiler_args = {
        "activities": [ProfilerActivity.CPU],
        "on_trace_ready": lambda profiler: watched.append(profiling._ALONE.locked()),
    }
    assert profiled_call(handler, explain="True") == [[[1.0]]]
    assert watched == [True]
    assert not profiling._ALONE.locked()
