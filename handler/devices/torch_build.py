"""The version of the installed torch and its CUDA, read beside it: importing it takes seconds."""

import importlib.util
import runpy
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TorchBuild:
    """torch's version, such as "2.13.0+cpu", and the CUDA version that it was built for."""

    version: str
    cuda: str | None = None

    def __str__(self) -> str:
        return f"torch {self.version}, built {f'for CUDA {self.cuda}' if self.cuda else 'without CUDA'}"


def torch_build(package: str = "torch") -> TorchBuild | None:
    """The installed torch; None without one."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    facts = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    return TorchBuild(facts["__version__"], facts.get("cuda"))
