"""Whether confidence means what it says, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.calibration import Calibration, bin_sums, calibration
from yolo_tl.evaluation.intervals import Interval
from yolo_tl.reporting.markup import number, section, span, table
from yolo_tl.reporting.plot import unit_plot


def calibration_plot(results: Sequence[ImageResult], drawn: Resampling | None) -> str:
    """The section: precision against confidence in bins.

    Args:
        results: one entry for each image.
        drawn: resamples of the images, for intervals.
    """
    found = calibration(results, drawn)
    if not found.count:
        return ""
    marks, rows = "", []
    for one, limit in zip(found.bins, _intervals(results, drawn, found), strict=True):
        if one.confidence is not None and one.precision is not None:
            if limit is not None:
                marks += f'<path class="whisker" d="M{one.confidence:.4f} {limit.low:.4f}V{limit.high:.4f}"/>'
            marks += f'<path class="here" d="M{one.confidence:.4f} {one.precision:.4f}h0"/>'
        interval = "–" if limit is None else f"{limit.low:.3f} to {limit.high:.3f}"
        cells = f"{one.count:,}", number(one.confidence), number(one.precision), interval
        rows.append((f"{one.low:.1f} to {one.high:.1f}", *cells))
    plot = unit_plot(
        f'<path class="ideal" d="M0 0L1 1"/>{marks}',
        x="confidence",
        y="precision",
        said="Precision of the detections in each bin of confidence; on the diagonal both are the same",
    )
    about = (
        f"Of detections with confidence 0.7, 70 % should be right: the diagonal. {_sure(found)} Mean distance of the "
        f"bins {number(found.ece)} (ECE{_span(found.interval)}), largest {number(found.mce)}; above confidence "
        f"{found.floor:g}, at IoU 0.5."
    )
    head = ("confidence", "detections", "mean", "precision", "95 % interval")
    content = f'<div class="beside"><figure>{plot}</figure>{table(head, rows, kind="numbers even")}</div>'
    return section("What confidence means", content, about=about)


def _sure(found: Calibration) -> str:
    """Whether the model is too sure of itself, as far as that can be told."""
    gap, interval = found.gap, found.gap_interval
    if gap is None:
        return ""
    clear = interval is not None and (interval.low > 0 or interval.high < 0)
    words = "not clearly off" if not clear else "too sure of itself" if gap > 0 else "surer than it says"
    return f"The model is {words}: confidence less precision {gap:+.3f}{_span(interval, '+')}."


def _span(interval: Interval | None, sign: str = "") -> str:
    return span(None if interval is None else [interval.low, interval.high], sign)


def _intervals(results: Sequence[ImageResult], drawn: Resampling | None, found: Calibration) -> list[Interval | None]:
    """Of the precision in each bin."""
    if drawn is None:
        return [None] * len(found.bins)
    sums = bin_sums(results, floor=found.floor)[:, -len(found.bins) :]
    with np.errstate(invalid="ignore"):
        shares = (drawn.weights @ sums[..., 2]) / (drawn.weights @ sums[..., 0])
    return [drawn.interval(share, counts > 0) for share, counts in zip(shares.T, sums[..., 0].T, strict=True)]
