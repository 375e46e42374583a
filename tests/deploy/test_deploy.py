"""The files of deploy/ that platforms read: their shape, and that what they name is there in the server."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.commands.options import torchserve_parser
from app.settings.loading import marserve_settings, torchserve_settings
from app.settings.variables import OUR_VARIABLES, TS_VARIABLES
from handler.metrics.server_metrics import Metrics
from tests.support.dockerfile import ROOT, chain, stages
from tests.support.shapes import Shape, at_most, faults, quantity

DEPLOY = ROOT / "deploy"
PROBES = {"/v2/health/ready", "/v2/health/live"}
KILLED_AFTER = 10
"""Seconds that Cloud Run leaves after SIGTERM."""
PROBE = {
    "httpGet": {"path": PROBES, "port": {8080, "http"}},
    "periodSeconds?": at_most(240), "timeoutSeconds?": at_most(240), "failureThreshold?": at_most(300),
}  # fmt: skip
SECRET = {"secretKeyRef": {"name": str, "key": str}}
VARIABLE = {"name": str, "value?": str, "valueFrom?": SECRET}
LABELS = {"*": str}
CLOUD_RUN = {
    "apiVersion": {"serving.knative.dev/v1"},
    "kind": {"Service"},
    "metadata": {"name": str, "annotations": LABELS},
    "spec": {
        "template": {
            "metadata": {"annotations": LABELS},
            "spec": {
                "containerConcurrency": at_most(1000),
                "timeoutSeconds": at_most(3600),
                "nodeSelector?": {"run.googleapis.com/accelerator": {"nvidia-l4"}},
                "containers": [
                    {
                        "image": str,
                        "ports": [{"name": {"http1", "h2c"}, "containerPort": {8080}}],
                        "env": [VARIABLE],
                        "resources": {"limits": {"*": quantity}},
                        "startupProbe": PROBE,
                        "livenessProbe": PROBE,
                    }
                ],
            },
        }
    },
}
FLY = {
    "app": str, "primary_region": str, "kill_signal": {"SIGTERM"}, "kill_timeout": {"30s"}, "env": LABELS,
    "http_service": {
        "internal_port": {8080}, "force_https": {True}, "auto_stop_machines": {"off", "stop", "suspend"},
        "auto_start_machines": bool, "min_machines_running": int,
        "concurrency": {"type": {"requests"}, "soft_limit": int, "hard_limit": int},
        "checks": [{"method": {"GET"}, "path": PROBES, "interval": str, "timeout": str, "grace_period": str}],
    },
    "metrics": {"port": {8080}, "path": {"/metrics"}},
    "vm": [{"size": str, "memory": str}],
}  # fmt: skip
COMPOSE_SERVICE = {
    "image": str, "build": {"target": set(stages()), "context?": {".."}, "dockerfile?": {"deploy/Dockerfile"}},
    "ports?": [str], "environment?": LABELS, "volumes?": [str], "read_only?": {True}, "tmpfs?": [{"/tmp:exec"}],
    "cap_drop?": [{"ALL"}], "security_opt?": [str], "stop_grace_period?": {"30s"}, "restart?": str, "deploy?": dict,
}  # fmt: skip
KSERVE = {
    "apiVersion": {"serving.kserve.io/v1alpha1"},
    "kind": {"ClusterServingRuntime"},
    "metadata": {
        "name": {"kserve-torchserve"},
        "annotations": {"serving.kserve.io/server-type": {"torchserve"}},
    },
    "spec": {
        "annotations": {"prometheus.kserve.io/port": {"8082"}, "prometheus.kserve.io/path": {"/metrics"}},
        "supportedModelFormats": [{"name": str, "version": str, "autoSelect": bool, "priority": int}],
        "protocolVersions": [{"v1", "v2", "grpc-v2"}],
        "containers": [
            {
                "name": {"kserve-container"}, "image": str, "args": [str], "env": [VARIABLE],
                "securityContext": dict, "resources": {"requests": {"*": quantity}, "limits": {"*": quantity}},
            }
        ],
    },
}  # fmt: skip


def document(name: str) -> Any:
    """A file of deploy/, parsed."""
    text = (DEPLOY / name).read_text()
    return tomllib.loads(text) if name.endswith(".toml") else yaml.safe_load(text)


def container(name: str) -> Any:
    """The container that serves, in a file for Kubernetes or its kin."""
    spec = document(name)["spec"]
    return spec.get("template", {}).get("spec", spec)["containers"][0]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cloudrun/service.yaml", CLOUD_RUN),
        ("cloudrun/service-gpu.yaml", CLOUD_RUN),
        ("fly/fly.toml", FLY),
        ("kserve/clusterservingruntime.yaml", KSERVE),
        ("compose.yaml", {"services": {"marserve": COMPOSE_SERVICE}}),
        ("compose.gpu.yaml", {"services": {"marserve": COMPOSE_SERVICE}}),
    ],
)
def test_a_file_has_the_shape_that_its_platform_reads(name: str, shape: Shape) -> None:
    assert list(faults(document(name), shape)) == []


def test_a_file_of_another_shape_is_noticed() -> None:
    broken = document("cloudrun/service.yaml")
    broken["spec"]["template"]["spec"]["containers"][0]["startupProbe"]["httpGet"]["path"] = "/elsewhere"
    broken["spec"]["template"]["spec"]["containerConcurrency"] = "many"
    del broken["kind"]
    assert len(list(faults(broken, CLOUD_RUN))) == 3


def test_every_file_here_is_looked_at() -> None:
    found = {str(path.relative_to(DEPLOY)) for path in DEPLOY.rglob("*") if path.suffix in (".yaml", ".toml")}
    kubernetes = {str(path.relative_to(DEPLOY)) for path in (DEPLOY / "kubernetes").rglob("*.yaml")}
    assert len(kubernetes) == 11  # test_kubernetes.py looks at them
    cloud = {"cloudrun/service.yaml", "cloudrun/service-gpu.yaml", "fly/fly.toml", "kserve/clusterservingruntime.yaml"}
    cloud |= {"kserve/network-policy.yaml", "sagemaker/single-model.yaml", "sagemaker/multi-model.yaml"}
    cloud |= {"ray/serve.yaml", "ray/rayservice.yaml", "kserve/clusterservingruntime-beside.yaml"}
    signflow = {f"signflow/compose.{kind}.yaml" for kind in ("cpu", "apple", "nvidia", "migration")} | {
        "signflow/pyproject.toml"
    }
    proxies = {"proxies/envoy.yaml"}  # its words are reviewed, and held by docs/security.md
    observability = {"observability/prometheus.yaml", "observability/rules.yaml"}
    assert found == kubernetes | cloud | signflow | proxies | observability | {"compose.yaml", "compose.gpu.yaml"}


@pytest.mark.parametrize("name", ["cloudrun/service.yaml", "cloudrun/service-gpu.yaml", "kubernetes/deployment.yaml"])
def test_the_probes_tell_readiness_from_life(name: str) -> None:
    served = container(name)
    assert served["startupProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert served["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    assert list(faults(served["startupProbe"], PROBE)) == []


@pytest.mark.parametrize("name", ["cloudrun/service.yaml", "cloudrun/service-gpu.yaml"])
def test_cloud_run_starts_within_its_limit_and_drains_before_it_kills(name: str) -> None:
    probe = container(name)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= 240
    assert settings_of(name).drain_timeout < KILLED_AFTER
    assert settings_of(name).max_request_size == 32 << 20


def test_kubernetes_leaves_time_for_the_endpoints_and_the_drain() -> None:
    pod = document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    rest = container("kubernetes/deployment.yaml")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert rest + settings_of("kubernetes/deployment.yaml").drain_timeout < pod["terminationGracePeriodSeconds"]


def test_kubernetes_runs_the_image_as_its_user_with_nothing_to_spare() -> None:
    pod = document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    served = container("kubernetes/deployment.yaml")
    assert pod["securityContext"]["runAsUser"] == int(chain("onnx")[0].all("USER")[0].partition(":")[0])
    assert served["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {mount["mountPath"] for mount in served["volumeMounts"]}
    assert mounts == {"/tmp", image_settings()["model_store"]}
    assert {mount["name"] for mount in served["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_kubernetes_files_speak_of_one_deployment() -> None:
    deployment, service, hpa = (document(f"kubernetes/{name}.yaml") for name in ("deployment", "service", "hpa"))
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert hpa["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    ports = {port["name"] for port in container("kubernetes/deployment.yaml")["ports"]}
    assert service["spec"]["ports"][0]["targetPort"] in ports


def test_the_metric_that_scales_is_one_that_is_exposed() -> None:
    _, metric = document("kubernetes/hpa.yaml")["spec"]["metrics"]
    rule, _ = document("kubernetes/adapter-rules.yaml")["rules"]["custom"]
    name = metric["pods"]["metric"]["name"]
    assert name == rule["name"]["as"]
    assert rule["seriesQuery"].startswith(name)
    metrics = Metrics("prometheus")
    model = metrics.add_version("m", "1.0")  # kept: a model without references is forgotten
    model.watch(lambda: 7, lambda: 1, lambda: 0)
    samples = metrics.expose([]).decode()
    assert f'{name}{{model_name="m",model_version="1.0",}} 7.0' in samples


def variables(name: str) -> dict[str, str]:
    """The environment that a file gives the server; a secret is some text."""
    if name.endswith(".toml"):
        return dict(document(name)["env"])
    if name.startswith("compose"):
        return dict(document(name)["services"]["marserve"]["environment"])
    return {variable["name"]: variable.get("value", "secret") for variable in container(name)["env"]}


def image_settings() -> dict[str, str]:
    """The keys of the image's own config.properties."""
    lines = (DEPLOY / "serve.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def settings_of(name: str) -> Any:
    """The settings with which `marserve serve` starts in the image under a file's environment."""
    return marserve_settings(variables(name), Path("/"), host="0.0.0.0")


@pytest.mark.parametrize(
    "name",
    [
        "cloudrun/service.yaml",
        "cloudrun/service-gpu.yaml",
        "fly/fly.toml",
        "kubernetes/deployment.yaml",
        "compose.yaml",
    ],
)
def test_every_variable_is_read_and_management_is_locked(name: str) -> None:
    ignored = variables(name).keys() - {"PORT"} - OUR_VARIABLES.keys() - TS_VARIABLES.keys()
    assert ignored == set()
    settings = settings_of(name)
    assert settings.authorization == "management"
    assert (settings.inference_address.host, settings.inference_address.port) == ("0.0.0.0", 8080)


def test_fly_waits_longer_than_the_server_drains() -> None:
    assert settings_of("fly/fly.toml").drain_timeout < int(document("fly/fly.toml")["kill_timeout"].rstrip("s"))


def test_the_configuration_of_the_image_has_no_unknown_key_and_puts_everything_on_one_port(tmp_path: Path) -> None:
    text = (DEPLOY / "serve.properties").read_text().replace("/home/model-server/model-store", str(tmp_path))
    (tmp_path / "config.properties").write_text(text)
    settings = marserve_settings({"PORT": "9000"}, tmp_path, host="0.0.0.0")
    assert settings.warnings == ()
    assert str(settings.inference_address) == str(settings.management_address) == "http://0.0.0.0:9000"


def test_torchserve_in_the_image_listens_on_torchserves_three_ports(tmp_path: Path) -> None:
    text = (DEPLOY / "torchserve.properties").read_text().replace("/home/model-server/model-store", str(tmp_path))
    (tmp_path / "torchserve.properties").write_text(text)
    environ = {"TS_CONFIG_FILE": str(tmp_path / "torchserve.properties")}
    settings = torchserve_settings(torchserve_parser().parse_args(["--start", "--foreground"]), environ, tmp_path)
    assert settings.warnings == ()
    addresses = (settings.inference_address, settings.management_address, settings.metrics_address)
    assert [str(each) for each in addresses] == [f"http://0.0.0.0:{port}" for port in (8080, 8081, 8082)]
    exposed = chain("onnx")[0].all("EXPOSE")[0].split()
    assert exposed == ["8080", "8081", "8082", "7070", "7071"]


def test_kserves_command_and_configuration_answer_where_kserve_asks(tmp_path: Path) -> None:
    """The runtime's own arguments, with /mnt/models elsewhere, and the configuration that KServe's users have."""
    arguments = container("kserve/clusterservingruntime.yaml")["args"]
    assert arguments == stages()["kserve"].words("CMD")
    (tmp_path / "model-store").mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.properties").write_text(
        "inference_address=http://0.0.0.0:8085\nmanagement_address=http://0.0.0.0:8085\n"
        "metrics_address=http://0.0.0.0:8082\nenable_envvars_config=true\nmetrics_mode=prometheus\n"
    )
    moved = [word.replace("/mnt/models", str(tmp_path)) for word in arguments[1:]]
    environ = dict(pair.split("=", 1) for pair in stages()["kserve"].all("ENV")[0].split())
    environ["TS_SERVICE_ENVELOPE"] = "kserve"
    settings = torchserve_settings(torchserve_parser().parse_args([*moved, "--foreground"]), environ, tmp_path)
    assert str(settings.kserve_address) == "http://0.0.0.0:8080"
    assert str(settings.inference_address) == "http://0.0.0.0:8085"
    assert settings.grpc_apis == ("inference", "management", "kserve")
    assert str(settings.metrics_address) == "http://0.0.0.0:8082"
    assert (settings.authorization, settings.service_envelope) == ("off", "kserve")


def test_the_procfile_honours_the_port_and_the_drain() -> None:
    words = (ROOT / "Procfile").read_text()
    assert "--port ${PORT" in words
    assert words.startswith("web: uvicorn app:main --host 0.0.0.0")
