"""Curves as SVG: a few lines over a logarithmic axis, drawn by hand so that nothing has to be installed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 40, 40, 50
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df")

Points = Sequence[tuple[float, float]]


def curves(title: str, x_title: str, y_title: str, lines: Mapping[str, Points], limit: float | None = None) -> str:
    """An SVG document. The x axis is logarithmic and has a tick at every point; y begins at zero. `limit`: a figure that the
    curves are held against, as a dashed line."""
    xs = sorted({x for points in lines.values() for x, _ in points})
    top = _ceiling(max([y for points in lines.values() for _, y in points] + [limit or 0]))
    low, high = log10(xs[0]), log10(xs[-1])

    def across(x: float) -> float:
        return LEFT + (log10(x) - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>',
    ]
    for part in range(5):
        y = top * part / 4
        drawn.append(f'<path d="M{LEFT} {up(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in xs:
        drawn.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:,.0f}</text>')
    if limit is not None:
        drawn.append(f'<path d="M{LEFT} {up(limit):.1f}H{WIDTH - RIGHT}" stroke="#666" stroke-dasharray="5 4"/>')
    for i, (name, points) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        drawn.append(
            f'<text x="{WIDTH - RIGHT}" y="{TOP + 14 * i}" text-anchor="end" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*drawn, "</svg>", ""])


def _ceiling(highest: float) -> float:
    """The next round figure that four steps divide well."""
    scale = 10 ** (len(str(int(highest))) - 1) if highest >= 1 else 0.1
    return next(step * scale for step in (1, 2, 4, 8, 12, 16, 20) if step * scale >= highest)
