"""Writes windows of invented performances as bodies of requests: python -m signflow.training.sample_requests FOLDER"""

import argparse
from pathlib import Path

from signflow.archive import read_labels

from .synthetic import make_signs, make_windows


def main(argv: list[str] | None = None) -> None:
    """Write 0.bin, 1.bin, ... as the backend sends them: all signs in turn, in float32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="is made if need be")
    parser.add_argument("--each", type=int, default=15, help="performances of each sign, 15 by default")
    chosen = parser.parse_args(argv)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    windows, _ = make_windows(make_signs(len(read_labels())), chosen.each, seed=4)
    for number, window in enumerate(windows):
        (chosen.folder / f"{number}.bin").write_bytes(window.astype("<f4").tobytes())


if __name__ == "__main__":
    main()
