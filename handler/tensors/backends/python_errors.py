"""Exceptions of Python models in Triton's words: the innermost frame comes first."""

from collections.abc import Iterator
from types import FrameType, TracebackType

from handler.isolation.calling_archive import MARK

SERVER = ("handler.", "model_registry.", "app.", "importlib", "triton_python_backend_utils")
"""Prefixes of the modules whose frames are of no use to a model's author."""


def text_of(error: BaseException) -> str:
    """The exception's class and message, and below the frames of the model and of the libraries that it called."""
    described = f"{type(error).__name__}: {error}"
    frames = [
        f"  {frame.f_code.co_filename}({line}): {frame.f_code.co_name}\n"
        for frame, line in _frames(error.__traceback__)
        if _is_of_use(frame)
    ]
    return f"{described}\n\nAt:\n{''.join(reversed(frames))}" if frames else described


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _is_of_use(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return MARK in frame.f_builtins or not name.startswith(SERVER)
