"""Two small models, windows [batch, 64, 469] to logits [batch, signs]: a transformer and a graph network."""

from pathlib import Path

# mypy: allow-subclassing-any
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from signflow.archive.features import FEATURES, FRAMES, HAND, POINTS, POSITIONS

WEIGHTS = Path(__file__).parent
"""The folder with trained weights, NAME.npz for each model."""
_FINGERS = [(finger, finger + 1) for base in range(1, 21, 4) for finger in range(base, base + 3)]
_HAND = [(0, 1), (0, 5), (0, 9), (0, 13), (0, 17), (5, 9), (9, 13), (13, 17), *_FINGERS]
_POSE = [(0, 11), (0, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24)]
BONES = [
    *_HAND,
    *((one + HAND, other + HAND) for one, other in _HAND),
    *((one + 2 * HAND, other + 2 * HAND) for one, other in _POSE),
    (2 * HAND + 15, 0),
    (2 * HAND + 16, HAND),
]
"""Pairs of the 75 points that a bone, or nearly one, connects."""


class Standardise(nn.Module):
    """Features to mean 0 and deviation 1 over the training windows."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("deviation", torch.ones(FEATURES))

    def fit(self, windows: torch.Tensor) -> None:
        """Measure the training windows; a feature that hardly changes keeps its scale."""
        self.mean.copy_(windows.mean(dim=(0, 1)))
        self.deviation.copy_(windows.std(dim=(0, 1)).clamp(min=0.01))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Windows of the same shape."""
        return (windows - self.mean) / self.deviation


class Attention(nn.Module):
    """Every frame looks at every other one."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """[batch, frames, width] to the same."""
        query, key, value = (self._split(part) for part in self.query_key_value(frames).chunk(3, dim=-1))
        seen = functional.scaled_dot_product_attention(query, key, value)
        return self.output(seen.transpose(1, 2).flatten(2))

    def _split(self, part: torch.Tensor) -> torch.Tensor:
        return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention, then two layers for each frame alone; both add to what they are given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """[batch, frames, width] to the same."""
        frames = frames + self.attention(frames)
        return frames + self.feed_forward(frames)


class SignTransformer(nn.Module):
    """Reads a window as 64 words of 469 numbers."""

    def __init__(self, signs: int, width: int = 64, depth: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.standardise = Standardise()
        self.embed = nn.Linear(FEATURES, width)
        self.position = nn.Parameter(0.02 * torch.randn(FRAMES, width))
        self.dropout = nn.Dropout(0.2)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.classify = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, signs))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Windows [batch, 64, 469] to logits [batch, signs]."""
        frames = self.dropout(self.embed(self.standardise(windows)) + self.position)
        return self.classify(self.blocks(frames).mean(dim=1))


class GraphBlock(nn.Module):
    """Points watch themselves over five frames, then hear from their neighbours in the skeleton."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.temporal = nn.Conv2d(channels, channels, (5, 1), stride=(2, 1), padding=(2, 0), groups=channels)
        self.pointwise = nn.Conv2d(channels, wider, 1)
        self.skeleton_offset = nn.Parameter(torch.zeros(POINTS, POINTS))
        self.normalise = nn.Sequential(nn.BatchNorm2d(wider), nn.ReLU())

    def forward(self, points: torch.Tensor, skeleton: torch.Tensor) -> torch.Tensor:
        """[batch, channels, frames, 75] to [batch, wider, frames / 2, 75]."""
        joined = self.pointwise(self.temporal(points)) @ (skeleton + self.skeleton_offset)
        return self.normalise(joined)


class SignGraph(nn.Module):
    """Reads a window as a skeleton whose 75 points move; what the window holds besides comes in at the end."""

    skeleton: torch.Tensor

    def __init__(self, signs: int, width: int = 32) -> None:
        super().__init__()
        self.standardise = Standardise()
        self.register_buffer("skeleton", skeleton(), persistent=False)
        self.blocks = nn.ModuleList([GraphBlock(6, width), GraphBlock(width, width), GraphBlock(width, 2 * width)])
        self.classify = nn.Linear(2 * width * 8 + FEATURES - 2 * POSITIONS, signs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Windows [batch, 64, 469] to logits [batch, signs]."""
        windows = self.standardise(windows)
        points = windows[..., : 2 * POSITIONS].unflatten(-1, (2, POINTS, 3)).permute(0, 2, 4, 1, 3).flatten(1, 2)
        for block in self.blocks:
            points = block(points, self.skeleton)
        seen = points.mean(dim=3).flatten(1)
        return self.classify(torch.cat([seen, windows[..., 2 * POSITIONS :].mean(dim=1)], dim=1))


MODELS: dict[str, type[SignTransformer] | type[SignGraph]] = {"transformer": SignTransformer, "gcn": SignGraph}


def skeleton() -> torch.Tensor:
    """The adjacency of the points [75, 75], normalized so that each row adds up to about 1."""
    near = torch.eye(POINTS)
    for one, other in BONES:
        near[one, other] = near[other, one] = 1
    degrees = near.sum(dim=0).rsqrt()
    return degrees[:, None] * near * degrees


def save(model: nn.Module, file: Path) -> None:
    """Write the weights as .npz, which anyone may open: it holds no code."""
    np.savez(file, allow_pickle=False, **{name: tensor.numpy() for name, tensor in model.state_dict().items()})


def load(name: str, signs: int, file: Path) -> nn.Module:
    """The model of that name in MODELS with the weights of the file, ready to predict."""
    model = MODELS[name](signs)
    with np.load(file, allow_pickle=False) as weights:
        model.load_state_dict({key: torch.from_numpy(weights[key]) for key in weights.files})
    return model.eval()
