"""The report of `marserve verify`, and the trials behind it."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.commands.engine_probes import TINY_ONNX, Engine, Trial, try_onnxruntime, try_torch
from app.commands.verify import main
from handler.devices.device import CPU, Device

GPU = Device("cuda", 0, "NVIDIA H200", 139 << 30)


def able(devices: Sequence[Device]) -> Engine:
    """An engine that infers on every device."""
    return Engine("able", "1.2.3", 0.25, tuple(Trial(device.torch_name, 12.5, 0.5) for device in devices))


def broken(devices: Sequence[Device]) -> Engine:
    """An engine that infers nowhere."""
    return Engine("broken", "does not import", None, (Trial("cpu", reason="OSError: no libgomp", remedy="reinstall"),))


def absent(devices: Sequence[Device]) -> Engine:
    """An engine that is not installed."""
    return Engine("absent", "not installed")


def test_the_report_tells_the_machine_and_each_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {"able": able, "broken": broken, "absent": absent}) == 0
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines()[:6]] == [
        "marserve",
        "python",
        "processors",
        "memory",
        "temp",
        "device",
    ]
    assert "able         1.2.3; imported in 0.25 s\n" in text
    assert "absent       not installed\n" in text
    assert "OK           able on cpu: 12.50 ms at first, then 0.50 ms\n" in text
    assert text.endswith("FAILED       broken on cpu: OSError: no libgomp. Remedy: reinstall\n")


@pytest.mark.parametrize("engines", [{}, {"absent": absent}, {"broken": broken}])
def test_where_nothing_infers_the_status_says_so(
    engines: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], engines) == 1
    assert capsys.readouterr().out.endswith("Nothing here can infer.\n")


def test_machines_get_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"], {"able": able}) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["cpu_budget"] > 0
    assert report["temp_free"] > 0
    assert report["devices"][-1]["kind"] == "cpu"
    assert report["engines"][0]["trials"][-1] == {
        "device": "cpu",
        "cold_ms": 12.5,
        "warm_ms": 0.5,
        "reason": "",
        "remedy": "",
    }


def test_progress_goes_to_a_terminal_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    main([], {"able": able})
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main([], {"able": able})
    assert capsys.readouterr().err == "\r\x1b[Kimporting able ...\r\x1b[K"


def test_onnx_runtime_infers_on_the_cpu() -> None:
    engine = try_onnxruntime([CPU])
    (trial,) = engine.trials
    assert trial.ok
    assert trial.cold_ms > trial.warm_ms > 0
    assert engine.import_s is not None
    assert "CPUExecutionProvider" in engine.build


def test_a_device_without_a_provider_fails_with_a_remedy() -> None:
    (trial,) = try_onnxruntime([Device("mps")]).trials if sys.platform != "darwin" else try_onnxruntime([GPU]).trials
    assert trial.reason == "LookupError: this build has no provider for it"
    assert trial.remedy.startswith("install onnxruntime-gpu")


def test_torch_infers_where_it_is_installed() -> None:
    pytest.importorskip("torch")
    (trial,) = try_torch([CPU]).trials
    assert trial.ok
    assert trial.cold_ms > 0


def test_an_engine_that_does_not_import_fails_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: no such file\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    engine = try_torch([CPU])
    assert (engine.build, engine.import_s) == ("does not import", None)
    assert [trial.reason for trial in engine.trials] == ["OSError: libcudart.so.12: no such file"]


def test_the_tiny_model_is_what_its_comment_says() -> None:
    """Built anew with onnx, it is the same to the last field."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("w", floats, [4, 2], b"".join(map(_little, [1, 0, 0, 1] * 2)), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", floats, [1, 4])],
        [helper.make_tensor_value_info("y", floats, [1, 2])],
        [weights],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    assert onnx.load_from_string(TINY_ONNX) == built


def _little(number: int) -> bytes:
    return b"\0\0\x80\x3f" if number else b"\0\0\0\0"
