"""Charts as SVG files of their own: lines over a logarithmic or even axis, and groups of bars."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 70, 200, 46, 54
COLOURS = ("#2f7d5b", "#b5651d", "#3f6fb5", "#8e4b8e", "#7f8c8d", "#c0a020", "#333333")
Series = Mapping[str, Sequence[tuple[float, float]]]
"""Lines by name, each of points (x, y)."""


def lines(title: str, across: str, up: str, series: Series) -> str:
    """Lines with marks; both axes are logarithmic, since rates and latencies span decades."""
    points = [point for line in series.values() for point in line if min(point) > 0]
    xs, ys = _decades([x for x, _ in points]), _decades([y for _, y in points])
    parts = [_axes(title, across, up), *_grid(xs, ys)]
    for number, (name, line) in enumerate(series.items()):
        places = [(_place(x, xs, LEFT, WIDTH - RIGHT), _place(y, ys, HEIGHT - BOTTOM, TOP)) for x, y in line if y > 0]
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(_key(number, name))
    return _svg(parts)


def bars(title: str, up: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """A group of bars for each name, the same bars in each; the axis is logarithmic, a bar has its number as title."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    ys = _decades([value for group in groups.values() for value in group.values() if value > 0])
    parts = [_axes(title, "", up), *_grid(None, ys)]
    step = (WIDTH - RIGHT - LEFT) / max(1, len(groups))
    wide = step * 0.86 / max(1, len(names))
    for place, (label, group) in enumerate(groups.items()):
        left = LEFT + step * (place + 0.07)
        parts.append(_text(LEFT + step * (place + 0.5), HEIGHT - BOTTOM + 18, label, "middle"))
        for number, name in enumerate(names):
            if group.get(name, 0) > 0:
                top, x = _place(group[name], ys, HEIGHT - BOTTOM, TOP), left + wide * number
                parts.append(
                    f'<rect x="{x:.1f}" y="{top:.1f}" width="{wide * 0.92:.1f}" height="{HEIGHT - BOTTOM - top:.1f}"'
                    f' fill="{COLOURS[number % len(COLOURS)]}"><title>{escape(name)}: {group[name]:g}</title></rect>'
                )
    return _svg([*parts, *(_key(number, name) for number, name in enumerate(names))])


def _svg(parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="12" fill="#222"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around the values."""
    if not values:
        return 0, 1
    least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return least, max(most, least + 1)


def _place(value: float, decades: tuple[float, float], start: float, end: float) -> float:
    least, most = decades
    return start + (end - start) * (math.log10(value) - least) / (most - least)


def _grid(xs: tuple[float, float] | None, ys: tuple[float, float]) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for power in range(int(ys[0]), int(ys[1]) + 1):
        y = _place(10.0**power, ys, bottom, TOP)
        parts += [_line(LEFT, y, right, y), _text(LEFT - 8, y + 4, f"{10.0**power:g}", "end")]
    for power in range(int(xs[0]), int(xs[1]) + 1) if xs else ():
        x = _place(10.0**power, xs, LEFT, right)
        parts += [_line(x, bottom, x, TOP), _text(x, bottom + 18, f"{10.0**power:g}", "middle")]
    return parts


def _axes(title: str, across: str, up: str) -> str:
    return (
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>'
        + _text(LEFT, 38, up, "start")
        + _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, across, "middle")
    )


def _key(number: int, name: str) -> str:
    y = TOP + 12 + 20 * number
    colour = COLOURS[number % len(COLOURS)]
    return f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 9}" width="10" height="10" fill="{colour}"/>' + _text(
        WIDTH - RIGHT + 30, y, name, "start"
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#555">{escape(text)}</text>'
