"""Samples: the features of a request's parts and of its answer, under names that tell them apart."""

from handler.job import Part
from model_registry.drift.sampling import sample_features


def test_parts_and_answers_have_names_of_their_own() -> None:
    parts = (Part("body", "application/json", b'{"x": 1}'), Part("image", "image/png", b"\x89PNG"))
    assert sample_features(parts, b'{"x": 2}') == {
        "input.bytes": 8.0, "input.x": 1.0, "input.image.bytes": 4.0, "output.bytes": 8.0, "output.x": 2.0,
    }  # fmt: skip
