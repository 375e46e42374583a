"""ONNX Runtime sessions that handlers make have the threads that their worker is to have."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from onnx import TensorProto, helper, save

from handler.devices import onnx_sessions
from handler.devices.cpu_budget import Cores
from tests.conftest import MakeArchive
from tests.support.serving import serving

WAIT_SECONDS = 30
CORES = Cores(share=2, maximum=4, minimum=1)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model that doubles one number."""
    vector = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", vector[:1], vector[1:])
    path = tmp_path / "double.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return str(path)


@pytest.fixture(autouse=True)
def on_worker_thread() -> Iterator[None]:
    """The calling thread is a worker's, with four cores for a lone client and two under load."""
    onnx_sessions.install()
    onnx_sessions.set_thread_budget(CORES, 4)
    yield
    onnx_sessions.set_thread_budget(None, 0)


def threads_of(session: Any) -> int:
    return int(session.get_session_options().intra_op_num_threads)


def config_entry(session: Any, key: str) -> str | None:
    try:
        return str(session.get_session_options().get_session_config_entry(key))
    except RuntimeError:
        return None


def stops(session: Any) -> bool:
    """Whether its threads sleep as soon as a run is over."""
    return config_entry(session, onnx_sessions.STOP_SPINNING) == "1"


def spin_of(session: Any) -> str | None:
    """Microseconds for which its threads spin; None if they sleep at once."""
    return None if stops(session) else config_entry(session, onnx_sessions.SPIN_DURATION)


def double(session: Any) -> float:
    return float(session.run(None, {"x": [3.0]})[0][0])


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_session_without_options_has_all_cores_for_a_lone_client(model: str) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert threads_of(session) == 4
    assert spin_of(session) == onnx_sessions.SPIN_MICROSECONDS
    assert not session.get_session_options().enable_mem_pattern
    assert double(session) == 6.0


def test_under_load_a_second_session_with_fewer_threads_serves_once_it_is_there(model: str) -> None:
    session = onnxruntime.InferenceSession(model)
    onnx_sessions.set_thread_budget(CORES, 2)
    assert double(session) == 6.0
    narrow = vars(session)[onnx_sessions.NARROW_ATTRIBUTE]
    until(lambda: narrow.session)
    assert threads_of(narrow.session) == 2
    assert stops(narrow.session)
    del session._sess  # nothing but the second session can answer now
    assert double(session) == 6.0


def test_a_lone_client_never_makes_a_second_session(model: str) -> None:
    session = onnxruntime.InferenceSession(model)
    assert double(session) == 6.0
    assert not vars(session)[onnx_sessions.NARROW_ATTRIBUTE]._is_requested


@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_a_handler_says_of_threads_and_what_else_it_says_is_kept(model: str, as_bytes: bool) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = Path(model).read_bytes() if as_bytes else model
    session = onnxruntime.InferenceSession(source, options)
    assert threads_of(session) == 4
    assert session.get_session_options().graph_optimization_level == options.graph_optimization_level
    assert session.get_session_options().enable_mem_pattern
    assert options.intra_op_num_threads == 0
    options.intra_op_num_threads = 3
    assert threads_of(onnxruntime.InferenceSession(source, options)) == 3


def test_a_session_that_serves_lone_clients_and_crowds_spins_for_a_moment_too(model: str) -> None:
    onnx_sessions.set_thread_budget(Cores(share=4, maximum=4, minimum=1), 4)
    session = onnxruntime.InferenceSession(model)
    assert (threads_of(session), spin_of(session)) == (4, onnx_sessions.SPIN_MICROSECONDS)
    assert onnx_sessions.NARROW_ATTRIBUTE not in vars(session)


def test_where_nobody_can_say_how_long_threads_spin_they_sleep(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, stop in (("1.19.2", True), ("1.25.1", True), ("1.26.0", False), ("2.0.0.dev1", False)):
        monkeypatch.setattr(onnxruntime, "__version__", version)
        assert stops(onnxruntime.InferenceSession(model)) is stop


@pytest.mark.parametrize(("key", "value"), [(onnx_sessions.SPIN_DURATION, "70"), (onnx_sessions.STOP_SPINNING, "1")])
def test_what_a_handler_says_of_spinning_is_kept(model: str, key: str, value: str) -> None:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(key, value)
    for _ in range(2):
        session = onnxruntime.InferenceSession(model, options)
        assert (threads_of(session), config_entry(session, key)) == (4, value)
        assert double(session) == 6.0


def test_a_session_under_load_leaves_those_alone_that_are_made_with_its_options_later(model: str) -> None:
    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(model, options)
    onnx_sessions.set_thread_budget(CORES, 2)
    double(session)
    until(lambda: vars(session)[onnx_sessions.NARROW_ATTRIBUTE].session)
    onnx_sessions.set_thread_budget(CORES, 4)
    assert spin_of(onnxruntime.InferenceSession(model, options)) == onnx_sessions.SPIN_MICROSECONDS


def test_a_large_model_is_held_once(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_sessions, "LARGE_MODEL_BYTES", 10)
    session = onnxruntime.InferenceSession(model)
    assert threads_of(session) == 2
    assert stops(session)
    assert onnx_sessions.NARROW_ATTRIBUTE not in vars(session)


def test_what_cannot_be_loaded_raises_as_ever(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"missing\.onnx"):
        onnxruntime.InferenceSession(str(tmp_path / "missing.onnx"))


def test_other_threads_are_left_alone(model: str) -> None:
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(onnxruntime.InferenceSession(model)))
    thread.start()
    thread.join()
    assert threads_of(made[0]) == 0


def test_onnx_runtime_is_patched_whenever_it_is_imported() -> None:
    program = """
from handler.devices import onnx_sessions
from handler.devices.cpu_budget import Cores
import sys
onnx_sessions.install()
assert "onnxruntime" not in sys.modules
import onnxruntime
assert hasattr(onnxruntime.InferenceSession, onnx_sessions.NARROW_ATTRIBUTE)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.anyio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_sessions_of_archives_are_patched(
    store: Path, archive: MakeArchive, model: str, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    source = f"""
        class Handler:
            def initialize(self, context):
                import onnxruntime
                self.session = onnxruntime.InferenceSession({model!r})
            def handle(self, data, context):
                return [self.session.get_session_options().intra_op_num_threads for _ in data]
    """
    archive("onnx", source, config=f"isolation: {isolation}\nminWorkers: 1\nmaxWorkers: 1\n")
    async with serving(store, "onnx.mar") as client:
        assert (await client.predict("onnx", 1)).json() == 3
