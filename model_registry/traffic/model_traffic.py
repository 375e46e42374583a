"""The traffic of one model between its versions: rules, shadow and rollout together."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from handler.job import Input, Output
from model_registry.errors import NoWorker, RolloutConflict
from model_registry.reply import VERSION_HEADER, Headers, PendingReply, ResponseStream
from model_registry.traffic.chooser import RoutedRequest, TrafficChooser
from model_registry.traffic.input_request import InputRequest
from model_registry.traffic.rollout import Progress, Rollout
from model_registry.traffic.rollout_plan import RolloutPlan, parse_plan
from model_registry.traffic.rules import Shadow, TrafficRules, parse_rules
from model_registry.traffic.shadow import Outcome, ShadowMirror
from model_registry.traffic.webhook import notify
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.traffic")
NO_RULES = TrafficRules()
SERVER_ERROR = 500


class ModelTraffic:
    """Gives requests that name no version to one of `versions`. `on_change` is called after each change of the state.

    `default` is asked where no rule decides; `set_default` is called when a rollout ends with its new version.
    """

    def __init__(
        self, name: str, versions: Mapping[str, ModelVersion], default: Callable[[], ModelVersion],
        set_default: Callable[[str], object], on_change: Callable[[], object],
    ) -> None:  # fmt: skip
        self.name = name
        self.rules = NO_RULES
        self.rollout: Rollout | None = None
        self.mirror: ShadowMirror | None = None
        self._versions = versions
        self._default = default
        self._set_default = set_default
        self._on_change = on_change
        self._chooser = TrafficChooser(NO_RULES)
        self.is_idle = True
        """Whether the default version serves every request, and no other has to do with them."""

    def __repr__(self) -> str:
        return f"<ModelTraffic of {self.name}: {self._chooser}, {self.rollout or 'no rollout'}>"

    @property
    def default_version(self) -> str:
        """The version that serves where no rule decides."""
        return self._default().version

    @property
    def effective_rules(self) -> TrafficRules:
        """The rules in force, with the weights of a rollout that is in progress."""
        return self._chooser.rules

    @property
    def versions_in_use(self) -> set[str]:
        """The versions that must stay loaded."""
        used = set(self.rules.versions)
        if self.rollout is not None and self.rollout.is_active:
            used |= {self.rollout.plan.old, self.rollout.plan.new}
        return used

    def submit(
        self, request: Input, request_id: str, client: str | None = None, metadata: Sequence[tuple[str, str]] = ()
    ) -> PendingReply:
        """Accept a request that names no version; the reply says which one serves. Raises NoWorker."""
        chosen = self._chooser.choose(InputRequest(request, client, metadata))
        version = self._default() if chosen is None else self._versions[chosen]
        try:
            reply = version.submit(request, request_id, "default" if chosen is None else chosen)
        except NoWorker as error:
            self.observe(version.version, 0.0, failed=True)
            error.headers = _version_header(chosen)
            raise
        reply.headers = _version_header(chosen)
        self._watch(version, request, request_id, reply)
        return reply

    def choose(self, request: RoutedRequest) -> Any:
        """The version that serves a request of tensors."""
        chosen = self._chooser.choose(request)
        return self._default() if chosen is None or chosen not in self._versions else self._versions[chosen]

    def mirror_for(self, version: str) -> ShadowMirror | None:
        """The mirror that a request which this version serves is given to besides, drawn by the shadow's share."""
        mirror = self.mirror
        is_drawn = mirror is not None and version != mirror.shadow.version and self._chooser.is_shadowed()
        return mirror if is_drawn else None

    def observe(self, version: str, seconds: float, *, failed: bool) -> None:
        """Let a rollout know what became of a request."""
        if self.rollout is not None:
            self.rollout.observe(version, seconds, failed=failed)

    def set_rules(self, rules: TrafficRules) -> None:
        """Put rules in force; raises VersionNotLoaded, and RolloutConflict during a rollout."""
        rules.check_loaded(self._versions)
        self.check_no_rollout()
        self.rules = rules
        self._apply(rules)
        LOG.info("Model %s: traffic rules %s.", self.name, rules.to_json())
        self._on_change()

    def clear_rules(self) -> None:
        """Give all requests to the default version again; raises RolloutConflict during a rollout."""
        self.check_no_rollout()
        self.rules = NO_RULES
        self._apply(NO_RULES)
        LOG.info("Model %s: no traffic rules.", self.name)
        self._on_change()

    def start_rollout(self, plan: RolloutPlan, progress: Progress | None = None) -> Rollout:
        """Begin a rollout, or go on with one; raises VersionNotLoaded, and RolloutConflict during another."""
        self.check_no_rollout()
        TrafficRules(weights={plan.old: 1, plan.new: 1}).check_loaded(self._versions)
        self.rollout = Rollout(plan, self._set_share, self._set_shadow, self._finish, self._on_rollout_change, progress)
        if self.rollout.is_active:
            self.rollout.start()
        return self.rollout

    def last_rollout(self) -> Rollout:
        """The rollout in progress, or the last one; raises RolloutConflict where there was none."""
        if self.rollout is None:
            raise RolloutConflict(f"There was no rollout of model {self.name} yet.")
        return self.rollout

    def active_rollout(self) -> Rollout:
        """The rollout in progress; raises RolloutConflict where there is none."""
        if self.rollout is None or not self.rollout.is_active:
            raise RolloutConflict(f"No rollout of model {self.name} is in progress.")
        return self.rollout

    def check_no_rollout(self) -> None:
        """Raise RolloutConflict while a rollout is in progress."""
        if self.rollout is not None and self.rollout.is_active:
            raise RolloutConflict(
                f"A rollout of model {self.name} to version {self.rollout.plan.new} is in progress; abort it first."
            )

    def to_json(self) -> dict[str, Any]:
        """The state to be kept over a restart."""
        state: dict[str, Any] = {} if self.rules == NO_RULES else {"rules": self.rules.to_json()}
        if self.rollout is not None:
            state["rollout"] = {"plan": self.rollout.plan.to_json(), "progress": self.rollout.progress.to_json()}
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a kept state; raises InvalidTrafficRule and VersionNotLoaded."""
        if "rules" in state:
            self.set_rules(parse_rules(state["rules"]))
        if "rollout" in state:
            plan = parse_plan(state["rollout"]["plan"], self.default_version)
            self.start_rollout(plan, Progress.from_json(state["rollout"]["progress"]))

    def _watch(self, version: ModelVersion, request: Input, request_id: str, reply: PendingReply) -> None:
        arrived, mirror, on_answer, sampling = monotonic(), self.mirror_for(version.version), None, reply.observer
        if mirror is not None:
            on_answer = mirror.mirror(version, request, request_id)

        def observe(outcome: Outcome) -> None:
            self.observe(version.version, monotonic() - arrived, failed=_is_failure(outcome))
            for other in (on_answer, sampling):
                if other is not None:
                    other(outcome)

        if on_answer is not None or self.rollout is not None:
            reply.observer = observe

    def _apply(self, rules: TrafficRules) -> None:
        self._chooser = TrafficChooser(rules)
        self.is_idle = rules == NO_RULES
        shadow, mirror = rules.shadow, self.mirror
        if shadow is None:
            self.mirror = None
        elif mirror is None or not mirror.is_for(self._versions[shadow.version], shadow.tolerance):
            self.mirror = ShadowMirror(self._versions[shadow.version], shadow.tolerance, self._observe_shadow)
        if mirror is not None and mirror is not self.mirror:
            mirror.drop_waiting()
        self._show_shares()

    def _show_shares(self) -> None:
        """Show the shares of the versions as metrics; those of conditions are not known in advance."""
        default = "" if self._chooser.rules.weights else self.default_version
        for name, version in self._versions.items():
            version.metrics.series.set_traffic_share(1.0 if name == default else self._chooser.share_of(name))
        if self.rollout is not None and self.rollout.plan.new in self._versions:
            self._versions[self.rollout.plan.new].metrics.series.set_rollout_share(self.rollout.share)

    def _observe_shadow(self, agrees: bool) -> None:
        if self.rollout is not None:
            self.rollout.observe_shadow(agrees)

    def _set_share(self, share: float) -> None:
        assert self.rollout is not None
        plan = self.rollout.plan
        weights = {plan.old: 1 - share, plan.new: share} if share else {}
        self._apply(replace(self._chooser.rules, weights=weights))

    def _set_shadow(self, share: float) -> None:
        assert self.rollout is not None
        plan = self.rollout.plan
        shadow = Shadow(plan.new, share, plan.tolerance) if share else self.rules.shadow
        self._apply(replace(self._chooser.rules, shadow=shadow))

    def _finish(self, version: str) -> None:
        """Leave the rollout's weights: from now on the default version serves, under the rules of before."""
        assert self.rollout is not None
        if version == self.rollout.plan.new:
            self._set_default(version)
            kept = replace(self.rules, weights={})
            self.rules = kept if kept.versions else NO_RULES  # a key alone says nothing, and is not read again
        self._apply(self.rules)

    def _on_rollout_change(self) -> None:
        assert self.rollout is not None
        progress = self.rollout.progress
        level = logging.WARNING if progress.state == "rolled_back" else logging.INFO
        reason = f": {progress.reason}" if progress.reason else ""
        LOG.log(level, "Model %s: rollout to %s %s at %.0f %%%s.", self.name, self.rollout.plan.new,
                progress.state.replace("_", " "), 100 * self.rollout.share, reason)  # fmt: skip
        if not self.rollout.is_active:
            self._versions[self.rollout.plan.new].metrics.series.count_rollout(progress.state)
        if self.rollout.plan.webhook and not self.rollout.is_active:
            notify(self.rollout.plan.webhook, {"modelName": self.name, **self.rollout.describe()})
        self._on_change()


def _version_header(chosen: str | None) -> Headers:
    """The header that names the version, where a rule chose it."""
    return () if chosen is None else ((VERSION_HEADER, chosen),)


def _is_failure(outcome: Outcome) -> bool:
    if isinstance(outcome, ResponseStream):
        return False
    return not isinstance(outcome, Output) or outcome.status >= SERVER_ERROR
