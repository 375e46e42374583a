"""Starting and stopping from Python, the arguments of the commands, and small decorators and measurements."""

import os
import sys
import types
from pathlib import Path

import pytest
import ts.launcher
import ts.metrics.system_metrics
import ts.model_server
from ts.arg_parser import ArgParser
from ts.utils.timeit_decorator import timeit

COMMAND = """#!{python}
import sys
print("called with", *sys.argv[1:])
if "--start" in sys.argv:
    print("Model server started.")
    print("and more")
sys.exit(7 if "--version" in sys.argv else 0)
"""


@pytest.fixture(autouse=True)
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `torchserve` that only says how it is called."""
    file = tmp_path / "torchserve"
    file.write_text(COMMAND.format(python=sys.executable))
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


def test_a_server_is_started_and_its_lines_are_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    lines = ts.launcher.start("store", "config", True, "plugins", True, "m=m.mar", True)
    assert lines.get() == "and more\n"
    assert lines.get() is None
    printed = capfd.readouterr().out
    assert "called with --stop --foreground" in printed
    assert (
        "called with --start --model-store store --plugins-path plugins --ts-config config --no-config-snapshots "
        "--disable-token-auth --models m=m.mar --enable-model-api"
    ) in printed


def test_a_model_is_registered_with_the_management_api(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    monkeypatch.setitem(
        sys.modules, "requests", types.SimpleNamespace(post=lambda *a, **named: called.append((a, named)))
    )
    ts.launcher.register_model("m", "m.mar")
    (((url,), named),) = called
    assert url == "http://localhost:8081/models"
    assert dict(named["params"]) == {"model_name": "m", "url": "m.mar", "initial_workers": "1", "synchronous": "true"}


def test_the_command_is_a_function(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--version"])
    with pytest.raises(SystemExit) as caught:
        ts.model_server.start()
    assert caught.value.code == 7
    (tmp_path / "config.properties").write_text("# a=b\nmodel_store = store\nempty\n")
    assert ts.model_server.load_properties(tmp_path / "config.properties") == {"model_store": "store"}


def test_the_arguments_of_the_commands() -> None:
    arguments = ArgParser.extract_args(["--start", "--models", "a", "b=c", "--ncs", "--dt", "--enable-model-api"])
    assert (arguments.models, arguments.no_config_snapshots) == (["a", "b=c"], True)
    assert (arguments.token_auth, arguments.model_mode, arguments.foreground) == (True, True, False)
    arguments = ArgParser.model_service_worker_args().parse_args(["--sock-type", "tcp", "--port", "9000", "--async"])
    assert (arguments.sock_type, arguments.port, arguments.async_comm) == ("tcp", "9000", True)


def test_the_time_of_a_function_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert timeit(len)("abc") == 3
    assert "func: 'len' took a total of" in capsys.readouterr().out


def test_the_host_is_measured(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    memory = types.SimpleNamespace(used=2 << 20, available=3 << 20, percent=40)
    disk = types.SimpleNamespace(used=2 << 30, free=3 << 30, percent=40)
    psutil = types.SimpleNamespace(cpu_percent=lambda: 5, virtual_memory=lambda: memory, disk_usage=lambda path: disk)
    monkeypatch.setitem(sys.modules, "psutil", psutil)
    with caplog.at_level("INFO"):
        ts.metrics.system_metrics.collect_all(ts.metrics.system_metrics, 0)
    measured = {metric.name: metric.value for metric in ts.metrics.system_metrics.system_metrics}
    assert measured == {
        "CPUUtilization": 5, "MemoryUsed": 2, "MemoryAvailable": 3, "MemoryUtilization": 40, "DiskUsage": 2,
        "DiskUtilization": 40, "DiskAvailable": 3,
    }  # fmt: skip
    assert "CPUUtilization.Percent:5" in caplog.text
    ts.metrics.system_metrics.system_metrics.clear()
