"""The gain of ts.handler_utils.micro_batching: a batch of pictures in one piece, and in parts that share three stages.

`python -m tests.benchmarks.micro_batching` needs two cores: one decodes while the other computes.
"""

import io
from statistics import median
from time import perf_counter
from typing import Any

import torch
from PIL import Image
from torch import nn
from ts.handler_utils.micro_batching import MicroBatching

BATCH, ROUNDS, SIDE = 32, 9, 64
SETTINGS: list[tuple[int, dict[str, int]]] = [
    (4, {}),
    (8, {}),
    (16, {}),
    (4, {"preprocess": 2}),
    (8, {"preprocess": 2}),
]


class Pictures:
    """JPEG to classes, in the three stages of a BaseHandler."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1000),
        ).eval()  # fmt: skip

    def preprocess(self, data: list[bytes]) -> torch.Tensor:
        """Pictures [rows, 3, side, side]."""
        images = [Image.open(io.BytesIO(row)).convert("RGB").resize((SIDE, SIDE)) for row in data]
        pixels = [torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8) for image in images]
        return torch.stack(pixels).view(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2).float() / 255

    @torch.inference_mode()
    def inference(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores [rows, classes]."""
        return self.model(pictures)  # type: ignore[no-any-return]

    def postprocess(self, scores: torch.Tensor) -> list[Any]:
        """The five best classes of each row."""
        return scores.softmax(1).topk(5).indices.tolist()


def jpeg(seed: int) -> bytes:
    """A picture of 500 x 400 pixels."""
    noise = torch.rand(3, 25, 20, generator=torch.Generator().manual_seed(seed))
    pixels = (nn.functional.interpolate(noise[None], (500, 400))[0].permute(1, 2, 0) * 255).byte()
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "JPEG")
    return file.getvalue()


def main() -> None:
    """Print the table; all ways take turns in each round, and give the same answers."""
    torch.set_num_threads(1)
    handler, rows = Pictures(), [jpeg(seed) for seed in range(BATCH)]
    ways: dict[str, Any] = {
        "in one piece": lambda data: handler.postprocess(handler.inference(handler.preprocess(data)))
    }
    ways |= {f"by {size} {more or ''}": MicroBatching(handler, size, more).handle for size, more in SETTINGS}
    expected, seconds = ways["in one piece"](rows), {name: [] for name in ways}  # type: ignore[var-annotated]
    for _ in range(ROUNDS):
        for name, handle in ways.items():
            started = perf_counter()
            answers = handle(rows)
            seconds[name].append(perf_counter() - started)
            assert answers == expected, name
    whole = median(seconds["in one piece"])
    print(f"| {BATCH} pictures | ms, median of {ROUNDS} | gain |\n|---|---|---|")
    for name, all_seconds in seconds.items():
        print(f"| {name} | {median(all_seconds) * 1000:.1f} | {whole / median(all_seconds):.2f} |")


if __name__ == "__main__":
    main()
