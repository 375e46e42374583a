"""Drift of the sign model: its answers to signs before a camera at another height are not those of its profile."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing

import numpy as np
import pytest

from handler.job import Part
from model_registry.drift.features import Value
from model_registry.drift.monitor import DriftMonitor
from model_registry.drift.profile import Profile
from model_registry.drift.sampling import sample_features
from signflow.archive import read_labels
from signflow.archive.features import make_window
from signflow.local_pipeline import LocalPipeline
from signflow.training.hand_model import rotations
from signflow.training.synthetic import make_signs, perform

FEATURE = "output.confidence"
ALERT_PSI = 0.1
"""The rule that docs/traffic.md recommends."""
CAMERA_RADIANS = 0.5
"""The angle under which a camera above the signer's head looks down."""


@pytest.fixture(scope="module")
def pipeline() -> Iterator[LocalPipeline]:
    """The archive's model, without a server."""
    with closing(LocalPipeline()) as pipeline:
        yield pipeline


def samples(pipeline: LocalPipeline, each: int, seed: int, angle: float = 0.0) -> Iterator[Mapping[str, Value]]:
    """Features of signs and their answers as the server sees them, before a camera that looks down at this angle."""
    turn = rotations(np.array([[angle, 0.0, 0.0]]))[0].T
    rng, signs = np.random.default_rng(seed), make_signs(len(read_labels()))
    for _ in range(each):
        for sign in signs:
            window = make_window((perform(sign, rng) @ turn).astype(np.float32))
            names = ("prediction", "confidence", "alternatives", "device")
            answer = json.dumps(dict(zip(names, pipeline.translate(window), strict=True)))
            yield sample_features([Part("body", "", window.astype("<f4").tobytes())], answer.encode())


def test_a_camera_at_another_height_is_seen_in_one_window(pipeline: LocalPipeline) -> None:
    profile = Profile.of(list(samples(pipeline, 15, seed=4)))
    found = {}
    for angle in (0.0, CAMERA_RADIANS):
        monitor = DriftMonitor(profile, window=300)
        for sample in samples(pipeline, 15, seed=5, angle=angle):
            monitor.observe(sample)
        found[angle] = {score.feature: score.psi for score in monitor.scores}[FEATURE]
    assert found[0.0] < ALERT_PSI < found[CAMERA_RADIANS]
