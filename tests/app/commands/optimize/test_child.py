"""The commands of the child process, in this process."""

from pathlib import Path

import pytest

from app.commands.optimize.child import Child, handler_source, source_of
from app.commands.optimize.loaded_archive import load_archive
from app.commands.optimize.recording import Recording, UnsupportedModel
from app.commands.sample_requests import Sample
from tests.conftest import MakeArchive


def test_the_handler_its_model_and_a_recording(classifier_archive: Path, samples: list[Sample], tmp_path: Path) -> None:
    with load_archive(classifier_archive, lambda line: None) as loaded:
        child = Child(loaded, samples)
        source = handler_source(child.handler())
        assert (source.module, source.class_name, source.path) == ("handler", "Classifier", ("model",))
        assert source.is_base_handler
        assert not source.knows_onnx
        assert source == handler_source(source_of(loaded, loaded.models()[0]))
        child.record(str(tmp_path / "r.npz"), 4)
    assert len(Recording.load(tmp_path / "r.npz").answers) == 8


def test_a_handler_without_a_model(archive: MakeArchive, samples: list[Sample]) -> None:
    path = archive("plain", "def handle(data, context):\n    return [1 for _ in data or ()]\n")
    with (
        load_archive(path, lambda line: None) as loaded,
        pytest.raises(UnsupportedModel, match="has to hold one model in its attributes; found: none"),
    ):
        Child(loaded, samples).handler()
