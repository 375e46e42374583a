"""Sizes of marserve's batches, as its metrics have them."""

import asyncio
import re

from signflow.torchserve_client import Circuit, TorchServeClient

TIMEOUT_SECONDS = 0.5
_BUCKET = re.compile(r'^marserve_batch_size_bucket\{.*\ble="([^"]+)".*\} ([0-9.e+]+)$', re.MULTILINE)


async def fetch_batch_sizes(client: TorchServeClient, url: str) -> dict[str, int] | None:
    """Batches since the start, by the ranges of the histogram ("1", "2", "3-4", ...); None without such metrics."""
    if client.breaker.state is not Circuit.CLOSED:
        return None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            text = (await client.session.get(url or f"{client.base_url}/metrics")).text
    except Exception:  # whatever keeps the metrics away, the page goes on without them
        return None
    return parse_batch_sizes(text)


def parse_batch_sizes(text: str) -> dict[str, int] | None:
    """The batches of all models and versions; None where the text has no histogram of marserve's."""
    cumulated: dict[float, float] = {}
    for bound, count in _BUCKET.findall(text):
        cumulated[float(bound)] = cumulated.get(float(bound), 0) + float(count)
    sizes: dict[str, int] = {}
    lower, before = 0.0, 0.0
    for bound, count in sorted(cumulated.items()):
        sizes[_name_range(lower, bound)] = round(count - before)
        lower, before = bound, count
    return sizes or None


def _name_range(lower: float, bound: float) -> str:
    if bound == float("inf"):
        return f"{lower:.0f}+"
    return f"{bound:.0f}" if bound - lower <= 1 else f"{lower + 1:.0f}-{bound:.0f}"
