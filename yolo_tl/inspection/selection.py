"""Which of the objects in a picture a rule counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.inspection.decision import Reason
from yolo_tl.inspection.polygon import Outline, covered
from yolo_tl.inspection.rules import Region, Rule, Rules

Chosen = NDArray[np.bool_]


class Regions:
    """Regions in px of pictures of one size.

    Args:
        rules: whose regions.
        size: height and width of the pictures.

    Attributes:
        outside: regions that reach beyond the picture: they were drawn on pictures of another size.
    """

    def __init__(self, rules: Rules, size: tuple[int, int]) -> None:
        self.size = size
        self._corners = {region.name: region.placed(size) for region in rules.regions}
        self._outlines = {name: Outline(corners) for name, corners in self._corners.items()}
        self._regions = {region.name: region for region in rules.regions}
        self._ignored = [region.name for region in rules.regions if region.ignore]
        height, width = size
        self.outside = [
            Reason("outside", f"region {name} reaches beyond the picture of {width} x {height} px")
            for name, corners in self._corners.items()
            if any(x > width or y > height for x, y in corners)
        ]

    def ignored(self, found: Detections) -> Chosen:
        """(N,) objects that count for no rule."""
        return self.within(found, self._ignored)

    def within(self, found: Detections, names: Sequence[str]) -> Chosen:
        """(N,) objects in any of the regions `names`."""
        chosen = np.zeros(len(found), np.bool_)
        for name in names:
            chosen |= self._within(found, self._regions[name])
        return chosen

    def _within(self, found: Detections, region: Region) -> Chosen:
        boxes = found.xyxy.astype(np.float64)
        inside = self._outlines[region.name].contains((boxes[:, :2] + boxes[:, 2:]) / 2)
        if region.by == "overlap":
            corners = self._corners[region.name]
            areas = np.abs((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
            for i, box in enumerate(found.corners.tolist()):
                if areas[i] > 0:  # a box without area has no share, and is in by its centre
                    inside[i] = covered(corners, [(x, y) for x, y in box]) >= region.min_overlap
        return inside


class Selection:
    """What a rule counts.

    Args:
        rule: the rule.
        names: the model's class names.
    """

    def __init__(self, rule: Rule, names: Sequence[str]) -> None:
        self.rule = rule
        self._classes = np.array([not rule.classes or name in rule.classes for name in names])

    def of_class(self, class_id: int) -> bool:
        """Whether objects of a class are counted."""
        return bool(self._classes[class_id])

    def choose(self, found: Detections, regions: Regions, ignored: Chosen) -> Chosen:
        """(N,) objects that are counted.

        Args:
            found: all objects.
            regions: of the picture.
            ignored: (N,) those that count for no rule.
        """
        rule = self.rule
        chosen: Chosen = self._classes[found.class_id] & ~ignored
        if rule.min_score is not None:
            chosen &= found.confidence.astype(np.float64) >= rule.min_score
        if rule.min_size is not None or rule.max_size is not None:
            chosen &= self._of_size(found, regions.size)
        if rule.regions and chosen.any():
            chosen &= regions.within(found, rule.regions)
        return chosen

    def _of_size(self, found: Detections, picture: tuple[int, int]) -> Chosen:
        boxes = found.xyxy.astype(np.float64)
        sides, whole = np.abs(boxes[:, 2:] - boxes[:, :2]), np.array(picture, np.float64)
        kind = self.rule.size
        sizes = _size(sides, kind)
        if self.rule.unit == "share":
            sizes = sizes / _size(whole[None], kind)
        low, high = self.rule.min_size, self.rule.max_size
        chosen: Chosen = sizes >= (0 if low is None else low)
        return chosen if high is None else chosen & (sizes <= high)


def _size(sides: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Sizes (N,) of sides (N, 2)."""
    low, high = sides.min(axis=1), sides.max(axis=1)
    sizes: NDArray[np.float64] = {"shorter": low, "longer": high, "area": low * high}[kind]
    return sizes
