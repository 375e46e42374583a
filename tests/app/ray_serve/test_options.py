"""The arguments of an application of Ray Serve; Ray itself is imported by nothing but its builder."""

import subprocess
import sys

import pytest
import yaml

from app.ray_serve.options import MAX_ONGOING_REQUESTS, RayOptions
from app.settings.errors import ConfigurationError
from tests.support.dockerfile import ROOT


def test_arguments_are_divided_between_ray_and_the_server() -> None:
    options = RayOptions.parse({
        "models": ["m.mar", "n=n.onnx"], "model_store": "store", "marserve_metrics": False, "batch_size": 8,
        "min_replicas": 2, "max_replicas": 5, "target_ongoing_requests": 6, "num_gpus": 0.33, "name": "own",
    })  # fmt: skip
    assert options.targets == ("m.mar", "n=n.onnx")
    assert options.settings == {"model_store": "store", "marserve_metrics": "false", "batch_size": "8"}
    deployment = options.deployment(8)
    assert deployment["autoscaling_config"] == {"min_replicas": 2, "max_replicas": 5, "target_ongoing_requests": 6}
    assert deployment["ray_actor_options"] == {"num_cpus": 1, "num_gpus": 0.33}
    assert (deployment["name"], deployment["max_ongoing_requests"]) == ("own", MAX_ONGOING_REQUESTS)
    assert deployment["graceful_shutdown_timeout_s"] == 10
    assert "num_replicas" not in deployment


@pytest.mark.parametrize(
    ("models", "targets", "loaded"), [("all", (), "all"), ("m.mar", ("m.mar",), None), ([], (), None)]
)
def test_models_are_named_or_all(models: object, targets: tuple[str, ...], loaded: str | None) -> None:
    options = RayOptions.parse({"models": models, "num_replicas": 3})
    assert (options.targets, options.settings.get("load_models")) == (targets, loaded)
    assert options.deployment(8)["num_replicas"] == 3


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({"model": "m.mar"}, "unknown argument model;"), ({"num_replicas": 2, "min_replicas": 1}, "fixed")]
    + [({"num_gpus": value}, "num_gpus of a replica is") for value in (1.5, -1, "0.5", float("nan"), True)],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        RayOptions.parse(arguments)


def test_nothing_imports_ray_before_it_is_used() -> None:
    code = (
        "import sys, marserve, app.application, app.server, app.ray_serve.application; "
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'ray']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_files_for_clusters_have_arguments_that_there_are() -> None:
    serve = yaml.safe_load((ROOT / "deploy/ray/serve.yaml").read_text(encoding="utf-8"))
    service = yaml.safe_load((ROOT / "deploy/ray/rayservice.yaml").read_text(encoding="utf-8"))
    for document in (serve, yaml.safe_load(service["spec"]["serveConfigV2"])):
        (application,) = document["applications"]
        assert application["import_path"] == "marserve:ray_application"
        options = RayOptions.parse(application["args"])
        assert options.deployment(8)["autoscaling_config"]["max_replicas"] == 10
        assert options.settings["state"].startswith("s3://")
