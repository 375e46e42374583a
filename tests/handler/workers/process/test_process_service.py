"""A service in a process of its own: what its archive finds there, what the server hears of it, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handler.devices.cpu_budget import Cores
from handler.devices.device import CPU
from handler.errors import ChildFailed, PredictionFailed
from handler.isolation.process.environ import Environment
from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Input, Job, Output, Part, StreamChunk
from handler.workers.process.process_service import ProcessService
from handler.workers.spec import ServiceSpec, WorkerSpec
from tests.support.footprint import children, has_ended, open_files
from tests.support.load import until
from tests.support.one_worker import write

PATIENCE = 20


class Remote:
    """A loaded service with what it has told."""

    def __init__(self, folder: Path, handler: str, files: dict[str, str], **service_options: Any) -> None:
        self.lines: list[tuple[str, str]] = []
        self.metrics: list[tuple[Any, ...]] = []
        self.exits: list[int] = []
        self.ended = threading.Event()
        write(folder, {"handler.py": textwrap.dedent(handler), **files})
        options = {"metric_sink": lambda *metric: self.metrics.append(metric), "batch_size": 4, **service_options}
        service = ServiceSpec("m", folder, {}, "handler.py", **options)
        spec = WorkerSpec(service, 0, 9000, "W-9000-m_1.0", CPU, Cores(1, 1, 1), lambda *line: self.lines.append(line))
        self.service = ProcessService(spec, self._note)

    def ask(self, *values: Any, deliver: Callable[[Any], None] = lambda answers: None) -> list[Any]:
        """The outcomes of one batch of texts: the bodies of outputs, errors as they are."""
        jobs = [Job(Input((Part("body", "text/plain", str(value).encode()),)), str(value)) for value in values]
        outcomes = self.service.predict(jobs, deliver, concurrent=False)
        return [outcome.body.decode() if isinstance(outcome, Output) else outcome for outcome in outcomes]

    def _note(self, status: int) -> None:
        self.exits.append(status)
        self.ended.set()


Make = Callable[..., Remote]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes services of a handler's source; they are closed after the test."""
    made: list[Remote] = []

    def make(handler: str, files: dict[str, str] | None = None, *, load: bool = True, **service_options: Any) -> Remote:
        made.append(Remote(tmp_path / str(len(made)), handler, files or {}, **service_options))
        if load:
            made[-1].service.load()
        return made[-1]

    yield make
    for remote in made:
        remote.service.close()


def test_an_archive_finds_a_process_of_its_own(make: Make) -> None:
    """Though the server's own packages are called `handler` and `app` as well."""
    source = """
        import os, sys, signal, threading
        import app, handler, model_registry
        AT_IMPORT = os.getcwd()
        def handle(data, context):
            return data and [{
                "own": [app.WHO, model_registry.WHO, handler.__file__ == __file__, __name__],
                "folders": len({AT_IMPORT, os.getcwd(), os.path.dirname(__file__), sys.path[0]}),
                "main": threading.current_thread() is threading.main_thread(),
                "arguments": sys.argv[1:],
                "pid": os.getpid(),
            }]
    """
    remote = make(source, {"app.py": "WHO = 'app'", "model_registry/__init__.py": "WHO = 'registry'"})
    (answer,) = remote.ask("x")
    found = eval(answer.replace("true", "True"))
    assert found["own"] == ["app", "registry", True, "handler"]
    assert (found["folders"], found["main"], found["arguments"]) == (1, True, [])
    assert found["pid"] == remote.service.pid != os.getpid()


def test_a_folder_on_the_servers_path_may_hold_a_handler_of_its_own(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "elsewhere", {"handler.py": "WHO = 'a stranger'"})
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    remote = make("def handle(data, context):\n    return data and [__file__]")
    assert remote.ask("x") == [str(tmp_path / "0" / "handler.py")]


