"""Models for the proof of `marserve optimize`, fitted for a short while on synthetic data, as archives with samples."""

import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from model_registry.archive.archive_spec import ArchiveSpec
from model_registry.archive.packer import pack
from signflow.archive import FOLDER, read_labels
from signflow.training.model import WEIGHTS, load
from signflow.training.synthetic import make_signs, make_windows

SAMPLES = 24
CLASSES = 8
TOKENS, LENGTH, WIDTH = 800, 32, 192
PIXELS = 32
HANDLER = """
import numpy as np
import torch
from ts.torch_handler.base_handler import BaseHandler


class Classifier(BaseHandler):
    def preprocess(self, data):
        rows = [np.frombuffer(bytes(row.get("body") or row.get("data")), "{dtype}").reshape({shape}) for row in data]
        return torch.from_numpy(np.stack(rows))

    def postprocess(self, data):
        scores = torch.softmax(data, dim=1)
        return [{{"class": int(row.argmax()), "score": round(float(row.max()), 4)}} for row in scores]
"""


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, wider: int, stride: int) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(channels, wider, 3, stride, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(wider, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider))
        self.short = nn.Conv2d(channels, wider, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images [batch, channels, height, width] to [batch, wider, height / stride, width / stride]."""
        return torch.relu(self.two(self.one(images)) + self.short(images))


def resnet() -> nn.Module:
    """The layout of ResNet-18, with fewer channels: images [batch, 3, 32, 32]."""
    sizes = [
        (32, 32, 1),
        (32, 32, 1),
        (32, 64, 2),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
    ]
    blocks = [Residual(*size) for size in sizes]
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, CLASSES)
    )


class Bert(nn.Module):
    """Four layers of an encoder over tokens [batch, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(TOKENS, WIDTH), nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(WIDTH, 6, 4 * WIDTH, 0.0, "gelu", batch_first=True)
                                    for _ in range(4))  # fmt: skip
        self.decide = nn.Linear(WIDTH, CLASSES)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Tokens to logits."""
        hidden = self.tokens(ids) + self.places
        for layer in self.layers:
            hidden = layer(hidden)
        return self.decide(hidden.mean(dim=1))


def mlp() -> nn.Module:
    """Three wide layers over rows of 256 numbers."""
    return nn.Sequential(nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, CLASSES))


def images(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy images of waves, whose direction and colour are their class."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(CLASSES, (rows,), generator=generator)
    place = torch.linspace(0, 6.28, PIXELS)
    angle = (classes % 4) * 0.785
    wave = torch.sin(3 * (torch.cos(angle)[:, None, None] * place + torch.sin(angle)[:, None, None] * place[:, None]))
    colour = torch.stack([wave, wave * (classes // 4 * 2 - 1)[:, None, None], torch.zeros_like(wave)], dim=1)
    return colour + 0.5 * torch.randn(rows, 3, PIXELS, PIXELS, generator=generator), classes


def sentences(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, of which a third belong to the topic that is the class."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(CLASSES, (rows,), generator=generator)
    topic = (
        torch.randint(TOKENS // CLASSES, (rows, LENGTH), generator=generator) + (classes * TOKENS // CLASSES)[:, None]
    )
    other = torch.randint(TOKENS, (rows, LENGTH), generator=generator)
    return torch.where(torch.rand(rows, LENGTH, generator=generator) < 0.4, topic, other), classes


def clusters(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows about the centre of their class."""
    centres = torch.randn(CLASSES, 256, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(CLASSES, (rows,), generator=generator)
    return centres[classes] * 0.4 + torch.randn(rows, 256, generator=generator), classes


Data = Callable[[int, int], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Fitted:
    """A network, its data, the steps of its fitting, and how its requests are read."""

    make: Callable[[], nn.Module]
    data: Data
    steps: int
    dtype: str
    shape: Sequence[int]


FITTED = {
    "bert": Fitted(Bert, sentences, 60, "int64", (LENGTH,)),
    "resnet": Fitted(resnet, images, 40, "float32", (3, PIXELS, PIXELS)),
    "mlp": Fitted(mlp, clusters, 80, "float32", (256,)),
}
NAMES = ("transformer", "gcn", *FITTED)


def fit(spec: Fitted) -> nn.Module:
    """The network after its steps; seeded."""
    torch.manual_seed(3)
    model = spec.make().train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for step in range(spec.steps):
        rows, classes = spec.data(48, step + 1000)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(rows), classes).backward()
        optimizer.step()
    return model.eval()


def build(name: str, folder: Path) -> tuple[Path, list[Path]]:
    """The TorchScript archive of that name, and its samples, in a folder of theirs."""
    samples = folder / f"{name}-samples"
    samples.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in FITTED:
            archive, bodies = _fitted(name, folder, Path(work))
        else:
            archive, bodies = _signflow(name, folder, Path(work))
    files = [samples / f"{place:02d}.bin" for place in range(len(bodies))]
    for file, body in zip(files, bodies, strict=True):
        file.write_bytes(body)
    return archive, files


def _fitted(name: str, folder: Path, work: Path) -> tuple[Path, list[bytes]]:
    spec = FITTED[name]
    model = fit(spec)
    rows, _ = spec.data(SAMPLES, 1)
    with torch.no_grad():
        torch.jit.trace(model, rows[:2], check_trace=False).save(str(work / f"{name}.pt"))
    (work / "handler.py").write_text(HANDLER.format(dtype=spec.dtype, shape=tuple(spec.shape)))
    packed = ArchiveSpec(name, "1.0", str(work / "handler.py"), serialized_file=str(work / f"{name}.pt"))
    return pack(packed, folder, force=True), [row.numpy().tobytes() for row in rows]


def _signflow(name: str, folder: Path, work: Path) -> tuple[Path, list[bytes]]:
    labels = read_labels()
    model = load(name, len(labels), WEIGHTS / f"{name}.npz")
    windows, _ = make_windows(make_signs(len(labels)), 3, seed=11)
    with torch.no_grad():
        torch.jit.trace(model, torch.from_numpy(windows[:2]), check_trace=False).save(str(work / f"{name}.pt"))
    (work / "index_to_name.json").write_text(json.dumps({str(place): label for place, label in enumerate(labels)}))
    extra = [
        FOLDER / "features.py",
        FOLDER / "preprocessing.py",
        FOLDER / "postprocessing.py",
        work / "index_to_name.json",
    ]
    spec = ArchiveSpec(
        name, "1.0", str(FOLDER / "handler.py"), serialized_file=str(work / f"{name}.pt"),
        extra_files=tuple(map(str, extra)),
    )  # fmt: skip
    return pack(spec, folder, force=True), [window.astype(np.float32).tobytes() for window in windows[:SAMPLES]]
