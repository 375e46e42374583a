"""The threads of ONNX Runtime sessions for which handlers choose none: as many as their worker has cores.

Left alone, each session starts a thread for every core, which spin while they wait: several sessions then fight for the
cores, with each other and with the event loop.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from types import ModuleType
from typing import Any

from handler.devices.cpu_budget import Cores
from handler.isolation.modules import post_import

SESSION_MODULE = "onnxruntime.capi.onnxruntime_inference_collection"
"""The module that defines InferenceSession."""
NARROW_ATTRIBUTE = "_marserve_narrow"
"""The attribute of a session that holds the second one."""
STOP_SPINNING = "session.force_spinning_stop"
"""ONNX Runtime's option for threads that sleep as soon as a run is over."""
SPIN_DURATION = "session.intra_op.spin_duration_us"
"""Its option for how long they spin, while a run has nothing for them and afterwards."""
SPIN_DURATION_SINCE = (1, 26)
"""The version of ONNX Runtime that knows SPIN_DURATION; others spin for up to 50 ms."""
SPIN_MICROSECONDS = "500"
"""A lone client's next request is there by then: to wake the threads takes a tenth of a small model's time."""
LARGE_MODEL_BYTES = 64 << 20
"""Larger model files are loaded once only, whatever that costs a lone client or many."""


class _ThreadBudget(threading.local):
    cores: Cores | None = None
    """None on threads that are no worker's."""
    threads = 0


_budget = _ThreadBudget()


def set_thread_budget(cores: Cores | None, threads: int) -> None:
    """Set the cores of the calling worker thread for its sessions, and how many of them to use now."""
    _budget.cores, _budget.threads = cores, threads


def install() -> None:
    """Patch InferenceSession as soon as onnxruntime is imported; this does not import it."""
    post_import.register(SESSION_MODULE, _patch_module)


def _patch_module(module: ModuleType) -> None:
    patch_inference_session(module.InferenceSession)


def patch_inference_session(kind: Any) -> None:
    """Have the class choose the number of threads, where the handler does not; once."""
    if hasattr(kind, NARROW_ATTRIBUTE):
        return
    setattr(kind, NARROW_ATTRIBUTE, None)
    init, run = kind.__init__, kind.run

    @wraps(init)
    def init_with_budget(
        session: Any, path_or_bytes: Any, sess_options: Any = None, providers: Any = None, *args: Any, **options: Any
    ) -> None:
        cores = _budget.cores
        chooses_threads = sess_options is not None and sess_options.intra_op_num_threads != 0
        uses_gpu = providers and list(providers) != ["CPUExecutionProvider"]
        if cores is None or chooses_threads or uses_gpu:
            init(session, path_or_bytes, sess_options, providers, *args, **options)
            return
        # A path is made absolute: the second session is made on another thread, with another working directory.
        model = path_or_bytes if isinstance(path_or_bytes, bytes) else os.path.abspath(path_or_bytes)  # noqa: PTH100
        is_large = _size(model) > LARGE_MODEL_BYTES

        def start(session: Any, threads: int) -> None:
            with _thread_options(sess_options, threads, spinning=threads == cores.maximum) as session_options:
                init(session, model, session_options, providers, *args, **options)

        start(session, cores.share if is_large else cores.maximum)
        if cores.share < cores.maximum and not is_large:
            setattr(session, NARROW_ATTRIBUTE, _NarrowSession(kind, start, cores.share))

    @wraps(run)
    def run_within_budget(session: Any, *args: Any, **options: Any) -> Any:
        narrow = getattr(session, NARROW_ATTRIBUTE)
        if narrow is not None and _budget.cores is not None and _budget.threads <= _budget.cores.share:
            session = narrow.session or session
        return run(session, *args, **options)

    kind.__init__, kind.run = init_with_budget, run_within_budget


class _NarrowSession:
    """A second session of the same model with fewer threads, made beside the first one when it is first needed."""

    def __init__(self, kind: Any, start: Callable[[Any, int], None], threads: int) -> None:
        self._kind = kind
        self._start = start
        self._threads = threads
        self._session: Any = None
        self._is_requested = False

    @property
    def session(self) -> Any:
        """The session; None while there is none yet."""
        if not self._is_requested:
            self._is_requested = True
            with suppress(RuntimeError):  # the system has no more threads; the first session serves on
                threading.Thread(target=self._make, name="a second ONNX Runtime session", daemon=True).start()
        return self._session

    def _make(self) -> None:
        session = self._kind.__new__(self._kind)
        self._start(session, self._threads)
        self._session = session


@contextmanager
def _thread_options(options: Any, threads: int, *, spinning: bool) -> Iterator[Any]:
    """A handler's options, or new ones, for the time of making one session with a number of threads.

    `spinning` threads do so for SPIN_MICROSECONDS; others, and those of an older ONNX Runtime, only while they run.
    Entries cannot be removed again: afterwards STOP_SPINNING is as the handler had it, and SPIN_DURATION stays.
    """
    runtime = sys.modules["onnxruntime"]
    if options is None:
        options = runtime.SessionOptions()
        # A plan of the memory for each shape pays where shapes repeat. Batches come in all sizes: it costs half as much
        # memory again, and no time was seen to be saved.
        options.enable_mem_pattern = False
    major, minor, *_ = runtime.__version__.split(".")
    stop = _config_entry(options, STOP_SPINNING, "0")
    options.intra_op_num_threads = threads
    if spinning and (int(major), int(minor)) >= SPIN_DURATION_SINCE:
        duration = _config_entry(options, SPIN_DURATION, SPIN_MICROSECONDS)
        options.add_session_config_entry(SPIN_DURATION, duration)
    else:
        options.add_session_config_entry(STOP_SPINNING, "1")
    try:
        yield options
    finally:
        options.intra_op_num_threads = 0
        options.add_session_config_entry(STOP_SPINNING, stop)


def _config_entry(options: Any, key: str, default: str) -> str:
    """The value of an option that the handler has set, else the default."""
    try:
        return str(options.get_session_config_entry(key))
    except RuntimeError:
        return default


def _size(model: Any) -> int:
    if isinstance(model, bytes):
        return len(model)
    return os.path.getsize(model) if os.path.exists(model) else 0  # noqa: PTH110, PTH202
