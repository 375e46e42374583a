"""KServe's TorchServe runtime, literally: start command, environment, and a config.properties as it is written."""

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from app.application import create_apps
from app.commands.options import torchserve_parser
from app.lifespan import running
from app.settings.loading import torchserve_settings
from app.settings.model import Settings
from app.settings.types import ListenAddress
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio

COMMAND = "--start --model-store={mnt}/model-store --ts-config={mnt}/config/config.properties"
CONFIG = """\
inference_address=http://0.0.0.0:8085
management_address=http://0.0.0.0:8085
metrics_address=http://0.0.0.0:8082
grpc_inference_port=7070
grpc_management_port=7071
enable_envvars_config=true
install_py_dep_per_model=true
enable_metrics_api=true
metrics_mode=prometheus
NUM_WORKERS=1
number_of_netty_threads=4
job_queue_size=10
disable_token_authorization=true
model_store={mnt}/model-store
model_snapshot={{"name":"startup.cfg","modelCount":1,"models":{{"m":{{"1.0":{{"defaultVersion":true,"marName":"m.mar",\
"minWorkers":1,"maxWorkers":5,"batchSize":1,"maxBatchDelay":10,"responseTimeout":120}}}}}}}}
"""
DOUBLES = """
    class Doubles:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            return [[2 * number for number in row["data"]] if isinstance(row, dict) else row for row in data]
"""
DOUBLES_TENSORS = """
    class DoublesTensors:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            return [[2 * number for number in tensor["data"]] for tensor in data]
"""


@pytest.fixture
def mnt(tmp_path: Path) -> Path:
    """The folders that KServe mounts: the store, and the configuration beside it."""
    for name in ("model-store", "config"):
        (tmp_path / "mnt" / name).mkdir(parents=True)
    (tmp_path / "mnt/config/config.properties").write_text(CONFIG.format(mnt=tmp_path / "mnt"))
    return tmp_path / "mnt"


@pytest.fixture
def store(mnt: Path) -> Path:
    """The mounted one."""
    return mnt / "model-store"


def started(mnt: Path, **environ: str) -> Settings:
    arguments = torchserve_parser().parse_args(shlex.split(COMMAND.format(mnt=mnt)))
    return torchserve_settings(arguments, environ, mnt.parent)


@asynccontextmanager
async def inference(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(settings) as application:
        address = create_apps(application)[ListenAddress("http", "0.0.0.0", 8085)]
        transport = httpx2.ASGITransport(address, client=("127.0.0.1", 50000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://m.default.svc", timeout=60) as client:
            yield client


def test_its_configuration_is_read_to_the_last_key(mnt: Path, archive: MakeArchive) -> None:
    archive("m", DOUBLES)
    settings = started(mnt, TS_SERVICE_ENVELOPE="kserve")
    assert settings.inference_address == settings.management_address == ListenAddress("http", "0.0.0.0", 8085)
    assert settings.metrics_address == ListenAddress("http", "0.0.0.0", 8082)
    assert (settings.grpc_inference_port, settings.grpc_management_port) == (7070, 7071)
    assert (settings.service_envelope, settings.authorization) == ("kserve", "off")
    assert sorted(warning.partition(": ")[2] for warning in settings.warnings) == [
        "number_of_netty_threads has no effect: one event loop serves all connections.",
        "the unknown key NUM_WORKERS is ignored; is default_workers_per_model meant?",
    ]


async def test_the_first_protocol_predicts(mnt: Path, archive: MakeArchive) -> None:
    archive("m", DOUBLES)
    async with inference(started(mnt, TS_SERVICE_ENVELOPE="kserve")) as client:
        answer = await client.post("/v1/models/m:predict", json={"instances": [{"data": [1, 2]}, {"data": [3]}]})
        assert (answer.status_code, answer.json()) == (200, {"predictions": [[2, 4], [6]]})
        assert (await client.get("/v1/models/m")).json() == {"name": "m", "ready": True}
        assert (await client.get("/ping")).json() == {"status": "Healthy"}


async def test_the_second_protocol_infers(mnt: Path, archive: MakeArchive) -> None:
    archive("m", DOUBLES_TENSORS)
    tensor = {"name": "input-0", "shape": [3], "datatype": "INT64", "data": [1, 2, 3]}
    async with inference(started(mnt, TS_SERVICE_ENVELOPE="kservev2")) as client:
        answer = await client.post("/v2/models/m/infer", json={"id": "own", "inputs": [tensor]})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["id"], told["model_name"], told["model_version"]) == ("own", "m", "1.0")
    assert [(output["shape"], output["data"]) for output in told["outputs"]] == [([3], [2, 4, 6])]


async def test_the_numbers_of_the_snapshot_count(mnt: Path, archive: MakeArchive) -> None:
    archive("m", DOUBLES, config="minWorkers: 2\nmaxWorkers: 2\nbatchSize: 8\n")
    async with inference(started(mnt, TS_SERVICE_ENVELOPE="kserve")) as client:
        (described,) = (await client.get("/models/m")).json()
    told = ("minWorkers", "maxWorkers", "batchSize", "maxBatchDelay", "responseTimeout", "loadedAtStartup")
    assert [described[key] for key in told] == [1, 5, 1, 10, 120, False]
    assert len(described["workers"]) == 1
    assert described["jobQueueStatus"]["remainingCapacity"] == 10


async def test_metrics_have_their_own_port(mnt: Path, archive: MakeArchive) -> None:
    archive("m", DOUBLES)
    async with running(started(mnt)) as application:
        metrics = create_apps(application)[ListenAddress("http", "0.0.0.0", 8082)]
        transport = httpx2.ASGITransport(metrics, client=("127.0.0.1", 50000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://m") as client:
            assert "ts_inference_requests_total" in (await client.get("/metrics")).text
