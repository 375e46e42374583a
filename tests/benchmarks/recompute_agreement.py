"""Recomputes, without the code of `marserve optimize`, how archives agree with an original on samples.

Each archive is served by a marserve of its own, asked over HTTP, and its answers are compared with the original's: the
class that is answered, and numbers within 0.02. The figures must not contradict those in the archive's provenance.
"""

import argparse
import json
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLACK = 0.02
WAITS, WAIT_SECONDS = 120, 0.5
PROVENANCE = "MAR-INF/optimization.json"


def main() -> int:
    """Print a line for each archive; 1 if figures in a provenance are wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("archives", nargs="+", type=Path, help="the original first")
    parser.add_argument("--samples", nargs="+", type=Path, required=True)
    arguments = parser.parse_args()
    wanted = answers(arguments.archives[0], arguments.samples)
    status = 0
    for archive in arguments.archives[1:]:
        found = answers(archive, arguments.samples)
        classes = sum(_class(one) == _class(other) for one, other in zip(wanted, found, strict=True)) / len(wanted)
        equal = sum(_is_near(one, other) for one, other in zip(wanted, found, strict=True)) / len(wanted)
        claimed = _claimed(archive)
        is_right = abs(equal - claimed) < 1e-9
        status |= not is_right
        verdict = "as it says" if is_right else f"but it says {claimed:.2%}"
        print(f"{archive.name}: same class {classes:.2%}, equal answers {equal:.2%} of {len(wanted)}, {verdict}")
    return int(status)


def answers(archive: Path, samples: list[Path]) -> list[dict]:
    """The decoded answers of a server with that archive alone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "marserve", "serve", f"model={archive.resolve()}", "--port", str(port)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(url)
        return [_ask(f"{url}/predictions/model", file.read_bytes()) for file in samples]
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    """Wait until the server answers; after a minute the last error is raised."""
    for attempt in range(WAITS):
        try:
            urllib.request.urlopen(f"{url}/ping", timeout=60).close()
        except OSError:
            if attempt == WAITS - 1:
                raise
            time.sleep(WAIT_SECONDS)
        else:
            return


def _ask(url: str, body: bytes) -> dict:
    request = urllib.request.Request(url, body, {"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _class(answer: dict) -> object:
    return answer.get("class", answer.get("prediction"))


def _is_near(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_near(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_near, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= max(SLACK, SLACK * max(abs(one), abs(other)))
    return one == other


def _claimed(archive: Path) -> float:
    with zipfile.ZipFile(archive) as content:
        return json.loads(content.read(PROVENANCE))["result"]["agreement"]["sample_answers"]


if __name__ == "__main__":
    sys.exit(main())
