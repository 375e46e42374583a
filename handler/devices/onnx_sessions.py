"""ONNX Runtime sessions that handlers make without a word about threads: as many as their worker is to have.

Left alone, each session starts a thread for every core, which spin while they wait: several sessions then fight for the
cores, with each other and with the event loop.
"""

import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from handler.devices.cpu_budget import Cores
from handler.isolation.modules import post_import

HOME = "onnxruntime.capi.onnxruntime_inference_collection"
"""The module that defines InferenceSession."""
NARROW = "_marserve_narrow"
"""The attribute of a session that holds the second one."""
STOP = "session.force_spinning_stop"
"""ONNX Runtime's setting for threads that sleep as soon as a run is over."""
SPIN = "session.intra_op.spin_duration_us"
"""Its setting for how long they spin, while a run has nothing for them and afterwards."""
SPIN_SINCE = (1, 26)
"""The version of ONNX Runtime that knows SPIN; others spin for up to 50 ms."""
MOMENT = "500"
"""Microseconds after which a lone client's next request is there: to wake the threads takes a tenth of a small model's
time."""
LARGE = 64 << 20
"""Bytes of a model file from which on it is held once only, whatever that costs a lone client or a crowd."""


class _Here(threading.local):
    cores: Cores | None = None
    """None on threads that are no worker's."""
    picked = 0


_here = _Here()


def set_thread_budget(cores: Cores | None, picked: int) -> None:
    """Tell sessions on the calling thread the cores of their worker, and how many of them to use now."""
    _here.cores, _here.picked = cores, picked


def install() -> None:
    """Govern sessions from now on, whenever onnxruntime is imported; nothing is imported for that."""
    post_import.register(HOME, lambda module: patch_inference_session(module.InferenceSession))


def patch_inference_session(kind: Any) -> None:
    """Change the class InferenceSession; once."""
    if hasattr(kind, NARROW):
        return
    setattr(kind, NARROW, None)
    init, run = kind.__init__, kind.run

    @wraps(init)
    def governed_init(
        session: Any, path_or_bytes: Any, sess_options: Any = None, providers: Any = None, *args: Any, **options: Any
    ) -> None:
        cores = _here.cores
        if cores is None or not _is_free(sess_options) or not _on_cpu(providers):
            init(session, path_or_bytes, sess_options, providers, *args, **options)
            return
        model = _absolute(path_or_bytes)
        large = _size(model) > LARGE

        def start(session: Any, threads: int) -> None:
            with _Threads(sess_options, threads, spinning=threads == cores.maximum) as chosen:
                init(session, model, chosen, providers, *args, **options)

        start(session, cores.share if large else cores.maximum)
        if cores.share < cores.maximum and not large:
            setattr(session, NARROW, _Narrow(kind, start, cores.share))

    @wraps(run)
    def governed_run(session: Any, *args: Any, **options: Any) -> Any:
        narrow = getattr(session, NARROW)
        if narrow is not None and _here.cores is not None and _here.picked <= _here.cores.share:
            session = narrow.session or session
        return run(session, *args, **options)

    kind.__init__, kind.run = governed_init, governed_run


class _Narrow:
    """A second session of the same model with fewer threads, made beside when it is first wanted."""

    def __init__(self, kind: Any, start: Callable[[Any, int], None], threads: int) -> None:
        self._kind = kind
        self._start = start
        self._threads = threads
        self._made: Any = None
        self._asked = False

    @property
    def session(self) -> Any:
        """The session; None while there is none yet."""
        if not self._asked:
            self._asked = True
            threading.Thread(target=self._make, name="a second ONNX Runtime session", daemon=True).start()
        return self._made

    def _make(self) -> None:
        made = self._kind.__new__(self._kind)
        self._start(made, self._threads)
        self._made = made


class _Threads:
    """A handler's options for the time of making one session, with a number of threads.

    Where they may be `spinning` they do so for a MOMENT; else, and where that cannot be said, only while they run.
    Entries cannot be taken out again: afterwards STOP is as the handler had it, and SPIN stays.
    """

    def __init__(self, options: Any, threads: int, *, spinning: bool) -> None:
        self._options = options or _default_options()
        self._threads = threads
        self._spinning = spinning and _knows_spin()
        self._stop = _said(self._options, STOP, "0")

    def __enter__(self) -> Any:
        self._options.intra_op_num_threads = self._threads
        if self._spinning:
            self._options.add_session_config_entry(SPIN, _said(self._options, SPIN, MOMENT))
        else:
            self._options.add_session_config_entry(STOP, "1")
        return self._options

    def __exit__(self, *_: object) -> None:
        self._options.intra_op_num_threads = 0
        self._options.add_session_config_entry(STOP, self._stop)


def _knows_spin() -> bool:
    major, minor, *_ = sys.modules["onnxruntime"].__version__.split(".")
    return (int(major), int(minor)) >= SPIN_SINCE


def _said(options: Any, key: str, default: str) -> str:
    """What the handler says of a setting."""
    try:
        return str(options.get_session_config_entry(key))
    except RuntimeError:
        return default


def _default_options() -> Any:
    options = sys.modules["onnxruntime"].SessionOptions()
    # A plan of the memory for each shape pays where shapes repeat. Batches come in all sizes: it costs half as much
    # memory again, and no time was seen to be saved.
    options.enable_mem_pattern = False
    return options


def _is_free(options: Any) -> bool:
    return options is None or options.intra_op_num_threads == 0


def _on_cpu(providers: Any) -> bool:
    return not providers or list(providers) == ["CPUExecutionProvider"]


def _absolute(path_or_bytes: Any) -> Any:
    return path_or_bytes if isinstance(path_or_bytes, bytes) else os.path.abspath(path_or_bytes)  # noqa: PTH100


def _size(model: Any) -> int:
    if isinstance(model, bytes):
        return len(model)
    return os.path.getsize(model) if os.path.exists(model) else 0  # noqa: PTH110, PTH202
