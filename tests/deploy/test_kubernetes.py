"""The manifests for Kubernetes: they refer to each other, and to metrics and ports that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from handler.metrics import marserve_metrics
from handler.metrics.families import Family

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
LABELS = {"app.kubernetes.io/name": "marserve"}
KNOWN = {each.name for each in vars(marserve_metrics).values() if isinstance(each, Family)}
SUFFIXES = re.compile("_(bucket|count|sum)$")


def manifest(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_the_base_names_every_manifest() -> None:
    resources = manifest("kustomization.yaml")["resources"]
    others = {"kustomization.yaml", "adapter-rules.yaml"}  # the latter is for a Helm chart
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*resources, *others}
    kinds = [manifest(name)["kind"] for name in resources]
    assert kinds == [
        "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor",
        "PrometheusRule",
    ]  # fmt: skip
    assert all(manifest(name)["metadata"]["name"] == "marserve" for name in resources)


def test_selectors_find_the_pods_and_the_service() -> None:
    assert manifest("deployment.yaml")["spec"]["template"]["metadata"]["labels"] == LABELS
    assert manifest("service.yaml")["metadata"]["labels"] == manifest("service.yaml")["spec"]["selector"] == LABELS
    assert manifest("disruption-budget.yaml")["spec"]["selector"]["matchLabels"] == LABELS
    assert manifest("network-policy.yaml")["spec"]["podSelector"]["matchLabels"] == LABELS
    assert manifest("service-monitor.yaml")["spec"]["selector"]["matchLabels"] == LABELS


def test_ports_are_those_of_the_container() -> None:
    (container,) = manifest("deployment.yaml")["spec"]["template"]["spec"]["containers"]
    names = {port["name"] for port in container["ports"]}
    (endpoint,) = manifest("service-monitor.yaml")["spec"]["endpoints"]
    (rule,) = manifest("network-policy.yaml")["spec"]["ingress"]
    assert {endpoint["port"], *(port["port"] for port in rule["ports"])} == names == {"http"}


def test_queries_ask_for_series_that_there_are() -> None:
    rules = manifest("alert-rules.yaml")["spec"]["groups"][0]["rules"]
    triggers = manifest("keda/scaled-object.yaml")["spec"]["triggers"]
    adapted = [rule["seriesQuery"] for rule in manifest("adapter-rules.yaml")["rules"]["custom"]]
    queries = [*(rule["expr"] for rule in rules), triggers[1]["metadata"]["query"], *adapted]
    asked = {SUFFIXES.sub("", name) for query in queries for name in re.findall(r"marserve_\w+", query)}
    assert asked <= KNOWN
    assert len(asked) >= 5


def test_keda_takes_the_place_of_the_autoscaler() -> None:
    overlay = manifest("keda/kustomization.yaml")
    assert overlay["resources"] == ["../", "scaled-object.yaml"]
    deleted = yaml.safe_load(overlay["patches"][0]["patch"])
    assert (deleted["$patch"], deleted["kind"]) == ("delete", manifest("hpa.yaml")["kind"])
    scaled, autoscaler = manifest("keda/scaled-object.yaml")["spec"], manifest("hpa.yaml")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (
        autoscaler["minReplicas"],
        autoscaler["maxReplicas"],
    )
    by_cpu, by_queue = scaled["triggers"]
    assert by_cpu["metadata"]["value"] == str(autoscaler["metrics"][0]["resource"]["target"]["averageUtilization"])
    assert by_queue["metadata"]["threshold"] == autoscaler["metrics"][1]["pods"]["target"]["averageValue"]
    assert by_queue["metadata"]["query"].count(autoscaler["metrics"][1]["pods"]["metric"]["name"]) == 1


@pytest.mark.parametrize(
    "name",
    ["deployment.yaml", "service.yaml", "hpa.yaml", "disruption-budget.yaml", "network-policy.yaml",
     "../kserve/network-policy.yaml"],
)  # fmt: skip
def test_kubernetes_own_schemas_accept_the_manifests(name: str) -> None:
    schemas = pytest.importorskip(
        "kubernetes_validate", reason="its schemas take 100 MB: pip install kubernetes-validate"
    )
    assert schemas.validate(manifest(name), schemas.latest_version(), strict=True)
