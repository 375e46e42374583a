"""The process of a worker ends with its server."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.footprint import has_ended
from tests.support.load import until
from tests.support.one_worker import write


@pytest.mark.parametrize("work", ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"])
def test_the_process_ends_with_the_server_whatever_it_does(tmp_path: Path, work: str) -> None:
    write(
        tmp_path / "archive",
        {"handler.py": f"import ctypes, os, time\nprint(os.getpid())\ndef handle(data, context):\n    {work}"},
    )
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[4])!r})
from pathlib import Path
from handler.devices.cpu_budget import Cores
from handler.devices.device import CPU
from handler.workers.process.process_service import ProcessService
from handler.workers.spec import ServiceSpec, WorkerSpec
service = ServiceSpec("m", Path({str(tmp_path / "archive")!r}), {{}}, "handler.py", 1)
write_line = lambda stream, line: print(line, flush=True)
ProcessService(WorkerSpec(service, 0, 9000, "W", CPU, Cores(1, 1, 1), write_line), print).load()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert not has_ended(pid)
        server.kill()
    until(lambda: has_ended(pid))
