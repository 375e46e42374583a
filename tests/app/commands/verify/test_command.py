"""The report of `marserve verify`."""

import json
import sys
from collections.abc import Sequence

import pytest

from app.commands.verify.command import main
from app.commands.verify.engine_probes import EngineReport, ProbeResult
from handler.devices.device import Device


def able(devices: Sequence[Device]) -> EngineReport:
    """An engine that infers on every device."""
    return EngineReport("able", "1.2.3", 0.25, tuple(ProbeResult(device.torch_name, 12.5, 0.5) for device in devices))


def broken(devices: Sequence[Device]) -> EngineReport:
    """An engine that infers nowhere."""
    return EngineReport(
        "broken", "does not import", None, (ProbeResult("cpu", reason="OSError: no libgomp", remedy="reinstall"),)
    )


def absent(devices: Sequence[Device]) -> EngineReport:
    """An engine that is not installed."""
    return EngineReport("absent", "not installed")


def test_the_report_shows_the_machine_and_each_engine(capsys: pytest.CaptureFixture[str]) -> None:
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
def test_the_status_is_1_where_nothing_infers(engines: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], engines) == 1
    assert capsys.readouterr().out.endswith("Nothing here can infer.\n")


def test_machines_get_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"], {"able": able}) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["cpu_budget"] > 0
    assert report["temp_free"] > 0
    assert report["devices"][-1]["kind"] == "cpu"
    assert report["engines"][0]["probes"][-1] == {
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