def test_packages_with_the_servers_names_are_those_of_others_or_none(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import app
        try:
            import model_registry
        except ImportError as error:
            missing = str(error)
        def handle(data, context):
            return data and [f"{app.NAME}: {missing}"]
    """
    monkeypatch.syspath_prepend(str(write(tmp_path / "team", {"app/__init__.py": "NAME = 'team'"})))
    assert make(source).ask("x") == ["team: No module named 'model_registry'"]


def test_packages_beside_the_folder_are_found_and_hidden_variables_are_not(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "1")
    monkeypatch.setenv("TOLD_TO_ALL", "1")
    write(tmp_path / "packages", {"beside.py": "WHO = 'beside'"})
    source = """
        import os, beside
        def handle(data, context):
            names = ("SECRET_OF_THE_SERVER", "TOLD_TO_ALL", "ADDED")
            return data and [beside.WHO + str([os.environ.get(name) for name in names])]
    """
    hidden = Environment(re.compile("SECRET_.*"), {"ADDED": "2"})
    remote = make(source, packages=tmp_path / "packages", environment=hidden)
    assert remote.ask("x") == ["beside[None, '1', '2']"]


def test_everything_printed_is_said_before_the_answer(make: Make) -> None:
    source = """
        import logging, os, subprocess, sys
        def handle(data, context):
            if data:
                print("printed")
                logging.getLogger("any").info("logged")
                logging.getLogger("any").debug("not logged")
                sys.stdout.flush(), os.write(1, "by native code: \\u00e4\\r\\n".encode())
                subprocess.run(["echo", "by a program"])
                print("one\\rtwo\\nunfinished", end="")
                return ["x"]
    """
    remote = make(source)
    remote.ask("x")
    assert [line for stream, line in remote.lines if stream == "stdout"] == [
        "printed", "logged", "by native code: ä", "by a program", "one", "two",
    ]  # fmt: skip
    remote.service.close()
    assert remote.lines[-1] == ("stdout", "unfinished")


def test_a_line_that_never_ends_is_told_in_pieces(make: Make) -> None:
    source = """
        import os
        def handle(data, context):
            for _ in range(50 if data else 0):
                os.write(1, b"." * 100_000)
            return data and ["x"]
    """
    remote = make(source)
    remote.ask("x")
    remote.service.close()
    assert "".join(line for _, line in remote.lines) == "." * 5_000_000
    assert max(len(line) for _, line in remote.lines) < 200_000


def test_a_handler_may_close_its_streams(make: Make) -> None:
    source = """
        import os, sys
        def handle(data, context):
            if data and data[0]["body"] == "close":
                sys.stdout.buffer.write(b"\\xff\\x00\\n")
                sys.stdout.flush(), os.close(1), os.close(2)
                print("lost")
            return data and ["x"]
    """
    remote = make(source)
    (failure,) = remote.ask("close")
    assert isinstance(failure, PredictionFailed)  # print fails, as anywhere
    assert remote.ask("x") == ["x"]
    assert remote.lines == [("stdout", "\ufffd\0")]


def test_a_process_that_left_its_group_is_killed_too(make: Make) -> None:
    source = """
        import os, time
        def handle(data, context):
            if data:
                os.setpgid(0, os.getpgid(os.getppid()))
                print("left")
                time.sleep(60)
    """
    remote = make(source)
    killer = threading.Thread(target=lambda: (until(lambda: bool(remote.lines)), remote.service.kill()))
    killer.start()
    with pytest.raises(WorkerExit):
        remote.ask("x")
    killer.join()
    assert has_ended(remote.service.pid)


def test_metrics_of_a_batch_come_with_its_answer_and_others_at_once(make: Make) -> None:
    source = """
        import threading
        def handle(data, context):
            if data is None:
                context.metrics.add_counter("AtLoad", 1)
            elif data[0]["body"] == "later":
                threading.Timer(0.05, lambda: context.metrics.add_metric("Later", 2, unit="ms")).start()
            else:
                context.metrics.add_counter("InBatch", 3)
            return data and ["x"]
    """
    remote = make(source)
    assert [metric[:2] for metric in remote.metrics] == [("AtLoad", 1.0)]
    remote.ask("now")
    assert [metric[0] for metric in remote.metrics] == ["AtLoad", "InBatch", "PredictionTime"]
    assert remote.metrics[1][1:] == (3.0, "Count", {"ModelName": "m", "Level": "Model"}, "counter", "now")
    remote.ask("later")
    until(lambda: remote.metrics[-1][0] == "Later")
    assert remote.metrics[-1][1:3] == (2.0, "Milliseconds")


def test_pieces_come_while_the_handler_goes_on(make: Make, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    source = f"""
        import pathlib, time
        from ts.handler_utils.utils import send_intermediate_predict_response as send
        def handle(data, context):
            if data:
                send(["first", "other"], context.request_ids, "", 200, context)
                while not pathlib.Path({str(gate)!r}).exists():
                    time.sleep(0.01)
                return ["last", "end"]
    """
    pieces = []

    def take(answers: Any) -> None:
        pieces.extend((job.request_id, outcome.output.body, type(outcome)) for job, outcome in answers)
        if len(pieces) == 2:
            gate.touch()

    assert make(source).ask("a", "b", deliver=take) == ["last", "end"]
    assert pieces == [("a", b"first", StreamChunk), ("b", b"other", StreamChunk)]


def test_a_job_goes_on_until_its_criterion_ends_it(make: Make) -> None:
    source = """
        def handle(data, context):
            if data:
                rows = range(len(data))
                context.seen = getattr(context, "seen", []) + [data[0].get("body"), context.get_request_header(0, "a")]
                context.stopping_criteria = [lambda result: len(context.seen) >= 4] * len(data)
                return [str(context.seen)]
    """
    remote = make(source, continuous=True)
    job = Job(Input((Part("body", "text/plain", b"x"),), [("a", "1")]), "id")
    (piece,) = remote.service.predict([job], lambda answers: None, concurrent=True)
    assert isinstance(piece, StreamChunk)
    assert job.continued
    (last,) = remote.service.predict([job], lambda answers: None, concurrent=True)
    assert isinstance(last, Output)
    assert last.body == b"['x', '1', None, '1']"  # the body is not sent again
    assert not job.continued


@pytest.mark.parametrize(
    ("crash", "status"),
    [
        ("ctypes.string_at(0)", 128 + signal.SIGSEGV),
        ("os.kill(os.getpid(), 9)", 137),
        ("os._exit(4)", 4),
        ("sys.exit(3)", 3),
        ("sys.exit('a reason')", 1),
        ("sys.exit()", 0),
        ("threading.Thread(target=time.sleep, args=[60]).start(), sys.exit(5)", 5),
    ],
)
def test_the_end_of_the_process_is_the_end_of_the_batch(make: Make, crash: str, status: int) -> None:
    remote = make(f"import ctypes, os, sys, threading, time\ndef handle(data, context):\n    return data and [{crash}]")
    with pytest.raises(WorkerExit) as caught:
        remote.ask("x")
    assert caught.value.status == status
    assert has_ended(remote.service.pid)
    assert remote.exits == []  # whoever waits is told by the exception


def test_a_crash_tells_where_it_happened(make: Make) -> None:
    remote = make("import ctypes\ndef handle(data, context):\n    return data and [ctypes.string_at(0)]")
    with pytest.raises(WorkerExit):
        remote.ask("x")
    said = [line for stream, line in remote.lines if stream == "stderr"]
    assert said[0] == "Fatal Python error: Segmentation fault"
    assert any("handler.py" in line for line in said)


def test_an_end_that_nobody_waits_for_is_told(make: Make) -> None:
    source = """
        import os, threading
        def handle(data, context):
            if data:
                threading.Timer(0.05, os._exit, [6]).start()
                return ["x"]
    """
    remote = make(source)
    remote.ask("x")
    assert remote.ended.wait(PATIENCE)
    assert remote.exits == [6]


def test_an_answer_beyond_the_limit_costs_the_worker(make: Make) -> None:
    remote = make("def handle(data, context):\n    return data and ['x' * 11]", max_response_size=10)
    with pytest.raises(WorkerExit) as caught:
        remote.ask("x")
    assert caught.value.status == 1
    assert remote.lines == [("stderr", "An answer of 11 bytes exceeds max_response_size=10.")]


@pytest.mark.parametrize("hang", ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"])
def test_what_hangs_is_killed_with_all_that_it_has_started(make: Make, hang: str) -> None:
    """Also native code that never lets another thread of Python run."""
    source = f"""
        import ctypes, subprocess, time
        def handle(data, context):
            if data:
                print(subprocess.Popen(["sleep", "60"]).pid)
                {hang}
    """
    remote = make(source)
    ends: list[int] = []

    def ask() -> None:
        with pytest.raises(WorkerExit) as caught:
            remote.ask("x")
        ends.append(caught.value.status)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: len(remote.lines) == 1)
    assert remote.service.kill()
    asking.join(PATIENCE)
    assert ends == [137]
    until(lambda: has_ended(int(remote.lines[0][1])))


def test_a_load_that_hangs_is_killed(make: Make) -> None:
    remote = make("import time\nprint('loads')\ntime.sleep(60)", load=False)
    killer = threading.Thread(target=lambda: (until(lambda: bool(remote.lines)), remote.service.kill()))
    killer.start()
    with pytest.raises(WorkerExit):
        remote.service.load()
    killer.join()


@pytest.mark.parametrize("size", [5 << 20, 200_000, 70_000])
def test_large_bodies_and_answers_arrive_whole(make: Make, size: int) -> None:
    remote = make("def handle(data, context):\n    return data and [bytes(row['body'][::-1]) for row in data]")
    bodies = [os.urandom(size) for _ in range(3)]
    jobs = [Job(Input((Part("body", "", body),)), "id") for body in bodies]
    outcomes = remote.service.predict(jobs, lambda answers: None, concurrent=False)
    assert [outcome.body[::-1] for outcome in outcomes if isinstance(outcome, Output)] == bodies


def test_an_archive_may_fork_and_spawn(make: Make) -> None:
    source = """
        import multiprocessing, os
        from tasks import double
        def handle(data, context):
            if data:
                found = []
                for method in ("fork", "spawn"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        found += pool.map(double, [1, 2])
                return [found]
    """
    remote = make(source, {"tasks.py": "def double(number):\n    return 2 * number"})
    assert eval(remote.ask("x")[0]) == [2, 4, 2, 4]


def test_what_a_forked_process_leaves_behind_confuses_nobody(make: Make) -> None:
    """It has the sockets of its parent, and dies with it."""
    source = """
        import os, time
        def handle(data, context):
            if data:
                pid = os.fork()
                if pid == 0:
                    context.metrics.add_counter("Forked", 1)
                    time.sleep(60)
                    os._exit(0)
                return [pid]
    """
    remote = make(source)
    (pid,) = remote.ask("x")
    assert remote.ask("y") != [pid]
    os.kill(remote.service.pid, signal.SIGKILL)
    assert remote.ended.wait(PATIENCE)
    until(lambda: has_ended(int(pid)))
    assert "Forked" not in [metric[0] for metric in remote.metrics]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import torch_is_not_here", "ModuleNotFoundError: No module named 'torch_is_not_here'"),
        ("raise MemoryError('full')", "MemoryError: full"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def other(): pass", "ValueError: "),
    ],
)
def test_a_failed_load_brings_the_handlers_own_traceback(make: Make, source: str, told: str) -> None:
    remote = make(source, load=False)
    with pytest.raises(ChildFailed, match=told) as caught:
        remote.service.load()
    assert isinstance(caught.value, MemoryError) == ("MemoryError" in told)
    assert told in caught.value.lines[-1]
    assert not [line for line in caught.value.lines if "loader.py" in line]  # the server's own frames
    remote.service.close()
    assert has_ended(remote.service.pid)
    assert remote.exits == []


def test_a_process_that_cannot_be_started_is_a_failed_load(make: Make, tmp_path: Path) -> None:
    remote = make("", load=False)
    (tmp_path / "0" / "handler.py").unlink()
    (tmp_path / "0").rmdir()
    with pytest.raises(FileNotFoundError):
        remote.service.load()


def test_statuses_that_are_no_plain_numbers_arrive_as_numbers(make: Make) -> None:
    source = """
        import enum, http
        from ts.utils.util import PredictionException
        class Text(str):
            pass
        def handle(data, context):
            if data and data[0]["body"] == "raise":
                raise PredictionException(Text("no"), http.HTTPStatus.NOT_FOUND)
            if data:
                context.set_response_status(http.HTTPStatus.CREATED, Text("made"), 0)
                context.set_response_header(0, "x-one", Text("1"))
                return ["x"]
    """
    remote = make(source)
    job = Job(Input((Part("body", "text/plain", b"x"),)), "id")
    assert remote.service.predict([job], lambda answers: None, concurrent=False) == [
        Output(b"x", 201, "made", (("x-one", "1"),))
    ]
    (error,) = remote.ask("raise")
    assert (error.message, error.code) == ("no", 404)


def test_closing_leaves_no_process_and_no_file_open(make: Make) -> None:
    before = len(open_files()), children(os.getpid()), threading.active_count()
    remotes = [make("def handle(data, context):\n    return data and ['x']") for _ in range(2)]
    assert [remote.ask("x") for remote in remotes] == [["x"], ["x"]]
    for remote in remotes:
        remote.service.close()
    after = len(open_files()), children(os.getpid()), threading.active_count()
    assert all(now <= then for now, then in zip(after, before, strict=True))  # what other tests left may end meanwhile


def test_closing_lets_the_handlers_exit_functions_run(make: Make) -> None:
    remote = make("import atexit\natexit.register(print, 'bye')\ndef handle(data, context):\n    return data and ['x']")
    remote.service.close()
    assert remote.lines == [("stdout", "bye")]


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
