"""Archives are loaded without a server; their models are found and recorded."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.optimize.loaded_archive import load_archive
from app.commands.optimize.recording import Recording, UnsupportedModel
from app.commands.sample_requests import Sample
from tests.app.commands.optimize.conftest import HANDLER, classifier, torchscript
from tests.conftest import MakeArchive

FUNCTION = """
import json, os, torch

class Service:
    def load(self, context):
        self.net = torch.jit.load(os.path.join(context.system_properties["model_dir"], "net.pt"))

service = Service()

def handle(data, context):
    if data is None:
        return service.load(context)
    rows = torch.tensor([json.loads(row["body"]) if isinstance(row["body"], (str, bytes, bytearray)) else row["body"]
                         for row in data])
    return [{"class": int(row.argmax())} for row in service.net(rows)]
"""


def test_a_model_of_a_class(classifier_archive: Path, record: Callable[[Path], Recording]) -> None:
    with load_archive(classifier_archive, lambda line: None) as loaded:
        (live,) = loaded.models()
        assert (live.path, live.kind, live.parameter_names) == (("model",), "TorchScript", ["input"])
    recording = record(classifier_archive)
    assert [call.rows for call in recording.calls] == [1, 1, 1, 1, 2, 3, 4, 4, 4, 4]
    assert sum(answer.is_neighbour for answer in recording.answers) == 16
    assert json.loads(recording.answers[0].body)["class"] == recording.calls[0].outputs[0].argmax()


def test_a_model_that_a_module_of_functions_holds(archive: MakeArchive, tmp_path: Path, samples: list[Sample]) -> None:
    path = archive("net", FUNCTION, {"net.pt": torchscript(classifier(), tmp_path / "net.pt")})
    with load_archive(path, lambda line: None) as loaded:
        (live,) = loaded.models()
        assert live.path == ("service", "net")
        assert len(loaded.record(samples, 4).answers) == 8
        assert len(loaded.measure(samples, 2, 0.0)) == 3


def test_a_sample_that_fails_is_shown(archive: MakeArchive, tmp_path: Path, samples: list[Sample]) -> None:
    handler = HANDLER.replace("def postprocess(self, data):", "def postprocess(self, data):\n        1 / 0")
    model = torchscript(classifier(), tmp_path / "net.pt")
    path = archive("net", handler, {"net.pt": model}, serializedFile="net.pt")
    with (
        load_archive(path, lambda line: None) as loaded,
        pytest.raises(UnsupportedModel, match="a sample is answered with 503"),
    ):
        loaded.record(samples, 4)
