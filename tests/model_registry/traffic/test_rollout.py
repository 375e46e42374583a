"""A rollout: step by step, paused and resumed, given back when the new version is worse, going on where it was."""

from dataclasses import dataclass, field

from model_registry.traffic.rollout import SHADOW_PART_IN_STEPS, Progress, Rollout
from model_registry.traffic.rollout_plan import RolloutPlan


@dataclass
class Model:
    share: float = -1.0
    shadow_share: float = 0.0
    default: str = ""
    saved: list[Progress] = field(default_factory=list)
    changes: list[tuple[str, float, str]] = field(default_factory=list)
    """State, share and default, as they were at each change."""

    def save(self, rollout: Rollout) -> None:
        self.saved.append(rollout.progress)
        self.changes.append((rollout.progress.state, self.share, self.default))

    def roll_out(self, plan: RolloutPlan, progress: Progress | None = None) -> Rollout:
        rollout = Rollout(
            plan, lambda share: setattr(self, "share", share), lambda share: setattr(self, "shadow_share", share),
            lambda version: setattr(self, "default", version), lambda: self.save(rollout), progress,
        )  # fmt: skip
        rollout.start()
        return rollout


PLAN = RolloutPlan("1.0", "2.0", steps=(1, 25, 100), hold=10)


def answer(rollout: Rollout, count: int, *, version: str = "2.0", failed: bool = False) -> None:
    for _ in range(count):
        rollout.observe(version, 0.01, failed=failed)


def test_shares_rise_and_the_new_version_becomes_the_default() -> None:
    model = Model()
    rollout = model.roll_out(PLAN)
    shares = [model.share]
    while rollout.is_active:
        answer(rollout, 10)
        shares.append(model.share)
    assert shares == [0.01, 0.25, 1.0, 1.0]
    assert model.default == "2.0"
    assert rollout.describe()["state"] == "completed"


def test_the_shadow_comes_first_where_it_is_asked_for() -> None:
    model = Model()
    rollout = model.roll_out(RolloutPlan("1.0", "2.0", hold=10, shadow_first=True))
    assert (model.shadow_share, model.share) == (1.0, 0.0)
    for _ in range(10):
        rollout.observe_shadow(agrees=True)
    assert (model.shadow_share, model.share) == (SHADOW_PART_IN_STEPS, 0.01)


def test_a_version_that_differs_only_in_the_steps_goes_back_where_agreement_was_asked_for() -> None:
    model = Model()
    plan = RolloutPlan("1.0", "2.0", steps=(1, 100), hold=10, shadow_first=True)
    rollout = model.roll_out(plan, Progress("stepping"))
    assert model.shadow_share == SHADOW_PART_IN_STEPS
    for _ in range(20):
        rollout.observe_shadow(agrees=False)
    assert (model.shadow_share, model.share, rollout.progress.state) == (0.0, 0.0, "rolled_back")
    rollout = model.roll_out(plan, Progress("stepping"))
    answer(rollout, 10)
    assert (model.shadow_share, model.share) == (0.0, 1.0)


def test_a_worse_version_gives_everything_back_at_once() -> None:
    model = Model()
    rollout = model.roll_out(PLAN)
    answer(rollout, 500, version="1.0")
    answer(rollout, 8, failed=True)
    assert (model.share, model.default) == (0.0, "1.0")
    told = rollout.describe()
    assert told["state"] == "rolled_back"
    assert "errors" in told["reason"]
    assert told["versions"]["2.0"]["errors"] <= 8


def test_a_paused_rollout_stays_and_is_still_guarded() -> None:
    model = Model()
    rollout = model.roll_out(PLAN)
    rollout.pause()
    answer(rollout, 500, version="1.0")
    answer(rollout, 50)
    assert (model.share, rollout.describe()["state"]) == (0.01, "paused")
    rollout.resume()
    answer(rollout, 1)
    assert model.share == 0.25
    rollout.pause()
    answer(rollout, 50, failed=True)
    assert rollout.describe()["state"] == "rolled_back"


def test_aborting_gives_everything_back_once() -> None:
    model = Model()
    rollout = model.roll_out(PLAN)
    rollout.abort()
    model.default = "other"
    rollout.abort()
    answer(rollout, 50)
    assert (model.share, model.default, rollout.describe()["state"]) == (0.0, "other", "aborted")


def test_it_goes_on_where_it_was() -> None:
    first = Model()
    answer(first.roll_out(PLAN), 12)
    again = Model()
    rollout = again.roll_out(PLAN, first.saved[-1])
    assert again.share == 0.25
    answer(rollout, 10)
    assert again.share == 1.0


def test_the_traffic_has_moved_when_a_change_is_reported() -> None:
    model = Model()
    answer(model.roll_out(PLAN), 30)
    assert model.changes[1:] == [("stepping", 0.25, ""), ("stepping", 1.0, ""), ("completed", 1.0, "2.0")]
