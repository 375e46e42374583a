"""The model in the backend's own process."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from app.initial_models.sample_archives import EXAMPLES, build_samples
from signflow.archive.features import landmarks, make_window
from signflow.local_pipeline import LocalPipeline
from tests.support.serving import serving

EXAMPLE = (EXAMPLES / "signflow" / "example.json").read_bytes()


@pytest.mark.anyio
async def test_the_local_pipeline_answers_as_the_archive_does(tmp_path: Path) -> None:
    build_samples(tmp_path)
    window = make_window(landmarks(json.loads(EXAMPLE)["frames"]))
    async with serving(tmp_path, "sign.mar") as client:
        served = (await client.http.post("/predictions/sign", content=EXAMPLE)).json()
    with closing(LocalPipeline(threads=2)) as local:
        found = await local(window)
    prediction, confidence, alternatives, device = found
    assert (prediction, device) == (served["prediction"], "cpu") == ("please", "cpu")
    assert confidence == pytest.approx(served["confidence"], abs=1e-3)
    assert [each["sign"] for each in alternatives] == [each["sign"] for each in served["alternatives"]]
