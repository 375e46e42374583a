"""What loading an archive does to the whole process is told, and undone where it would hurt the others."""

import logging
import os

import pytest

from handler.isolation.changes import WATCH


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that the tests change, as they are before and after."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for name in ("OMP_NUM_THREADS", "SOME_TOKEN"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_variables_of_devices_and_thread_pools_are_restored(caplog: pytest.LogCaptureFixture) -> None:
    with WATCH.loading("W-9000-m_1.0"):
        os.environ["CUDA_VISIBLE_DEVICES"] = "1"
        os.environ["OMP_NUM_THREADS"] = "4"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "OMP_NUM_THREADS" not in os.environ
    changed = "W-9000-m_1.0: its load changed CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS"
    assert caplog.messages == [f"{changed}, which was undone, since all models share it"]


def test_other_variables_are_told_of_once_without_their_values(caplog: pytest.LogCaptureFixture) -> None:
    with WATCH.loading("one"):
        os.environ["SOME_TOKEN"] = "secret"
    with WATCH.loading("two"):
        pass
    assert os.environ["SOME_TOKEN"] == "secret"
    assert caplog.messages == ["one: its load changed SOME_TOKEN for all models"]
    assert caplog.record_tuples[0][:2] == ("marserve.loading", logging.WARNING)


def test_overlapping_loads_restore_what_was_before_the_first(caplog: pytest.LogCaptureFixture) -> None:
    with WATCH.loading("one"):
        os.environ["CUDA_VISIBLE_DEVICES"] = "7"
        with WATCH.loading("two"):
            assert repr(WATCH) == "<Watch over 2 loads>"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert len(caplog.messages) == 1


def test_the_load_that_fails_is_watched_too() -> None:
    def load() -> None:
        with WATCH.loading("one"):
            os.environ["OMP_NUM_THREADS"] = "4"
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        load()
    assert "OMP_NUM_THREADS" not in os.environ


def test_the_default_dtype_is_restored_and_other_settings_of_torch_are_told(caplog: pytest.LogCaptureFixture) -> None:
    torch = pytest.importorskip("torch")
    with WATCH.loading("one"):
        torch.set_default_dtype(torch.float64)
        torch.backends.cudnn.benchmark = True
    assert torch.get_default_dtype() is torch.float32
    torch.backends.cudnn.benchmark = False
    assert caplog.messages == [
        "one: its load changed default dtype, which was undone, since all models share it",
        "one: its load changed cudnn.benchmark for all models",
    ]
