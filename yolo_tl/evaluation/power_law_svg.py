"""A learning curve as a drawing: what was measured, the law through it, and how far that may be off.

SVG by hand: sharp at any size, a few KB, and readable in the dark, because its colours follow the page or the system.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from yolo_tl.evaluation.power_law import FittedCurve, Floats, MeanScore

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 64, 52
_AHEAD = 2.0  # times the most images, to which the law is drawn
_STEPS = 60  # points of a drawn line
_STYLE = """
  .learning-curve { --ink: #181b21; --soft: #5d6674; --rule: #dfe3e8; --paper: #ffffff; --curve: #0072b2; }
  @media (prefers-color-scheme: dark) {
    .learning-curve { --ink: #e8eaee; --soft: #a2abb8; --rule: #343a44; --paper: #16191e; --curve: #56b4e9; }
  }
  .learning-curve text { font: 12px system-ui, sans-serif; fill: var(--soft); }
  .learning-curve .title { fill: var(--ink); }
  .learning-curve .band { fill: var(--curve); opacity: 0.18; }
  .learning-curve .law { fill: none; stroke: var(--curve); stroke-width: 2; }
  .learning-curve .ahead { stroke-dasharray: 5 4; }
  .learning-curve .rule { stroke: var(--rule); }
  .learning-curve .bar { stroke: var(--ink); stroke-width: 1.5; }
  .learning-curve .point { fill: var(--ink); }
"""


def curve_svg(sizes: Sequence[MeanScore], fit: FittedCurve | None, *, title: str) -> str:
    """The drawing, images on a logarithmic axis; dashed, with its band, where the law goes beyond what was measured."""
    most = sizes[-1].images
    line = np.geomspace(sizes[0].images, most * (_AHEAD if fit else 1), _STEPS)
    band = np.array([_said(fit, n) for n in line.tolist()]) if fit else np.zeros((0, 3))
    bounds = [*band.ravel().tolist(), *(edge for size in sizes for edge in (size.interval.low, size.interval.high))]
    axes = _Axes((float(line[0]), float(line[-1])), (min(bounds), max(bounds)))
    parts = axes.grid([size.images for size in sizes] + ([round(float(line[-1]))] if fit else []))
    if fit:
        known = line <= most * (1 + 1e-9)
        parts.append(
            f'<polygon class="band" points="{axes.path(line, band[:, 1])} {axes.path(line[::-1], band[::-1, 2])}"/>'
        )
        parts.append(f'<polyline class="law" points="{axes.path(line[known], band[known, 0])}"/>')
        rest = max(0, int(known.sum()) - 1)
        parts.append(f'<polyline class="law ahead" points="{axes.path(line[rest:], band[rest:, 0])}"/>')
    for size in sizes:
        x = axes.x(size.images)
        low, high, y = axes.y(size.interval.low), axes.y(size.interval.high), axes.y(size.score)
        parts.append(f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
        runs = "1 run" if size.runs == 1 else f"{size.runs} runs"
        about = f"{size.images} images: {size.score:.3f} [{size.interval.low:.3f}, {size.interval.high:.3f}], {runs}"
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{about}</title></circle>')
    drawn = "\n  ".join(parts)
    label = escape(title, quote=True)
    frame = f'xmlns="http://www.w3.org/2000/svg" class="learning-curve" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f"""<svg {frame} role="img" aria-label="{label}">
<style>{_STYLE}</style>
  <rect width="100%" height="100%" style="fill: var(--paper)"/>
  <text class="title" x="16" y="24">{label}</text>
  {drawn}
  <text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 12}" text-anchor="middle">training images</text>
  <text x="16" y="{_TOP - 16}">mAP50-95</text>
</svg>
"""


def _said(fit: FittedCurve, images: float) -> tuple[float, float, float]:
    value, inside = fit.at(images)
    return value, inside.low, inside.high


class _Axes:
    """From images and scores to px of the drawing."""

    def __init__(self, images: tuple[float, float], scores: tuple[float, float]) -> None:
        self._images = np.log(images)
        low, high = scores
        # The finest round step that leaves at most 6 lines.
        self.step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if high - low <= 5 * step)
        self.low = self.step * np.floor(low / self.step)
        self.high = max(self.step * np.ceil(high / self.step), self.low + self.step)

    def x(self, images: float) -> float:
        """Px from the left."""
        low, high = self._images
        return float(_LEFT + (np.log(images) - low) / max(high - low, 1e-9) * (_WIDTH - _LEFT - _RIGHT))

    def y(self, score: float) -> float:
        """Px from above."""
        return float(_HEIGHT - _BOTTOM - (score - self.low) / (self.high - self.low) * (_HEIGHT - _TOP - _BOTTOM))

    def path(self, images: Floats, scores: Floats) -> str:
        """Points of a line."""
        pairs = zip(images.tolist(), scores.tolist(), strict=True)
        return " ".join(f"{self.x(n):.1f},{self.y(score):.1f}" for n, score in pairs)

    def grid(self, images: Sequence[int]) -> list[str]:
        """A line and number for each round score, and a number for each size."""
        parts = []
        for k in range(round((self.high - self.low) / self.step) + 1):
            score = self.low + k * self.step
            y = self.y(score)
            parts.append(f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{score:.2f}</text>')
        bottom = _HEIGHT - _BOTTOM + 18
        parts += [f'<text x="{self.x(n):.1f}" y="{bottom}" text-anchor="middle">{n}</text>' for n in images]
        return parts
