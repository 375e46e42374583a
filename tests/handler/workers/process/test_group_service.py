"""A model in several processes: all of them get each batch, the first answers, and a death ends the group."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handler.errors import ChildFailed
from handler.isolation.process.exit_trap import WorkerExit
from handler.workers.process.group_service import GroupService, group_variables
from tests.support.one_version import WAIT_SECONDS, WorkerFixture, text_job

RANKS = """
    import os, pathlib
    RANK = os.environ["RANK"]
    def handle(data, context):
        if data is None:
            print("pid", RANK, os.getpid())
            return None
        body = data[0]["body"]
        if body == f"exit {RANK}":
            os._exit(3)
        pathlib.Path(f"{context.system_properties['model_dir']}/seen-{RANK}").write_text(body)
        return [f"rank {RANK} of {os.environ['WORLD_SIZE']}"] * len(data)
"""


class Group:
    """A loaded group."""

    def __init__(self, folder: Path, handler: str) -> None:
        self.fixture, self.ended = WorkerFixture(folder, handler), threading.Event()
        self.service = GroupService(replace(self.fixture.spec(), ranks=2), lambda status: self.ended.set())

    def ask(self, text: str) -> Any:
        """The body of an answer."""
        (outcome,) = self.service.predict([text_job(text)], self.fixture.deliver, concurrent=False)
        return outcome.body.decode()  # type: ignore[union-attr]

    def pid(self, rank: int) -> int:
        """The process of a rank."""
        return next(int(line.split()[2]) for line in self.fixture.lines if line.startswith(f"pid {rank} "))


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    """A loaded group of two processes."""
    group = Group(tmp_path / "m", RANKS)
    group.service.load()
    yield group
    group.service.close()


def test_all_get_the_batch_and_the_first_answers(group: Group, tmp_path: Path) -> None:
    assert [group.ask("a"), group.ask("b")] == ["rank 0 of 2"] * 2
    assert [(tmp_path / f"m/seen-{rank}").read_text() for rank in range(2)] == ["b", "b"]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_death_ends_the_group(group: Group, rank: int) -> None:
    with pytest.raises(WorkerExit):
        group.ask(f"exit {rank}")


def test_a_death_between_two_batches_is_reported(group: Group) -> None:
    assert group.ask("a") == "rank 0 of 2"
    os.kill(group.pid(1), signal.SIGKILL)
    assert group.ended.wait(WAIT_SECONDS)


def test_the_reason_of_the_rank_that_does_not_load_is_raised(tmp_path: Path) -> None:
    source = "import os, time\nif os.environ['RANK'] == '1':\n    import missing_module\ntime.sleep(1000)"
    group = Group(tmp_path / "m", source)
    with pytest.raises(ChildFailed, match="missing_module"):
        group.service.load()
    group.service.close()


def test_variables_are_those_of_torchrun() -> None:
    first, second = group_variables(2, (4, 5), 29500)
    assert (first["RANK"], second["LOCAL_RANK"], second["WORLD_SIZE"]) == ("0", "1", "2")
    assert second["CUDA_VISIBLE_DEVICES"] == "4,5"
    assert second["MASTER_PORT"] == "29500"
