"""The recorded answers of KServe's own wrapper around TorchServe, asked of a runtime that KServe could have started."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("grpc", reason="KServe's runtimes have the extra grpc")

from tests.conformance.kserve.comparison import is_as_good
from tests.conformance.kserve.runtime import ask, runtime

PROFILES = ("v1", "v2", "grpc-v2")
CASES = json.loads(Path(__file__).with_name("recorded.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=PROFILES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """A profile, and the ports of its runtime."""
    with runtime(request.param, tmp_path_factory.mktemp(request.param)) as ports:
        yield request.param, ports


def test_every_recorded_answer_is_given(served: tuple[str, dict[str, int]]) -> None:
    profile, ports = served
    answers = {case["name"]: (case, ask(case, ports)) for case in CASES if profile in case["profiles"]}
    assert len(answers) > 30
    assert {name: found for name, (case, found) in answers.items() if not is_as_good(case, profile, found)} == {}
