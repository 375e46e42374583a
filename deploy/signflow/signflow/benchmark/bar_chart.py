"""Horizontal bars in an SVG file without scripts, fonts or other external resources."""

from collections.abc import Sequence
from html import escape

Row = tuple[str, float, str]
"""A label, a length and the text after the bar."""

_WIDTH, _LABEL, _ROW, _HEADING = 800, 330, 30, 44
_COLOURS = {"marserve": "#2f7d5b", "TorchServe": "#b5651d", "no server": "#7f8c8d"}
_OTHER = "#7fb59b"


def render_charts(title: str, subtitle: str, charts: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """An SVG file of charts, each with its heading; the longest bar of each fills the width."""
    drawn, top = [], 64
    for heading, rows in charts:
        drawn.append(_text(16, top + 28, heading, 'font-size="15" font-weight="600"'))
        longest = max((length for _, length, _ in rows), default=0) or 1
        drawn += [_bar(top + _HEADING + _ROW * number, row, longest) for number, row in enumerate(rows)]
        top += _HEADING + _ROW * len(rows) + 8
    box = f'viewBox="0 0 {_WIDTH} {top + 12}" width="{_WIDTH}" height="{top + 12}"'
    head = _text(16, 32, title, 'font-size="20" font-weight="700"') + _text(
        16, 54, subtitle, 'font-size="12" fill="#666"'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(title)}"'
        f' font-family="system-ui, sans-serif" fill="#222">'
        f'<rect width="100%" height="100%" fill="#fff"/>{head}{"".join(drawn)}</svg>\n'
    )


def _bar(top: int, row: Row, longest: float) -> str:
    label, length, text = row
    width = (_WIDTH - _LABEL - 110) * length / longest
    colour = next((colour for name, colour in _COLOURS.items() if name in label), _OTHER)
    return (
        _text(_LABEL - 8, top + 19, label, 'text-anchor="end" font-size="13"')
        + f'<rect x="{_LABEL}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="3"'
        f' fill="{colour}"/>' + _text(_LABEL + width + 8, top + 19, text, 'font-size="13"')
    )


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" {style}>{escape(text)}</text>'
