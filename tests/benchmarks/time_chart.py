"""Charts of values over time as SVG: panels one above the other with one even axis of time."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from tests.benchmarks.plot import COLOURS

WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 860, 120, 70, 190, 34, 40, 26


class Line(NamedTuple):
    """A named line of points (seconds, value)."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """A value with its unit, and its lines; the axis begins at 0."""

    title: str
    lines: Sequence[Line]


def panels(title: str, unit_seconds: float, unit: str, shown: Sequence[Panel]) -> str:
    """A chart whose times are shown in a unit of so many seconds."""
    height = TOP + BOTTOM + len(shown) * (PANEL_HEIGHT + GAP)
    end = max(at for panel in shown for line in panel.lines for at, _ in line.points)
    parts = [f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>']
    for number, panel in enumerate(shown):
        parts += _panel(panel, TOP + GAP + number * (PANEL_HEIGHT + GAP), end)
    for step in range(7):
        x, at = LEFT + (WIDTH - LEFT - RIGHT) * step / 6, end * step / 6 / unit_seconds
        parts.append(_text(x, height - 20, f"{at:.3g}", "middle"))
    parts.append(_text(WIDTH - RIGHT + 14, height - 20, unit, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        f' font-size="12" fill="#222"><rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _panel(panel: Panel, top: float, end: float) -> list[str]:
    highest = max(value for line in panel.lines for _, value in line.points) or 1.0
    bottom, right = top + PANEL_HEIGHT, WIDTH - RIGHT
    parts = [
        _text(LEFT, top - 6, panel.title, "start"),
        f'<rect x="{LEFT}" y="{top}" width="{right - LEFT}" height="{PANEL_HEIGHT}" fill="none" stroke="#ddd"/>',
        _text(LEFT - 8, top + 10, f"{highest:.3g}", "end"),
        _text(LEFT - 8, bottom, "0", "end"),
    ]
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        places = (
            f"{LEFT + (right - LEFT) * at / end:.1f},{bottom - PANEL_HEIGHT * value / highest:.1f}"
            for at, value in line.points
        )
        parts.append(f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<rect x="{right + 14}" y="{top + 4 + 18 * number}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(right + 30, top + 13 + 18 * number, line.name, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#555">{escape(text)}</text>'
