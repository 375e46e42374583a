"""The control loop of Kubernetes' HorizontalPodAutoscaler, for metrics of pods with a target average.

As the documents of autoscaling/v2 describe it: the desired number of pods is the sum over the target, rounded up,
unless the ratio is within the tolerance; pods that are not ready, or have no metric yet, count as idle where that damps
scaling up, and as just right where it damps scaling down; what is recommended passes the policies of `behavior`.
"""

import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MANIFESTS = Path(__file__).parents[3] / "deploy" / "kubernetes"
SYNC_SECONDS = 15
TOLERANCE = 0.1
MAX_PODS_ADDED = 4
MAX_SHARE_ADDED = 1.0
"""The default policies: within SYNC_SECONDS as many pods may come as the larger of the two allows."""


class Bounds(NamedTuple):
    """The fewest and the most pods, and the seconds that scaling down looks back."""

    min_pods: int
    max_pods: int
    stabilization: float

    @classmethod
    def of_manifest(cls, path: Path = MANIFESTS / "hpa.yaml") -> "Bounds":
        """Those of the manifest in deploy/kubernetes."""
        spec: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        window = spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        return cls(spec["minReplicas"], spec["maxReplicas"], window)


class Autoscaler:
    """Decides the number of pods every SYNC_SECONDS, by metrics with a target average each."""

    def __init__(self, bounds: Bounds, targets: Sequence[float]) -> None:
        self._bounds = bounds
        self._targets = targets
        self._recommended: deque[tuple[float, int]] = deque()

    def __repr__(self) -> str:
        return f"<Autoscaler to {self._targets}>"

    def decide(self, now: float, metrics: Sequence[Sequence[float]], pods: int) -> int:
        """The number of pods wanted, of so many in all. The metrics are those of the pods that are ready and have some.

        Each has a value for each target; the one that asks for the most pods counts.
        """
        wanted = max(self._recommend([each[n] for each in metrics], pods, at) for n, at in enumerate(self._targets))
        bounded = max(self._bounds.min_pods, min(self._bounds.max_pods, wanted))
        self._recommended.append((now, bounded))
        while self._recommended[0][0] < now - self._bounds.stabilization:
            self._recommended.popleft()
        if bounded > pods:
            return min(bounded, max(pods + MAX_PODS_ADDED, math.floor(pods * (1 + MAX_SHARE_ADDED))))
        return min(pods, max(number for _, number in self._recommended))

    def _recommend(self, metrics: Sequence[float], pods: int, target: float) -> int:
        if not metrics:
            return pods
        without = pods - len(metrics)
        ratio = sum(metrics) / len(metrics) / target
        if without == 0:
            return pods if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * pods)
        padding = 0.0 if ratio > 1 else target
        padded = (sum(metrics) + without * padding) / pods / target
        is_opposite = (ratio > 1) != (padded > 1)
        return pods if is_opposite or abs(padded - 1) <= TOLERANCE else math.ceil(padded * pods)
