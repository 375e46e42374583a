"""Log records of archives go to their worker's stdout, and never to the server's handlers."""

import logging
from collections.abc import Iterator
from logging import LogRecord
from pathlib import Path

import pytest

from tests.support.one_worker import Make, workers_in


class Kept(logging.Handler):
    """Keeps the messages of the server's log."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def server() -> Iterator[Kept]:
    """A handler on the process's root logger."""
    kept = Kept()
    logging.getLogger().addHandler(kept)
    yield kept
    logging.getLogger().removeHandler(kept)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


def test_info_and_above_are_said_plainly(make: Make, server: Kept) -> None:
    worker = make(
        "a",
        handler="""
import logging
log = logging.getLogger(__name__)
log.debug("debug")
log.info("info %s", 1)
logging.getLogger("kit").error("error")
logging.warning("two\\nlines")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
""",
    )
    worker.load()
    said = worker.lines_of("stdout")
    assert said[:6] == ["info 1", "error", "two", "lines", "failed", "Traceback (most recent call last):"]
    assert said[-1] == "ZeroDivisionError: division by zero"
    assert server.messages == []


@pytest.mark.parametrize(
    "configuring",
    [
        "logging.basicConfig(level=logging.DEBUG, filename='own.log')",
        "logging.basicConfig(level=logging.DEBUG, force=True)",
        "logging.config.dictConfig({'version': 1, 'root': {'level': 'DEBUG', 'handlers': []}})",
        "for handler in list(logging.root.handlers): logging.root.removeHandler(handler)",
        "logging.root.setLevel(logging.CRITICAL)",
        "logging.disable(logging.CRITICAL)",
    ],
)
def test_an_archive_cannot_configure_the_servers_logging(make: Make, server: Kept, configuring: str) -> None:
    make("a", handler=f"import logging, logging.config\n{configuring}").load()
    logging.getLogger("marserve.tests").warning("the server")
    assert server.messages == ["the server"]


def test_levels_and_handlers_are_the_workers_own(make: Make) -> None:
    """The two have loggers of the same names."""
    source = """
import logging
library = logging.getLogger("a_library")

class Own(logging.Handler):
    def emit(self, record): print("own", record.getMessage())

def quiet():
    logging.getLogger("a_library").setLevel(logging.ERROR)
    logging.getLogger(__name__).addHandler(Own())
    logging.getLogger().setLevel(logging.DEBUG)

def speak(shared):
    shared.info("shared")
    logging.getLogger(__name__).debug("debug")
"""
    one, two = make("a", handler=source), make("b", handler=source)
    one.load(), two.load()
    one.call("quiet")
    shared = logging.getLogger("a_library")
    for worker in (one, two):
        worker.call("speak", shared)
    assert one.lines_of("stdout") == ["own debug", "debug"]
    assert two.lines_of("stdout") == ["shared"]


def test_records_of_libraries_go_by_their_own_and_the_workers_settings(make: Make, server: Kept) -> None:
    library = logging.getLogger("b_library")
    inner = logging.getLogger("b_library.inner")
    kept = Kept()
    library.addHandler(kept)
    worker = make("a", handler="")
    worker.load()
    worker.run(inner.info, "told")
    inner.setLevel(logging.ERROR)
    worker.run(inner.info, "not told")
    library.propagate = False
    worker.run(inner.error, "kept")
    assert worker.lines_of("stdout") == ["told"]
    assert kept.messages == ["told", "kept"]
    assert server.messages == []
    library.removeHandler(kept)


def test_the_servers_own_records_stay_the_servers(make: Make, server: Kept) -> None:
    worker = make("a", handler="")
    worker.load()
    worker.run(logging.getLogger("marserve.tests").warning, "of the server")
    assert server.messages == ["of the server"]
    assert worker.lines == []


def test_a_record_that_cannot_be_formatted_does_not_fail_the_handler(make: Make) -> None:
    worker = make("a", handler="import logging\nlogging.info('%d', 'no number')\nanswer = 1")
    assert worker.load().answer == 1
    assert "TypeError: %d format: a real number is required, not str" in worker.lines_of("stderr")


def test_disabling_is_for_the_worker(make: Make) -> None:
    worker = make(
        "a", handler="import logging\nlogging.disable()\nlogging.getLogger('x').critical('x')\nlogging.critical('y')"
    )
    worker.load()
    assert worker.lines == []
