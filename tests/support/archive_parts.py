"""Parts that archives are made of."""

from pathlib import Path

from model_registry.archive.archive_spec import ArchiveSpec


def write_parts(folder: Path) -> Path:
    """Write handlers, weights, folders of extra files and an empty folder `out`; returns the folder."""
    for name, text in {
        "h.py": "handler", "w.pt": "weights", "c.yaml": "config", "r.txt": "packages", "sub/hh.py": "other handler",
        "ex/a.txt": "a", "ex/.dot": "dot", "ex/sub/b.txt": "b", "ex/__pycache__/c.pyc": "c", "ex/.hidden/d.txt": "d",
        "ex/sub/__MACOSX/e": "e", "two/a.txt": "second a", "two/sub/z.txt": "z",
    }.items():  # fmt: skip
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "out").mkdir()
    return folder


def spec(handler: str = "h.py", **parts: object) -> ArchiveSpec:
    """The model m 1.0 of these parts."""
    return ArchiveSpec("m", "1.0", handler, **parts)  # type: ignore[arg-type]
