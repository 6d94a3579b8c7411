"""A small plot of shares against shares as SVG that takes its colours from the page and its width from its place."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

LEFT, TOP, WIDTH, HEIGHT = 38, 8, 300, 200  # of the field, in units of the drawing
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def unit_plot(content: str, *, x: str, y: str, said: str, name: str = "") -> str:
    """Axes from 0 to 1 around `content`.

    Args:
        content: markup in shares: x to the right, y up, lines as wide as they look.
        x: name of the axis to the right; text.
        y: name of the axis upwards; text.
        said: what the plot shows, for those who do not see it; text.
        name: an id.
    """
    bottom, right = TOP + HEIGHT, LEFT + WIDTH
    grid = "".join(f"M{LEFT} {bottom - HEIGHT * tick:g}H{right}" for tick in _TICKS)
    ticks = "".join(
        f'<text x="{LEFT - 6}" y="{bottom - HEIGHT * tick + 4:g}" text-anchor="end">{tick:g}</text>'
        f'<text x="{LEFT + WIDTH * tick:g}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>'
        for tick in _TICKS
    )
    labels = (
        f'<text x="{right}" y="{bottom + 32}" text-anchor="end">{escape(x)}</text>'
        f'<text x="{LEFT}" y="{bottom + 32}" class="up">↑ {escape(y)}</text>'
    )
    identity = f' id="{name}"' if name else ""
    return (
        f'<svg class="plot"{identity} viewBox="0 0 {right + 12} {bottom + 38}" role="img" aria-label="{escape(said)}">'
        f'<path class="grid" d="{grid}"/>{ticks}{labels}'
        f'<g transform="translate({LEFT} {bottom}) scale({WIDTH} {-HEIGHT})">{content}</g></svg>'
    )


def line(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """The ``d`` of a path through points; it is interrupted where one is NaN.

    >>> line(np.array([0, 0.5, 1]), np.array([0, np.nan, 0.25]))
    'M0 0M1 .25'
    """
    known = np.isfinite(x) & np.isfinite(y)
    parts, pen = [], "M"
    for here, a, b in zip(known.tolist(), x.tolist(), y.tolist(), strict=True):
        if here:
            parts.append(f"{pen}{_short(a)} {_short(b)}")
        pen = "L" if here else "M"
    return "".join(parts)


def _short(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return text[1:] if text.startswith("0.") else text
