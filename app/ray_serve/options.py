"""The arguments of an application of Ray Serve: some for Ray, all others settings of the server in each replica."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from app.settings.errors import ConfigurationError
from app.settings.model import KEYS

_RAY_KEYS = {
    "name", "num_replicas", "min_replicas", "max_replicas", "target_ongoing_requests", "upscale_delay_s",
    "downscale_delay_s", "max_ongoing_requests", "num_cpus", "num_gpus", "resources",
}  # fmt: skip
_AUTOSCALING = ("min_replicas", "max_replicas", "target_ongoing_requests", "upscale_delay_s", "downscale_delay_s")
MAX_ONGOING_REQUESTS = 128
"""Requests that Ray gives a replica at once: as many as fill batches and the queue. Ray's own default of 5 leaves the
archive's batcher without any to gather."""
HEALTH_SECONDS, HEALTH_TIMEOUT_SECONDS = 10, 30


@dataclass(frozen=True, slots=True)
class RayOptions:
    """The arguments, checked: `targets` are what `marserve serve` takes, `settings` keys of the configuration."""

    targets: tuple[str, ...]
    settings: Mapping[str, str]
    ray: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, arguments: Mapping[str, Any]) -> Self:
        """Read the arguments of `serve.run`, `serve run` or a YAML file; raises ConfigurationError."""
        models = arguments.get("models", ())
        targets = (models,) if isinstance(models, str) and models != "all" else tuple(models) if models != "all" else ()
        others = {key: value for key, value in arguments.items() if key != "models"}
        unknown = others.keys() - _RAY_KEYS - KEYS
        if unknown:
            raise ConfigurationError(
                f"Ray Serve: unknown argument {', '.join(sorted(unknown))}; there are models, "
                f"{', '.join(sorted(_RAY_KEYS))}, and the keys of the configuration such as model_store or state"
            )
        settings = {key: _text(value) for key, value in others.items() if key in KEYS}
        if models == "all":
            settings["load_models"] = "all"
        ray = {key: value for key, value in others.items() if key in _RAY_KEYS}
        if "num_replicas" in ray and any(key in ray for key in _AUTOSCALING):
            raise ConfigurationError(
                "Ray Serve: num_replicas is a fixed number; leave it out, or min_ and max_replicas"
            )
        _check_resources(ray)
        return cls(targets, settings, ray)

    def deployment(self, drain_seconds: float) -> dict[str, Any]:
        """The options of Ray's deployment."""
        autoscaling = {key: self.ray[key] for key in _AUTOSCALING if key in self.ray}
        actor = {key: self.ray[key] for key in ("num_cpus", "num_gpus", "resources") if key in self.ray}
        replicas: dict[str, Any] = {"num_replicas": self.ray.get("num_replicas", 1)}
        return {
            "name": self.ray.get("name", "marserve"),
            "max_ongoing_requests": self.ray.get("max_ongoing_requests", MAX_ONGOING_REQUESTS),
            "ray_actor_options": {"num_cpus": 1, **actor},
            "graceful_shutdown_timeout_s": drain_seconds + 2,
            "health_check_period_s": HEALTH_SECONDS, "health_check_timeout_s": HEALTH_TIMEOUT_SECONDS,
            **({"autoscaling_config": autoscaling} if autoscaling else replicas),
        }  # fmt: skip


def _check_resources(ray: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for cores and GPUs that Ray would refuse only when replicas start."""
    for key in ("num_cpus", "num_gpus"):
        value = ray.get(key, 0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
        if not is_number or (key == "num_gpus" and value > 1 and value != int(value)):
            raise ConfigurationError(
                f"Ray Serve: {key} of a replica is {value!r}; it is a number, such as 0.33 for three replicas on one, "
                "and above 1 GPU a whole one"
            )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
