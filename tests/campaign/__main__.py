"""Attacks a whole server for some minutes, and prints figures: `python -m tests.campaign --minutes 20`.

The status is 0 if no answer was wrong, none was lost, nothing leaked and no case failed. Cases that fail are shrunk and
kept in tests/campaign/seeds; every later campaign, the short one of the test suite among them, begins with those.
"""

import argparse
import json
import sys
import time

from tests.campaign.phases import PHASES, Figures


def run(seconds: float, seed: int, names: list[str]) -> list[Figures]:
    """The figures of each phase."""
    total = sum(part for name, (_, part) in PHASES.items() if name in names)
    figures = []
    for name in names:
        phase, part = PHASES[name]
        figures.append(phase(seconds * part / total, seed, lambda text: print(text, flush=True)))
        print(line_of(figures[-1]), flush=True)
    return figures


def line_of(figures: Figures) -> str:
    """The figures of a phase, in one line, and its faults."""
    cases = ", ".join(f"{count} {name}" for name, count in sorted(figures.cases.items()))
    requests = ", ".join(f"{figures.requests[name]} {name}" for name in ("right", "refused", "lost", "wrong"))
    parts = [
        f"{figures.phase}: {figures.seconds:.0f} s",
        requests,
        cases,
        f"{figures.events} events" * bool(figures.events),
    ]
    grown = ", ".join(f"{name} {value:+g}" for name, value in figures.grown.items())
    return "; ".join(filter(None, [*parts, grown])) + "".join(f"\n    {fault}" for fault in figures.faults)


def main() -> int:
    """Run a campaign; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--json", help="a file for the figures")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    figures = run(arguments.minutes * 60, arguments.seed, arguments.phases)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump([vars(each) for each in figures], file, indent=2)
    return int(any(each.faults or each.requests["wrong"] or each.requests["lost"] for each in figures))


if __name__ == "__main__":
    sys.exit(main())
