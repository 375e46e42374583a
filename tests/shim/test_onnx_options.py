"""The key `onnx` of model-config.yaml decides how sessions are made."""

import logging
from pathlib import Path

import onnxruntime
import pytest
from ts.torch_handler.base_handler import setup_ort_session
from ts.torch_handler.onnx_options import session_options, session_providers

from app.commands.verify.engine_probes import TINY_ONNX


def test_options_of_a_session() -> None:
    options = session_options({"session": {"graph_optimization_level": "ORT_DISABLE_ALL", "session.x": 1}})
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert options.get_session_config_entry("session.x") == "1"
    assert session_options(None) is session_options({}) is None


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        ({"speed": 1}, "no option"),
        ({"add_initializer": 1}, "no option"),
        ({"graph_optimization_level": "FAST"}, "is none of ORT_"),
        ({"intra_op_num_threads": "many"}, "wrong type"),
    ],
)
def test_mistakes_are_named(session: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        session_options({"session": session})


def test_providers_that_are_not_installed_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert session_providers({"providers": [["FasterProvider", {"x": 1}]]}) == ["CPUExecutionProvider"]
    assert "FasterProvider" in caplog.text
    assert session_providers({"providers": "CPUExecutionProvider"}) == ["CPUExecutionProvider"]
    assert session_providers({}) == []


def test_an_entry_that_is_no_provider() -> None:
    with pytest.raises(ValueError, match="no name"):
        session_providers({"providers": [["A", "B", "C"]]})


def test_a_session_is_made_as_configured(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(TINY_ONNX)
    config = {"session": {"intra_op_num_threads": 1}, "providers": ["CPUExecutionProvider"]}
    session = setup_ort_session(str(tmp_path / "net.onnx"), "cpu", config)
    assert session.get_session_options().intra_op_num_threads == 1
