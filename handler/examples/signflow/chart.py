"""Bars in an HTML page without scripts, fonts or anything else from elsewhere."""

from collections.abc import Sequence
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 54rem; padding: 0 1rem; color: #222; }}
h2 {{ font-size: 1rem; margin: 1.5rem 0 .3rem; }} p {{ color: #666; }} svg {{ width: 100%; }}</style>
<h1>{title}</h1><p>{note}</p>{charts}
</html>
"""
_WIDTH, _LABEL, _ROW = 800, 330, 30
_COLOURS = ("#2f7d5b", "#7fb59b", "#b5651d", "#d8b08c", "#7f8c8d")


def page(title: str, note: str, charts: Sequence[str]) -> str:
    """A page with charts under each other."""
    return _PAGE.format(title=escape(title), note=escape(note), charts="".join(charts))


def bars(heading: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """A chart of (label, length, text behind the bar); the longest bar fills the width."""
    longest = max((length for _, length, _ in rows), default=0) or 1
    drawn = "".join(_bar(number, row, longest) for number, row in enumerate(rows))
    box = f'viewBox="0 0 {_WIDTH} {_ROW * len(rows)}" role="img" aria-label="{escape(heading)}"'
    return f"<h2>{escape(heading)}</h2><svg {box}>{drawn}</svg>"


def _bar(number: int, row: tuple[str, float, str], longest: float) -> str:
    label, length, text = row
    width = (_WIDTH - _LABEL - 150) * length / longest
    top = _ROW * number
    return (
        f'<text x="{_LABEL - 8}" y="{top + 19}" text-anchor="end" font-size="13">{escape(label)}</text>'
        f'<rect x="{_LABEL}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="3"'
        f' fill="{_COLOURS[number % len(_COLOURS)]}"/>'
        f'<text x="{_LABEL + width + 8:.1f}" y="{top + 19}" font-size="13">{escape(text)}</text>'
    )
