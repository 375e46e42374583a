"""Configurations that Python models complete."""

import json
from pathlib import Path

import pytest

from handler.isolation.worker_environment import WorkerEnvironment
from handler.tensors.backends.python_completion import complete_on_thread, completed_config
from handler.tensors.errors import TensorError
from tests.support.tensor_models import INT32, signature, spec_of, write_python_model

ONE = signature({"X": (INT32, [1])}, {"Y": (INT32, [1])})
HEAD = "class TritonPythonModel:\n"


def test_a_model_completes_its_configuration(tmp_path: Path) -> None:
    source = HEAD + (
        "    @staticmethod\n"
        "    def auto_complete_config(config):\n"
        "        config.add_input({'name': 'X', 'data_type': 'TYPE_INT32', 'dims': [1], 'optional': True})\n"
        "        config.set_max_batch_size(8)\n"
        "        return config\n"
    )
    spec = spec_of(write_python_model(tmp_path, source), ONE)
    environment = WorkerEnvironment(spec.folder, "W-test", lambda stream, line: None, packages=spec.packages)
    environment.enter()
    config = completed_config(spec, environment)
    assert config["max_batch_size"] == 8
    assert config["input"] == [{"name": "X", "data_type": "TYPE_INT32", "dims": [1], "optional": True}]


@pytest.mark.parametrize(("body", "words"), [
    ("return None", "must return a valid pb.ModelConfig object."),
    ("raise KeyError('x')", "KeyError: 'x'\n\nAt:\n"),
])  # fmt: skip
def test_a_completion_may_fail(tmp_path: Path, body: str, words: str) -> None:
    source = HEAD + f"    @staticmethod\n    def auto_complete_config(config): {body}\n"
    spec = spec_of(write_python_model(tmp_path, source), ONE)
    environment = WorkerEnvironment(spec.folder, "W-test", lambda stream, line: None)
    environment.enter()
    with pytest.raises(TensorError) as caught:
        completed_config(spec, environment)
    assert words in caught.value.message
    assert json.loads(spec.config)["name"] == "m"


def test_a_completion_has_a_thread_of_its_own_and_may_even_exit(tmp_path: Path) -> None:
    spec = spec_of(write_python_model(tmp_path, HEAD + "    pass\n"), ONE)
    assert complete_on_thread(spec, "W-test", print) == json.loads(spec.config)
    write_python_model(tmp_path, "raise SystemExit(1)")
    with pytest.raises(TensorError):
        complete_on_thread(spec, "W-test", print)
