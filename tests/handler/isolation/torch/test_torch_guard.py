"""Changes of torch by an archive that loads are logged, and undone where they would hurt others."""

from collections.abc import Iterator

import pytest

from handler.isolation.torch.torch_guard import TORCH_GUARD

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """The settings that the tests change, as they are before and after."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.backends.cudnn.benchmark = False


def test_overlapping_loads_restore_what_was_before_the_first(caplog: pytest.LogCaptureFixture) -> None:
    with TORCH_GUARD.loading("one"):
        torch.set_default_dtype(torch.float64)
        with TORCH_GUARD.loading("two"):
            assert repr(TORCH_GUARD) == "<TorchGuard over 2 loads>"
    assert torch.get_default_dtype() is torch.float32
    assert len(caplog.messages) == 1


def test_the_load_that_fails_is_watched_too() -> None:
    def load() -> None:
        with TORCH_GUARD.loading("one"):
            torch.set_default_dtype(torch.float64)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        load()
    assert torch.get_default_dtype() is torch.float32


def test_the_default_dtype_is_restored_and_other_settings_of_torch_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with TORCH_GUARD.loading("one"):
        torch.set_default_dtype(torch.float64)
        torch.backends.cudnn.benchmark = True
    assert torch.get_default_dtype() is torch.float32
    assert caplog.messages == [
        "one: its load changed default dtype, which was undone, since all models share it",
        "one: its load changed cudnn.benchmark for all models",
    ]
