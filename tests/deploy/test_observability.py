"""The dashboard and the alert rules: up to date, valid, and answered by a real Prometheus that scrapes a server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.conftest import MakeArchive
from tests.support.console_model import CONFIG, HANDLER
from tests.support.free_ports import free_port
from tests.support.processes import TIMEOUT_SECONDS, Server
from tests.support.signflow_processes import until

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
FILES = ("dashboard.json", "rules.yaml")
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="Prometheus is not installed"
)


def queries() -> dict[str, str]:
    """The queries of all panels, as Grafana sends them, by panel and letter."""
    described = json.loads((FOLDER / "dashboard.json").read_text())
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        .replace("$model", ".*").replace("$version", ".*")
        for panel in described["panels"] for target in panel["targets"]
    }  # fmt: skip


def test_the_files_are_those_that_the_script_writes(tmp_path: Path) -> None:
    copied = tmp_path / "deploy" / "observability"
    copied.mkdir(parents=True)
    shutil.copy(FOLDER / "generate.py", copied)
    root = str(FOLDER.parents[1])
    subprocess.run([sys.executable, copied / "generate.py"], check=True, env={"PYTHONPATH": root})
    assert [(copied / name).read_text() for name in FILES] == [(FOLDER / name).read_text() for name in FILES]


@needs_prometheus
def test_promtool_accepts_rules_and_configuration() -> None:
    for kind, name in (("rules", "rules.yaml"), ("config", "prometheus.yaml")):
        subprocess.run(["promtool", "check", kind, FOLDER / name], check=True, capture_output=True)


@needs_prometheus
def test_a_prometheus_answers_every_panel(archive: MakeArchive, store: Path, tmp_path: Path) -> None:
    archive("upper", HANDLER, config=CONFIG)
    with Server.of(store, "upper.mar") as server:
        server.until_listening()
        url, process = start_prometheus(server.port, tmp_path)
        try:
            scraped = 'marserve_request_duration_seconds_count{model_name="upper"} >= 3'
            until(lambda: predict(server) and bool(ask(url, scraped)), "predictions are scraped", TIMEOUT_SECONDS)
            until(lambda: predict(server) and bool(ask(url, queries()["Latency A"])), "a rate", TIMEOUT_SECONDS)
            answers = {title: ask(url, query) for title, query in queries().items()}
            loaded = httpx2.get(f"{url}/api/v1/rules").json()["data"]["groups"][0]["rules"]
        finally:
            process.kill()
            process.wait()
    for panel in ("Predictions a second A", "Workers A", "Queued requests A", "Responses a second A"):
        assert answers[panel], panel
    assert {each["name"] for each in loaded} >= {"MarserveDrift", "MarserveRolledBack", "MarserveNoWorker"}


def predict(server: Server) -> bool:
    """A prediction."""
    return httpx2.post(f"{server.url}/predictions/upper", content="a", timeout=TIMEOUT_SECONDS).is_success


def start_prometheus(target: int, folder: Path) -> tuple[str, "subprocess.Popen[bytes]"]:
    """A Prometheus with the rules that scrapes a port of this machine every second; its URL."""
    described = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    described["global"]["scrape_interval"] = "1s"
    described["rule_files"] = [str(FOLDER / "rules.yaml")]
    described["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{target}"]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(described))
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address={address}", "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return f"http://{address}", process


def ask(url: str, query: str) -> list[Any]:
    """The result of an instant query; none while Prometheus starts."""
    try:
        answer = httpx2.get(f"{url}/api/v1/query", params={"query": query})
    except httpx2.TransportError:
        return []
    if answer.status_code == 503:
        return []
    assert answer.json()["status"] == "success", (query, answer.text)
    return list(answer.json()["data"]["result"])
