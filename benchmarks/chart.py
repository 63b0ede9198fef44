"""Cold starts as bars: an SVG of plain text, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, LABELS, BARS = 760, 180, 440
ROW, BAR, GAP = 24, 16, 40
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .peer { fill: #8c959f }
  .ours { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .peer { fill: #6e7681 }
    .ours { fill: #3fb950 }
  }
"""


def chart(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Return an SVG of figures by group and by whose they are, ours first; each group has a scale of its own."""
    drawn, y = [], 8
    for name, figures in groups.items():
        drawn.append(_text(0, y + 16, name, "title"))
        y += 28
        scale = BARS / max(figures.values())
        for row, (whose, figure) in enumerate(figures.items()):
            width, kind = figure * scale, "peer" if row else "ours"
            drawn.append(_text(12, y + 13, whose))
            drawn.append(f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>')
            drawn.append(_text(LABELS + width + 8, y + 13, f"{figure:,.0f} {unit}"))
            y += ROW
        y += GAP - ROW
    label = escape(title, {'"': "&quot;"})
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{label}">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *drawn, "</svg>", ""])


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y}">{escape(said)}</text>'
