"""Obstacles of threads that processes do not have, and when a worker has to move."""

import pytest

from handler.isolation.process.need import ProcessNeed, ProcessRequired, reason_in


@pytest.mark.parametrize(
    "error",
    [
        ValueError("signal only works in main thread of the main interpreter"),
        RuntimeError("context has already been set"),
        RuntimeError("Error: cannot set number of interop threads after parallel work has started"),
        ValueError("Duplicated timeseries in CollectorRegistry: {'requests'}"),
        KeyError("'Net is already registered in backbone at model.py'"),
        ValueError("'own' is already used by a Transformers config, pick another name."),
        ValueError("Cannot register duplicate model (own)"),
        AssertionError("Dataset 'own' is already registered!"),
        RuntimeError("Intra op parallelism cannot be modified after initialization."),
        RuntimeError("Physical devices cannot be modified after being initialized"),
        RuntimeError("trying to initialize the default process group twice!"),
        OSError("JVM is already started"),
        OSError("JVM cannot be restarted"),
        RuntimeError("main thread is not in main loop"),
        RuntimeError("Maybe you called ray.init twice by accident?  ray.init may be called only once"),
    ],
)
def test_errors_that_a_process_may_not_meet(error: Exception) -> None:
    assert type(error).__name__ in reason_in(error)
    outer = RuntimeError("the handler does not load")
    outer.__cause__ = error
    assert reason_in(outer) == reason_in(error)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("[Errno 2] No such file or directory: 'model.pt'"),
        FileExistsError("[Errno 17] File exists: 'folder'"),
        KeyError("serializedFile"),
        RuntimeError("Missing the model.py file"),
        ValueError("could not broadcast input array from shape (3,) into shape (2,)"),
        RuntimeError("Error(s) in loading state_dict for Net: Missing key(s)"),
        ModuleNotFoundError("No module named 'nowhere'"),
        TypeError("__init__() missing 1 required positional argument"),
    ],
)
def test_errors_that_it_would_meet_as_well(error: Exception) -> None:
    assert reason_in(error) == ""


def test_while_serving_only_what_names_threads_counts() -> None:
    assert reason_in(ValueError("signal only works in main thread"), serving=True)
    assert reason_in(ValueError("the user is already registered"), serving=True) == ""


def test_errors_that_lead_in_a_circle_or_have_no_text() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    error = Odd()
    error.__cause__, error.__context__ = None, error
    assert reason_in(error) == ""


def test_a_worker_that_cannot_move_goes_on() -> None:
    lines: list[tuple[str, str]] = []
    need = ProcessNeed(lambda stream, line: lines.append((stream, line)), can_move=False)
    need.require("kills its process")
    need.check()
    need.refuse("kills its process")
    need.refuse("kills its process")
    assert lines == [("stderr", "Refused, since it kills its process: say isolation: process in model-config.yaml.")]
    assert repr(need) == "<ProcessNeed>"


def test_the_first_reason_is_kept() -> None:
    need = ProcessNeed(print, can_move=True)
    with pytest.raises(SystemExit):  # this is not the worker's own thread
        need.require("seeds a global random generator")
    with pytest.raises(SystemExit):
        need.require("kills its process")
    with pytest.raises(ProcessRequired, match="seeds a global random generator"):
        need.check()
    assert repr(need) == "<ProcessNeed: seeds a global random generator, can move>"
