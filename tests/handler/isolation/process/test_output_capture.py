"""Output of archives goes to their worker's log, line by line, and nothing else does."""

import io
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from handler.isolation.process.output_capture import Stream
from handler.isolation.worker_environment import WorkerEnvironment
from tests.support.one_worker import Make, workers_in, write


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


def test_lines_go_to_the_log_of_the_printing_worker(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    source = "import sys\nprint('one', 1)\nprint('two\\nthree', file=sys.stderr)\nprint()"
    workers = [make("a", handler=source), make("b", handler=source)]
    for worker in workers:
        worker.load()
        print("the server")
        assert worker.lines == [("stdout", "one 1"), ("stderr", "two"), ("stderr", "three"), ("stdout", "")]
    assert capsys.readouterr() == ("the server\n" * 2, "")


def test_a_line_is_said_when_it_ends(make: Make) -> None:
    worker = make(
        "a",
        handler="import sys\nsys.stdout.writelines(['be', 'gun'])\nsys.stdout.flush()\nprint('\\r 10%\\r 20%', end='')",
    )
    worker.load()
    assert worker.lines_of("stdout") == ["begun", " 10%"]
    worker.close()
    assert worker.lines_of("stdout") == ["begun", " 10%", " 20%"]


def test_lines_end_where_torchserve_ends_them(make: Make) -> None:
    worker = make("a", handler=r"print('a\rb\r\nc\x0cd\x85e\u2028f\n\ng')")
    worker.load()
    assert worker.lines_of("stdout") == ["a", "b", "c\x0cd", "e", "f", "", "g"]


def test_a_line_that_never_ends_is_told_in_pieces(make: Make) -> None:
    worker = make("a", handler="for _ in range(5):\n    print('.' * 30_000, end='')\nprint('end')")
    worker.load()
    assert worker.lines_of("stdout") == ["." * 90_000, "." * 60_000 + "end"]


def test_threads_do_not_mix_their_lines(make: Make) -> None:
    worker = make(
        "a",
        handler="import threading\nprint('mine', end=' ')\nother = threading.Thread(target=print, args=('other',))\n"
        "other.start(), other.join()\nprint('again')",
    )
    worker.load()
    assert worker.lines_of("stdout") == ["other", "mine again"]


def test_what_the_standard_library_prints_for_an_archive_is_its_own(make: Make) -> None:
    worker = make(
        "a",
        handler="import pprint, traceback\npprint.pp([])\ntry: 1 / 0\nexcept ArithmeticError: traceback.print_exc()",
    )
    worker.load()
    assert worker.lines_of("stderr")[-1] == "ZeroDivisionError: division by zero"
    assert worker.lines_of("stdout") == ["[]"]


def test_streams_are_real_to_the_server() -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            return 7

    real = Terminal()
    stream = Stream("stdout", real)
    assert stream.write("text") == 4
    stream.flush()
    assert (stream.isatty(), stream.fileno(), stream.encoding) == (True, 7, "utf-8")
    assert real.getvalue() == "text"
    assert repr(stream).startswith("<Stream stdout over <")


REDIRECT = """
import io, sys
from contextlib import redirect_stdout

def redirected(inside):
    with redirect_stdout(io.StringIO()) as text:
        print("captured")
        inside()
        with redirect_stdout(None):
            print("silenced")
    print("free")
    return text.getvalue()

class Tee:
    def __init__(self, stream): self.stream, self.texts = stream, []
    def write(self, text):
        self.texts.append(text)
        self.stream.write(text.upper())

def teed():
    sys.stdout = tee = Tee(sys.stdout)
    print("both")
    sys.stdout = sys.__stdout__
    print("one")
    return tee.texts
"""


def test_redirection_catches_the_workers_text_only(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Interleaved redirections of two workers would leave a process without its stdout."""
    one, two = make("a", handler=REDIRECT), make("b", handler=REDIRECT)
    one.load(), two.load()
    texts: list[str] = []
    texts.append(one.call("redirected", lambda: texts.append(two.call("redirected", lambda: None))))
    assert texts == ["captured\n", "captured\n"]
    assert (one.lines_of("stdout"), two.lines_of("stdout")) == (["free"], ["free"])
    print("the server")
    assert capsys.readouterr().out == "the server\n"


def test_a_replacement_may_write_to_what_it_replaced(make: Make) -> None:
    worker = make("a", handler=REDIRECT)
    worker.load()
    assert worker.call("teed") == ["both", "\n"]
    assert worker.lines_of("stdout") == ["BOTH", "one"]


def test_who_takes_the_lines_may_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "a", {"handler.py": "print('line')"})
    environment = WorkerEnvironment(folder, "W", print)

    def work() -> None:
        environment.enter()
        environment.namespace.load("handler")

    thread = Thread(target=work)
    thread.start()
    thread.join()
    environment.close()
    assert capsys.readouterr().out == "stdout line\n"
