"""The wheel, built and installed in an environment of its own."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SAMPLE = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()
SECONDS = 60.0
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
"""Nothing but the wheel is to be found."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel alone in a new environment, which borrows the dependencies of this one, but not the checkout."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def run(environment: Path, *command: str) -> str:
    done = subprocess.run(
        [environment / "bin" / command[0], *command[1:]],
        check=True, capture_output=True, text=True, timeout=SECONDS, cwd=environment.parent, env=ENVIRON,
    )  # fmt: skip
    return done.stdout


def test_the_wheel_holds_the_packages_and_the_shim_under_its_own_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "app", "handler", "marserve.py", "model_archiver", "model_registry", "triton_python_backend_utils", "ts",
        "workflow_archiver",
    }  # fmt: skip
    assert "ts/context.py" in names
    assert not [name for name in names if name.startswith(("handler/shim", "tests"))]


@pytest.mark.parametrize("module", ["ts", "ts.context", "ts.torch_handler.base_handler", "app.server"])
def test_modules_come_from_the_installed_wheel(environment: Path, module: str) -> None:
    program = f"import importlib; print(importlib.import_module({module!r}).__file__)"
    assert run(environment, "python", "-W", "error", "-c", program).startswith(str(environment))


def test_the_commands_are_installed(environment: Path) -> None:
    assert run(environment, "torchserve", "--version") == "TorchServe Version is 0.12.0\n"
    assert "--model-name" in run(environment, "torch-model-archiver", "--help")
    assert "serve" in run(environment, "marserve", "--help")


def test_the_commands_start_beside_packages_of_other_projects_with_the_same_names(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("app", "handler", "model_registry"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit")
    monkeypatch.setitem(ENVIRON, "PYTHONPATH", str(tmp_path))
    assert run(environment, "torchserve", "--version") == "TorchServe Version is 0.12.0\n"
    assert run(environment, "marserve", "--version").startswith("marserve ")
    assert "--model-name" in run(environment, "torch-model-archiver", "--help")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def uvicorn(environment: Path, port: int) -> Iterator[str]:
    """`uvicorn app:main` of the installed wheel."""
    command = [environment / "bin" / "python", "-m", "uvicorn", "app:main", "--port", str(port)]
    home = environment.parent
    with subprocess.Popen(
        command, cwd=home, env={**ENVIRON, "HOME": str(home), "XDG_CACHE_HOME": str(home)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        output, _ = process.communicate(timeout=SECONDS)
        assert process.returncode in (0, -15), output.decode()


def first_answer(url: str) -> bytes:
    deadline = time.monotonic() + SECONDS
    while True:
        request = urllib.request.Request(url, SAMPLE, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)


def test_uvicorn_serves_a_first_prediction_and_keeps_management_to_those_with_the_token(uvicorn: str) -> None:
    assert json.loads(first_answer(f"{uvicorn}/predictions/everyday"))["prediction"] == "setosa"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{uvicorn}/models", timeout=SECONDS)
    assert refused.value.code == 401
    refused.value.close()
