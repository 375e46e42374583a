"""The migration page, tried: a layout like SignFlow's, its commands and its configuration."""

import asyncio
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry

from app.commands.archive import main as archive
from app.commands.options import torchserve_parser
from app.settings.loading import torchserve_settings
from signflow.torchserve_client import ClientMetrics, TorchServeClient
from tests.support.free_ports import free_port
from tests.support.signflow_processes import SIGNFLOW, fetch, until

PAGE = (SIGNFLOW / "MIGRATION.md").read_text()
HANDLER = """
import json
import numpy as np
from ts.torch_handler.base_handler import BaseHandler

class Handler(BaseHandler):
    def initialize(self, context):
        self.labels = json.load(open(context.system_properties["model_dir"] + "/labels.json"))

    def handle(self, data, context):
        bodies = [row["body"] for row in data]
        bodies = [json.loads(body) if isinstance(body, (str, bytes, bytearray)) else body for body in bodies]
        signs = [self.labels[int(np.asarray(body["window"])[0, 0])] for body in bodies]
        return [{"prediction": sign, "confidence": 0.9, "alternatives": []} for sign in signs]
"""
CONFIGURATION = """
inference_address=http://127.0.0.1:{}
management_address=http://127.0.0.1:{}
metrics_address=http://127.0.0.1:{}
grpc_inference_port={}
grpc_management_port={}
default_workers_per_model=1
job_queue_size=100
async_logging=true
max_request_size=10485760
max_response_size=10485760
default_response_timeout=120
enable_metrics_api=true
metrics_format=prometheus
number_of_netty_threads=4
netty_client_threads=4
install_py_dep_per_model=true
"""


def words_of(command: str) -> list[str]:
    """The options of the page's first line with this command, its continuation included."""
    line = re.search(rf"^    {command} ((?:.*\\\n)*.*)", PAGE, re.MULTILINE)
    assert line is not None
    return line[1].replace("\\\n", " ").split()


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    """The folder `backend` of a checkout."""
    (tmp_path / "torchserve" / "config").mkdir(parents=True)
    (tmp_path / "torchserve" / "model-store").mkdir()
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / "model_v1.pt").write_bytes(b"weights")
    (tmp_path / "torchserve" / "handler.py").write_text(HANDLER)
    (tmp_path / "torchserve" / "labels.json").write_text(json.dumps(["HELLO", "YES"]))
    (tmp_path / "torchserve" / "warmup.json").write_text(json.dumps({"window": [[0.0] * 469] * 64}))
    config = re.search(r"model-config.yaml <<'EOF'\n(.*?)    EOF\n", PAGE, re.DOTALL)
    assert config is not None
    (tmp_path / "torchserve" / "model-config.yaml").write_text(re.sub("^    ", "", config[1], flags=re.MULTILINE))
    ports = [free_port() for _ in range(5)]
    (tmp_path / "torchserve" / "config" / "config.properties").write_text(CONFIGURATION.format(*ports))
    return tmp_path


@pytest.fixture
def server(backend: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the server, started as the page says, with the archive that the page makes."""
    monkeypatch.chdir(backend)
    assert archive(words_of("torch-model-archiver")) == 0
    configuration = (backend / "torchserve" / "config" / "config.properties").read_text()
    inference, management, *_ = re.findall(r"=(http://127.0.0.1:\d+)", configuration)
    program = "import sys; from app.cli import torchserve; sys.exit(torchserve())"
    with (backend / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program, *words_of("torchserve")], stdout=log, stderr=log)
    try:
        until(lambda: is_listening(inference), "the server listens")
        register = re.search(r'curl -X POST "http://localhost:8081(/models\?url=signflow.mar[^"]*)"', PAGE)
        assert register is not None
        fetch(management + register[1] + "&synchronous=true", "POST")
        yield inference
    finally:
        process.kill()
        process.wait()


def is_listening(url: str) -> bool:
    try:
        return bool(fetch(f"{url}/ping")["status"] == "Healthy")
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.anyio
async def test_packed_started_and_registered_as_the_page_says_it_predicts(server: str, backend: Path) -> None:
    window = np.zeros((64, 469), np.float32)
    window[0, 0] = 1
    async with TorchServeClient(server, 30, metrics=ClientMetrics(CollectorRegistry())) as client:
        assert await client.health_check()
        assert await client.predict(window) == ("YES", 0.9, [])
    log = (backend / "server.log").read_text()
    assert "metrics_format is ignored" in log
    assert "since 0.11.1" not in log


@pytest.mark.anyio
async def test_the_client_of_the_page_answers_by_the_shared_pipeline_without_a_server() -> None:
    """The names are those that the function of the backend has."""
    code = re.search(r"^    _global_torchserve_client = .*?^    \)$", PAGE, re.MULTILINE | re.DOTALL)
    assert code is not None

    class Pipeline:
        def _infer_window(self, window: np.ndarray) -> tuple[str, float, list[object]]:
            return f"{len(window)} frames", 0.5, []

    names = {
        "asyncio": asyncio, "TorchServeClient": TorchServeClient, "get_or_create_pipeline": Pipeline,
        "settings": SimpleNamespace(torchserve_url=f"http://127.0.0.1:{free_port()}"), "timeout_seconds": 2.0,
    }  # fmt: skip
    exec(textwrap.dedent(code[0]), names)
    client = names["_global_torchserve_client"]
    assert isinstance(client, TorchServeClient)
    async with client:
        assert await client.predict(np.zeros((64, 469), np.float32)) == ("64 frames", 0.5, [])


def test_every_key_without_effect_stands_on_the_page(backend: Path) -> None:
    arguments = torchserve_parser().parse_args(words_of("torchserve"))
    settings = torchserve_settings(arguments, {}, backend)
    named = [re.findall(r"\w+_\w+", warning.partition(": ")[2])[0] for warning in settings.warnings]
    assert set(named) <= set(re.findall(r"`(\w+)`", PAGE))
    assert settings.warnings


def test_the_compose_file_starts_what_the_page_starts() -> None:
    text = (SIGNFLOW / "compose.migration.yaml").read_text().replace("!reset null", "null")
    service = yaml.safe_load(text)["services"]["torchserve"]
    command, *words = service["command"]
    started = vars(torchserve_parser().parse_args([*words, "--foreground"]))
    said = vars(torchserve_parser().parse_args(words_of("torchserve")))
    paths = {"model_store", "ts_config"}
    assert command == "torchserve"
    assert {name: value for name, value in started.items() if name not in paths} == {
        name: value for name, value in said.items() if name not in paths
    }
    assert {Path(started[name]).parts[:3] for name in paths} == {("/", "home", "model-server")}
