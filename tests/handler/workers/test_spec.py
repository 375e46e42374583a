"""Specifications are values that travel to other processes."""

import pickle
from pathlib import Path

from handler.workers.spec import ServiceSpec


def test_a_service_specification_without_callbacks_can_be_pickled() -> None:
    spec = ServiceSpec("m", Path("/m"), {"model": {}}, "handler.py", 4)
    assert pickle.loads(pickle.dumps(spec)).manifest == {"model": {}}
    assert spec.config() == {}
    with spec.files:
        assert spec.environment.added == {}
