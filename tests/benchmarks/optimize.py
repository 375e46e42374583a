"""Proves `marserve optimize` on models made here: `python -m tests.benchmarks.optimize` writes docs/optimize.md.

Torch and ONNX Runtime get one thread each, unless OMP_NUM_THREADS says otherwise. Agreement is recomputed by
tests/benchmarks/recompute_agreement.py, which shares no code with the command.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.optimize_models import NAMES, build

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "optimize.md"
BEGIN, END = "<!-- table of tests.benchmarks.optimize -->", "<!-- end of the table -->"


def main() -> int:
    """Build, optimise, recompute, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", default=",".join(NAMES), help="names with commas between")
    parser.add_argument("--folder", type=Path, default=Path("optimize-proof"), help="for archives and results")
    parser.add_argument("--targets", metavar="NAME,...", help="all of them by default")
    parser.add_argument("--minutes", type=float, default=8.0, help="for each model")
    parser.add_argument("--keep-page", action="store_true", help="print the tables only")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tables, failures = [], 0
    for name in arguments.models.split(","):
        archive, samples = build(name, arguments.folder)
        report = _optimise(archive, samples[0].parent, arguments.minutes, arguments.targets)
        failures += _recompute(archive, samples, report)
        tables += [f"### {name}", "", *_table(report), ""]
        print("\n".join(tables[-len(_table(report)) - 3 :]), flush=True)
    if not arguments.keep_page:
        text = PAGE.read_text()
        table = f"{BEGIN}\n\n" + "\n".join(tables) + f"\n{END}"
        PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: table, text, flags=re.DOTALL))
    return 1 if failures else 0


def _optimise(archive: Path, samples: Path, minutes: float, targets: str | None) -> dict:
    words = ["optimize", str(archive), "--requests", str(samples), "--minutes", str(minutes), "--json"]
    words += ["--targets", targets] if targets else []
    command = [sys.executable, "-m", "marserve", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _recompute(archive: Path, samples: list[Path], report: dict) -> int:
    """The number of targets whose top-1 agreement on the samples is not what another script finds."""
    written = [str(archive.parent / each["archive"]) for each in report["results"] if each["ok"]]
    words = [str(archive), *written, "--samples", *map(str, samples)]
    script = Path(__file__).with_name("recompute_agreement.py")
    return subprocess.run([sys.executable, str(script), *words], check=False).returncode


def _table(report: dict) -> list[str]:
    sizes = list(next(each["original"]["rates"] for each in report["results"] if each["ok"]))
    rates = [f"req/s of a core, {size} at once" for size in sizes]
    heads = ["target", "ms of one", *rates, "gain", "memory MiB", "file MiB", "start s"]
    heads += ["top-1", "top-5", "mean diff", "max diff", "equal answers"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    ok = [each for each in report["results"] if each["ok"]]
    lines.append(_row("original (TorchScript)", ok[0]["original"], 1.0, None))
    for each in ok:
        name = f"**{each['target']}**" if each["target"] == report["best"] else each["target"]
        lines.append(_row(name, each["figures"], each["gain"], each["agreement"]))
    left_out = [f"{each['target']} ({each['reason'][:140]})" for each in report["results"] if not each["ok"]]
    return [*lines, "", f"Left out: {'; '.join(left_out)}."]


def _row(name: str, figures: dict, gain: float, found: dict | None) -> str:
    cells = [name, f"{figures['latency']:.2f}", *(f"{rate:.0f}" for rate in figures["rates"].values()), f"{gain:.2f}"]
    cells += [f"{figures[key] / 2**20:.{digits}f}" for key, digits in (("memory", 0), ("size", 2))]
    cells.append(f"{figures['start']:.1f}")
    if found is None:
        return f"| {' | '.join([*cells, *'-----'])} |"
    parts = [f"{found[key]:.2%}" for key in ("top1", "top_k")]
    parts += [f"{found[key]:.2g}" for key in ("mean", "largest")]
    parts.append(f"{found['answers']:.1%}")
    return f"| {' | '.join([*cells, *parts])} |"


if __name__ == "__main__":
    sys.exit(main())
