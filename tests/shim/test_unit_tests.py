"""The test tools of handler authors: ts.torch_handler.unit_tests."""

import torch
from ts.torch_handler.base_handler import BaseHandler
from ts.torch_handler.unit_tests.models.base_model import ArgmaxModel, save_pt_file
from ts.torch_handler.unit_tests.test_utils.mock_context import MockContext
from ts.torch_handler.unit_tests.test_utils.model_dir import copy_files, download_model


def test_a_mock_context_has_torchserves_defaults():
    context = MockContext()
    assert context.manifest == {"model": {"serializedFile": "model.pt", "modelFile": "model.py"}}
    assert context.system_properties["model_dir"] == "ts/torch_handler/unit_tests/models/tmp"
    assert (context.model_yaml_config, context.explain, context.metrics.model_name) == ({}, False, "mnist")


def test_a_mock_context_without_files(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert MockContext(model_pt_file=None, model_file=None).manifest == {"model": {}}
    assert MockContext(model_dir="/d", gpu_id=None).system_properties == {"model_dir": "/d"}
    assert MockContext(model_dir="/d").system_properties == {"model_dir": "/d", "gpu_id": "0"}


def test_a_mock_context_reads_a_yaml_of_the_model_folder(tmp_path):
    (tmp_path / "config.yaml").write_text("a: 1")
    assert MockContext(model_dir=str(tmp_path), model_yaml_config_file="config.yaml").model_yaml_config == {"a": 1}


def test_a_mock_context_asks_for_explanations_of_later_rows_only():
    context = MockContext()
    assert context.get_request_header(1, "explain") is False
    context.explain = True
    assert context.get_request_header(0, "explain") is False
    assert context.get_request_header(1, "explain") is True


def test_a_handler_is_tested_without_a_server(tmp_path, monkeypatch):
    """The way TorchServe's own documentation tests a handler."""
    source = tmp_path / "source"
    target = tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "base_model.py").write_text(
        "from ts.torch_handler.unit_tests.models import base_model\nclass Model(base_model.ArgmaxModel): pass\n"
    )
    save_pt_file(source / "base_model.pt")
    copy_files(source, target, {"base_model.py": "argmax_model.py", "base_model.pt": "model.pt"})
    monkeypatch.syspath_prepend(target)
    context = MockContext(model_dir=str(target), model_file="argmax_model.py", gpu_id=None)
    handler = BaseHandler()
    handler.initialize(context)
    assert handler.handle([[1.0, 3.0, 2.0], [4.0, 1.0, 0.0]], context) == [1, 0]
    assert [metric.name for metric in context.metrics.store] == ["HandlerTime"]


def test_the_smallest_model_finds_the_largest_number():
    assert ArgmaxModel()(torch.tensor([[1.0, 3.0, 2.0]])).tolist() == [1]


def test_a_model_is_fetched_once(tmp_path):
    remote = tmp_path / "model.pt"
    remote.write_text("first")
    folder = tmp_path / "folder"
    folder.mkdir()
    download_model(remote.as_uri(), folder)
    remote.write_text("second")
    download_model(remote.as_uri(), folder)
    assert (folder / "model.pt").read_text() == "first"
