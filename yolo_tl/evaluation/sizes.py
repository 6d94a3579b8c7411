"""Average precision by the size of the object, as COCO defines it.

Sizes are areas of boxes in px² of the original image. A truth outside the band is ignored, and so is a
detection that claims it; a detection that claims nothing is ignored where its own area is outside the band.
(Lin et al. 2014, arXiv:1405.0312, and pycocotools.) A band has its lower end and not its upper end, so that
every object is in one band; pycocotools counts an object of exactly 1024 px² as small and as medium.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import area
from yolo_tl.evaluation.assignment import assign
from yolo_tl.evaluation.bootstrap import Resampling, scores
from yolo_tl.evaluation.intervals import Interval
from yolo_tl.evaluation.ranking import Ranking, ranked, require_classes
from yolo_tl.evaluation.records import ImageResult


@dataclass(frozen=True)
class Band:
    """A range of areas in px² of the original image: `low` ≤ area < `high`."""

    name: str
    low: float
    high: float

    def holds(self, areas: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the areas are inside."""
        return (areas >= self.low) & (areas < self.high)

    def to_json(self) -> dict[str, str | float | None]:
        """Plain values; ``high`` is None where there is no upper end."""
        return {"name": self.name, "low": self.low, "high": self.high if np.isfinite(self.high) else None}


@dataclass(frozen=True)
class SizeMetrics:
    """The scores of the objects of one band of sizes, by COCO's rule; None where no image shows one.

    Attributes:
        band: which sizes.
        images: images that show one.
        instances: objects.
        map50_95: mean average precision over IoU 0.5 to 0.95.
        map50: at IoU 0.5.
        interval: of `map50_95`; None without resamples, or where one image shows them all.
    """

    band: Band
    images: int
    instances: int
    map50_95: float | None
    map50: float | None
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``ci95`` is the interval of ``map50_95``."""
        return {
            **self.band.to_json(),
            "images": self.images,
            "instances": self.instances,
            "map50_95": self.map50_95,
            "map50": self.map50,
            "ci95": None if self.interval is None else [self.interval.low, self.interval.high],
        }


ALL = Band("all", 0.0, float("inf"))
COCO_BANDS = (Band("small", 0.0, 32.0**2), Band("medium", 32.0**2, 96.0**2), Band("large", 96.0**2, float("inf")))


def terciles(results: Sequence[ImageResult]) -> tuple[Band, Band, Band]:
    """Three bands that hold a third of the truths each, or as near as equal areas allow.

    Where nothing is true, the ends are at 0.
    """
    areas = np.concatenate([np.zeros(0), *(truth_areas(result) for result in results)])
    low, high = np.quantile(areas, [1 / 3, 2 / 3]).tolist() if len(areas) else (0.0, 0.0)
    return Band("lower third", 0.0, low), Band("middle third", low, high), Band("upper third", high, float("inf"))


def rank_band(results: Sequence[ImageResult], names: Sequence[str], band: Band) -> tuple[Ranking, ...]:
    """The rankings of the objects of one band of sizes, for each class that has one; by COCO's rule.

    Usable wherever those of `ranking.rank` are.

    Raises:
        DataError: a class index is outside `names`.
    """
    require_classes(results, names)
    hits, ignored, counted = [], [], []
    for result in results:
        inside = band.holds(truth_areas(result))
        claims = assign(result, second=~inside)
        matched = claims >= 0
        on_inside = matched & np.append(inside, False)[claims]
        apart = ~band.holds(original_areas(result, result.detections.xyxy))
        hits.append(on_inside)
        ignored.append(np.where(matched, ~on_inside, apart[:, None]))
        counted.append(inside)
    return ranked(results, names, hits, ignored=ignored, counted=counted, rule="coco")


def by_size(
    results: Sequence[ImageResult], names: Sequence[str], bands: Sequence[Band], drawn: Resampling | None = None
) -> tuple[SizeMetrics, ...]:
    """The scores of the objects of each band of sizes.

    Args:
        results: one entry for each image.
        names: class names.
        bands: such as `COCO_BANDS`, `terciles`, or `ALL` for COCO's AP and AP50.
        drawn: resamples of the images, for intervals.

    Raises:
        DataError: a class index is outside `names`.
    """
    return tuple(_size(results, names, band, drawn) for band in bands)


def _size(results: Sequence[ImageResult], names: Sequence[str], band: Band, drawn: Resampling | None) -> SizeMetrics:
    rankings = rank_band(results, names, band)
    truths = np.sum([ranking.truths for ranking in rankings], axis=0) if rankings else np.zeros(len(results), int)
    images, instances = int((truths > 0).sum()), int(truths.sum())
    if not instances:
        return SizeMetrics(band, images, instances, None, None, None)
    weights = np.ones((1, len(results)), np.int32) if drawn is None else drawn.weights
    map50_95, map50 = scores(rankings, weights)[:2]
    interval = None if drawn is None else drawn.interval(map50_95, truths > 0)
    return SizeMetrics(band, images, instances, float(map50_95[0]), float(map50[0]), interval)


def truth_areas(result: ImageResult) -> NDArray[np.float64]:
    """Areas (M,) of the truths in px² of the original image."""
    return original_areas(result, result.truth_xyxy)


def original_areas(result: ImageResult, xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Areas (N,) in px² of the original image, of boxes of the frame of `result`.

    Rounded to a tenth: an object of 32 x 32 px, scaled and back in float32, still has 1024 px².
    """
    sizes: NDArray[np.float64] = np.round(area(xyxy.astype(np.float64)) / result.ratio**2, 1)
    return sizes
