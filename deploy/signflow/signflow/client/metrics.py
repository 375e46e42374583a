"""What the client counts and measures, as Prometheus reads it."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class ClientMetrics:
    """The series of one client; a registry holds them once."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.errors = Counter(
            "torchserve_errors",
            "Translations that the model server failed at, by reason",
            ["reason"],
            registry=registry,
        )
        self.retries = Counter("torchserve_retries", "Requests that were sent once more", registry=registry)
        self.latency = Histogram(
            "torchserve_latency_seconds",
            "Of successful requests, retries included",
            registry=registry,
            buckets=_SECONDS,
        )
        self.translations = Histogram(
            "signflow_translation_seconds", "What a signer waits", ["source"], registry=registry, buckets=_SECONDS
        )
        self.open = Gauge("torchserve_circuit_open", "1 while the server is left alone", registry=registry)
