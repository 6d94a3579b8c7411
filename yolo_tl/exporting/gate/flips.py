"""The third level: images on which a line would see something else.

An image flips where the number of objects of a class, above its threshold, differs; to classify, where the most
probable class does. What rounding alone decides is counted apart: each of the two would come to
the number of the other with thresholds that lie at most `ROUNDING` higher or lower.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.data.groups import groups_of
from yolo_tl.evaluation.wilson import wilson

ROUNDING = 0.001
"""By how much 32-bit engines may differ in a score; 2e-4 was measured between torch and ONNX Runtime."""

REACH, _BINS = 0.1, 20
"""Scores within this of their threshold are in the histogram of margins."""


@dataclass(frozen=True)
class Flip:
    """An image on which the two come to something else.

    Attributes:
        image: the file.
        a: class name → objects, or the most probable class → 1, as the first says; only where the two differ.
        b: as the second says.
        found_a: detections of the first; None to classify.
        found_b: of the second.
    """

    image: Path
    a: dict[str, int]
    b: dict[str, int]
    found_a: Detections | None = field(default=None, repr=False, compare=False)
    found_b: Detections | None = field(default=None, repr=False, compare=False)

    @property
    def changed(self) -> int:
        """By how many objects the counts differ, over all classes."""
        return sum(abs(self.a.get(name, 0) - self.b.get(name, 0)) for name in self.a.keys() | self.b.keys())

    def to_json(self) -> dict[str, Any]:
        """The name of the image and the counts."""
        return {"image": self.image.name, "a": self.a, "b": self.b}


@dataclass(frozen=True)
class Share:
    """How many of the images or units flip, and how far their share may be from that of others like them.

    Attributes:
        flipped: how many.
        units: among so many.
        low: lower end of Wilson's 95 % interval of the share.
        high: its upper end.
    """

    flipped: int
    units: int
    low: float
    high: float

    @classmethod
    def of(cls, flipped: int, units: int) -> Share:
        """With its interval."""
        return cls(flipped, units, *wilson(flipped, units))

    @property
    def rate(self) -> float:
        """The observed share."""
        return self.flipped / self.units


@dataclass(frozen=True)
class Margins:
    """How many scores of each model lie how far from the threshold of their class.

    Attributes:
        edges: (n + 1,) of the bins: score minus threshold.
        a: (n,) of the first.
        b: (n,) of the second.
    """

    edges: tuple[float, ...]
    a: tuple[int, ...]
    b: tuple[int, ...]

    @classmethod
    def of(cls, a: Sequence[float], b: Sequence[float]) -> Margins:
        """The histogram of margins, those outside of it left out."""
        edges = np.linspace(-REACH, REACH, _BINS + 1)
        first, second = (np.histogram(np.asarray(values, np.float64), edges)[0] for values in (a, b))
        return cls(tuple(edges.round(6).tolist()), tuple(first.tolist()), tuple(second.tolist()))


@dataclass(frozen=True)
class Rule:
    """Which units a line rejects: those in which anything of the inspected classes is found.

    Attributes:
        classes: names of the inspected classes.
        parts: the part that each image shows; an image of none is a unit of its own. Empty: every image is.
    """

    classes: tuple[str, ...]
    parts: Mapping[Path, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, contract: Mapping[str, Any], classes: Iterable[str], images: Sequence[Path], root: Path) -> Rule:
        """The rule of a qualification.

        Args:
            contract: of the qualification, as JSON.
            classes: names of the inspected classes: those it has a threshold for.
            images: the images it is applied to.
            root: the folder that names of parts start from.
        """
        if contract.get("unit") != "part":
            return cls(tuple(classes))
        labels = groups_of([Path(os.path.relpath(image, root)).as_posix() for image in images], str(contract["parts"]))
        return cls(tuple(classes), dict(zip(images, labels, strict=True)))

    def unit(self, image: Path) -> str:
        """The unit that an image belongs to."""
        return self.parts.get(image) or str(image)


@dataclass(frozen=True, eq=False)
class Counts:
    """(classes,) objects above the thresholds, and above thresholds that lie `ROUNDING` higher and lower."""

    at: NDArray[np.int64]
    fewest: NDArray[np.int64]
    most: NDArray[np.int64]

    @classmethod
    def of(cls, found: Detections, lower: Detections, limits: NDArray[np.float64]) -> Counts:
        """Of one image.

        Args:
            found: at the operating point.
            lower: at thresholds that are `ROUNDING` lower.
            limits: (classes,) the thresholds.
        """
        sure = found[found.confidence > limits[found.class_id] + ROUNDING]
        at, fewest, most = (np.bincount(one.class_id, minlength=len(limits)) for one in (found, sure, lower))
        return cls(at, fewest, most)


def differs(a: Counts, b: Counts) -> tuple[bool, bool]:
    """Whether the counts of any class differ, and whether they do so by more than rounding can do."""
    apart = a.at != b.at
    explained = (b.fewest <= a.at) & (a.at <= b.most) & (a.fewest <= b.at) & (b.at <= a.most)
    return bool(apart.any()), bool((apart & ~explained).any())


def rejects(a: Counts, which: NDArray[np.intp]) -> tuple[bool, bool, bool]:
    """Whether anything of some classes is found: at the thresholds, at higher and at lower ones."""
    return bool(a.at[which].any()), bool(a.fewest[which].any()), bool(a.most[which].any())


def top(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[bool, bool]:
    """The same as `differs` of probabilities (classes,): whether the most probable class differs, and surely."""
    first, second = int(a.argmax()), int(b.argmax())
    close = all(abs(float(one[first] - one[second])) <= 2 * ROUNDING for one in (a, b))
    return first != second, first != second and not close
