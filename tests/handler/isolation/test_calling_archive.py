"""The owner of the calling code: an archive, the server, or a library that works for one of them."""

from pathlib import Path

from handler.isolation import calling_archive
from tests.support.one_worker import OneWorker, workers_in

SOURCE = """
import copyreg
from operator import call

def through(function):
    return function()

class Pickled:
    def __init__(self, function):
        self.function = function
    def __reduce__(self):
        self.function()
        return int, ()

def through_library(function):
    import pickle
    pickle.dumps(Pickled(function))
"""


def run(worker: OneWorker, function: str) -> list[object]:
    """The archives that are found from a callback of the handler's: the caller's, and that of direct calls."""
    worker.load()
    found: list[object] = []

    def callback() -> None:
        frame_owner = eval("calling_archive()", {"calling_archive": calling_archive.calling_archive})
        found.append(frame_owner)

    worker.call(function, callback)
    return found


def test_an_archives_code_and_a_library_that_it_calls_mean_the_archives_modules(tmp_path: Path) -> None:
    with workers_in(tmp_path) as make:
        one, other = make("one", handler=SOURCE), make("other", handler=SOURCE)
        assert run(one, "through") == [one.namespace]
        assert run(other, "through_library") == [other.namespace]


def test_code_of_no_archive_means_the_processs_modules() -> None:
    assert calling_archive.calling_archive() is None
    assert calling_archive.directly_calling_archive() is None
    assert not calling_archive.is_importing_library()


def test_a_closed_archive_owns_nothing(tmp_path: Path) -> None:
    with workers_in(tmp_path) as make:
        worker = make("one", handler=SOURCE)
        worker.load()
        through = worker.namespace.loaded("handler").through  # type: ignore[union-attr]
    assert through(lambda: eval("ask()", {"ask": calling_archive.calling_archive})) is None


def test_the_servers_packages_lie_in_its_folder() -> None:
    folder = Path(calling_archive.SERVER_FOLDER)
    assert all((folder / name / "__init__.py").is_file() for name in calling_archive.SERVER)
