"""Messages as TorchServe sends them."""

import pytest

from model_registry.errors import (
    InvalidModel,
    NoStore,
    NoWorker,
    NoWorkerToDescribe,
    RegistryError,
    RelativeUrl,
    UnknownDefault,
    UrlRefused,
    VersionNotFound,
    WorkflowFailed,
)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (VersionNotFound("m", "2"), "Model version: 2 does not exist for model: m"),
        (UnknownDefault("m", "2"), "Model version 2 does not exist for model m"),
        (NoStore(), "Model store has not been configured."),
        (UrlRefused("u"), "Given URL u does not match any allowed URL(s)"),
        (RelativeUrl("../u"), "Relative path is not allowed in url: ../u"),
        (InvalidModel.bad_manifest(), "Failed to parse signature.json."),
        (WorkflowFailed("w", ["a", "b"]), "Workflow w has failed to register. Failures: [a, b]"),
    ],
)
def test_messages_are_torchserves(error: RegistryError, message: str) -> None:
    assert str(error) == message


def test_a_version_without_workers_is_named_as_the_client_named_it() -> None:
    assert str(NoWorker("m")).startswith('Model "m" has no worker to serve inference request.')
    assert str(NoWorker("m", "2")).startswith('Model "m" Version 2" has no worker')
    assert str(NoWorkerToDescribe("m")).startswith('Model "m" has no worker to serve describe request.')
