"""KServe's own inference clients against a runtime, unchanged; in another Python, since they bring a hundred packages.

KSERVE_PYTHON names one in which `pip install kserve` was run; without it the test is skipped.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("grpc", reason="KServe's runtimes have the extra grpc")

from tests.conformance.kserve.runtime import runtime

PYTHON = shutil.which(os.environ.get("KSERVE_PYTHON") or "no-python-with-kserve")
SCRIPT = Path(__file__).with_name("client_calls.py")
DOUBLED = {"id": "own", "model": "double", "values": [2.0, 4.0, 6.0]}
ANSWERS = {
    "v1": {
        "live": True, "ready": True, "infer": {"predictions": [[2, 4], [6]]},
        "explain": {"explanations": [{"explained": "list"}]}, "unknown": "HTTPStatusError", "broken is ready": False,
    },
    "v2": {
        "live": True, "server ready": "HTTPStatusError", "ready": True, "infer": DOUBLED,
        "unknown": "HTTPStatusError", "broken is ready": False,
    },
    "grpc-v2": {"live": True, "server ready": False, "ready": True, "infer": DOUBLED, "unknown": "AioRpcError"},
}  # fmt: skip
"""One of the runtime's models cannot load, so that the server as a whole is not ready: the REST client raises that."""


@pytest.mark.skipif(PYTHON is None, reason="KSERVE_PYTHON names no Python that has kserve")
@pytest.mark.parametrize("profile", ANSWERS)
def test_the_clients_find_what_they_expect(profile: str, tmp_path: Path) -> None:
    with runtime(profile, tmp_path) as ports:
        command = [str(PYTHON), str(SCRIPT), str(ports["kserve"]), str(ports["kserve_grpc"]), profile]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ANSWERS[profile]
