from pathlib import Path

import pytest

from app.commands.tritonserver.configuration import settings_of
from app.commands.tritonserver.flags import parser
from app.settings.errors import ConfigurationError


def test_flags_become_settings(tmp_path: Path) -> None:
    settings = settings_of(parser().parse_args([
        f"--model-repository={tmp_path}", "--http-port=1", "--metrics-port=2", "--http-address=127.0.0.1", "--id=x",
        "--exit-timeout-secs=7", "--http-restricted-api=health,logging:key=value", "--rate-limit=off",
    ]))  # fmt: skip
    assert settings.triton is not None
    assert (settings.inference_address.port, settings.metrics_address.port, settings.drain_timeout) == (1, 2, 7)
    assert settings.metrics_address.host == "127.0.0.1"
    assert (settings.triton.server_id, settings.triton.is_alone) == ("x", True)
    assert settings.triton.http_restrictions == {"health": ("key", "value"), "logging": ("key", "value")}
    assert settings.warnings == ("--rate-limit has no effect here.",)


@pytest.mark.parametrize(("argv", "words"), [
    ([], "--model-repository must be specified"), (["--allow-sagemaker=true"], "SageMaker"),
    (["--grpc-use-ssl=true"], "--grpc-server-cert is needed"),
    (["--grpc-use-ssl=true", "--grpc-server-cert=none", "--grpc-server-key=none"], "has to be a file: none"),
])  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, argv: list[str], words: str) -> None:
    repository = [f"--model-repository={tmp_path}"] if argv else []
    with pytest.raises(ConfigurationError, match=words):
        settings_of(parser().parse_args([*repository, *argv]))
