"""The samples of a scrape."""

from handler.metrics.server_metrics import Metrics


def samples(metrics: Metrics, *names: str) -> dict[str, float]:
    """The samples that a scrape shows, label text and all."""
    lines = metrics.expose(names).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}
