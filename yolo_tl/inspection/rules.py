"""What an inspection asks of a picture: the one schema of ``configs/rules/*.yaml``."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from yolo_tl.config import option, to_mapping
from yolo_tl.errors import ConfigError, did_you_mean
from yolo_tl.inspection.polygon import crosses_itself, signed_area


@dataclass(frozen=True)
class Region:
    """A part of the picture that rules look at, or that none looks at."""

    name: str = option("", "what rules call it")
    polygon: tuple[tuple[float, ...], ...] = option((), "corners [x, y] in order, from the upper left of the picture")
    unit: Literal["px", "share"] = option("px", "of the corners: px, or shares of the width and height of the picture")
    ignore: bool = option(False, "objects in it count for no rule")
    by: Literal["centre", "overlap"] = option("centre", "an object is in it: with its centre, or with much of its box")
    min_overlap: float = option(0.5, "share of an object's box that lies in it, by overlap")

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("regions: expected a name for every region", hint="such as `- name: belt`")
        key = f"polygon of region {self.name}"
        points = _without_repeats(self.polygon)
        if len(points) < 3 or not all(len(point) == 2 and all(map(math.isfinite, point)) for point in points):
            raise ConfigError(f"{key}: expected at least three corners [x, y], found {to_mapping(self.polygon)}")
        if any(value < 0 or (self.unit == "share" and value > 1) for point in points for value in point):
            within = "shares from 0 to 1" if self.unit == "share" else "px from 0 on"
            raise ConfigError(f"{key}: expected {within}, found {to_mapping(self.polygon)}", hint="or set unit: px")
        if crosses_itself(self.corners) or signed_area(self.corners) == 0:
            raise ConfigError(f"{key}: expected an outline that does not cross or touch itself")
        if not 0 < self.min_overlap <= 1:
            raise ConfigError(
                f"min_overlap of region {self.name}: expected above 0, at most 1, found {self.min_overlap}"
            )

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The corners, each once: the first may be repeated at the end."""
        return tuple((point[0], point[1]) for point in _without_repeats(self.polygon))

    def placed(self, size: tuple[int, int]) -> tuple[tuple[float, float], ...]:
        """The corners in px of a picture of `size`, height and width."""
        if self.unit == "px":
            return self.corners
        return tuple((x * size[1], y * size[0]) for x, y in self.corners)


@dataclass(frozen=True)
class Rule:
    """How many objects of some kind there may be. Of a model that classifies, the picture itself is the one object."""

    name: str = option("", "what it is called in reasons and counts")
    classes: tuple[str, ...] = option((), "classes it counts; default: all")
    regions: tuple[str, ...] = option((), "objects in any of these regions; default: anywhere outside ignored ones")
    min_score: float | None = option(None, "least score; default: the model's thresholds, which it may not go below")
    min_size: float | None = option(None, "a smaller object is not counted")
    max_size: float | None = option(None, "a larger object is not counted")
    size: Literal["shorter", "longer", "area"] = option("shorter", "what size is: a side of the box, or its area")
    unit: Literal["px", "share"] = option("px", "of the sizes: px (px² of areas), or a share of the picture's own")
    min: int | None = option(None, "fewer objects break the rule")
    max: int | None = option(None, "more objects break the rule")
    exactly: int | None = option(None, "another number of objects breaks the rule")
    k_of_n: tuple[int, ...] = option((1, 1), "[k, n]: FAIL where it is broken in at least k of the last n frames")
    once_per_track: bool = option(
        False, "with max: 0, an object is reported once, when it was seen k times in n frames"
    )

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("rules: expected a name for every rule", hint="such as `- name: no-scratches`")
        of = f" of rule {self.name}"
        limits = {"min": self.min, "max": self.max, "exactly": self.exactly}
        given = [key for key, value in limits.items() if value is not None]
        if not given or (self.exactly is not None and len(given) > 1):
            found = " and ".join(given) or "none of them"
            raise ConfigError(f"expected min, max, both, or exactly{of}, found {found}", hint="such as `max: 0`")
        for key, value in limits.items():
            if value is not None and value < 0:
                raise ConfigError(f"{key}{of}: expected a number of objects from 0 on, found {value}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError(f"min and max{of}: expected min <= max, found {self.min} and {self.max}")
        if self.min == 0 and self.max is None:
            raise ConfigError(f"min{of}: expected at least 1, found 0, which nothing can break")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ConfigError(f"min_score{of}: expected a number from 0 to 1, found {self.min_score}")
        self._require_sizes(of)
        if len(self.k_of_n) != 2 or not 1 <= self.k_of_n[0] <= self.k_of_n[1] <= 100_000:
            raise ConfigError(f"k_of_n{of}: expected [k, n] with 1 <= k <= n, found {list(self.k_of_n)}")
        if self.once_per_track and (self.max != 0 or self.min is not None):
            raise ConfigError(f"once_per_track{of}: expected it with max: 0 only, found {', '.join(given)}")

    def _require_sizes(self, of: str) -> None:
        for key, value in (("min_size", self.min_size), ("max_size", self.max_size)):
            if value is not None and not 0 <= value < math.inf:
                raise ConfigError(f"{key}{of}: expected a size from 0 on, found {value}")
            if value is not None and self.unit == "share" and value > 1:
                raise ConfigError(f"{key}{of}: expected a share from 0 to 1, found {value}", hint="or set unit: px")
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise ConfigError(f"min_size{of}: expected at most max_size {self.max_size}, found {self.min_size}")

    @property
    def limits(self) -> tuple[int, float]:
        """Fewest and most objects that are allowed."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        return self.min or 0, math.inf if self.max is None else self.max


@dataclass(frozen=True)
class QualityLimits:
    """When a picture is too poor to be passed. Nothing is measured where nothing is limited."""

    max_dark: float | None = option(None, "largest share of pixels that are as good as black (at most 16 of 255)")
    max_bright: float | None = option(None, "largest share of pixels that are as good as white (at least 235 of 255)")
    min_sharpness: float | None = option(None, "least variance of the Laplacian, levels²; depends on the scene")
    region: str = option("", "measured in the upright rectangle around this region; default: in the whole picture")

    def __post_init__(self) -> None:
        for key in ("max_dark", "max_bright"):
            value = getattr(self, key)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"quality.{key}: expected a share from 0 to 1, found {value}")
        if self.min_sharpness is not None and not 0 <= self.min_sharpness < math.inf:
            raise ConfigError(f"quality.min_sharpness: expected a number from 0 on, found {self.min_sharpness}")

    @property
    def limited(self) -> bool:
        """Whether anything is to be measured."""
        return (self.max_dark, self.max_bright, self.min_sharpness) != (None, None, None)


@dataclass(frozen=True)
class TrackingConfig:
    """How an object is known again in the next frame, for rules with `once_per_track`."""

    iou: float = option(0.3, "least overlap with where it was expected")
    patience: int = option(5, "frames it may be gone before it is another one")
    motion: tuple[float, ...] = option((0.0, 0.0), "[x, y] px that objects are expected to move by from frame to frame")

    def __post_init__(self) -> None:
        if not 0 < self.iou <= 1:
            raise ConfigError(f"tracking.iou: expected above 0, at most 1, found {self.iou}")
        if self.patience < 0:
            raise ConfigError(f"tracking.patience: expected a number of frames from 0 on, found {self.patience}")
        if len(self.motion) != 2 or not all(map(math.isfinite, self.motion)):
            raise ConfigError(f"tracking.motion: expected [x, y] in px, found {list(self.motion)}")


@dataclass(frozen=True)
class Rules:
    """What an inspection asks of every picture."""

    rules: tuple[Rule, ...] = option((), "a broken one is FAIL")
    regions: tuple[Region, ...] = option((), "parts of the picture")
    quality: QualityLimits = option(QualityLimits(), "pictures that are too poor to be passed")
    min_probability: float = option(0.0, "of a model that classifies: a less probable class is UNKNOWN")
    tracking: TrackingConfig = option(TrackingConfig(), "how objects are followed, where one is counted once")

    def __post_init__(self) -> None:
        if not self.rules:
            raise ConfigError("rules: expected at least one, found none, which would pass everything")
        for kind, names in (("rules", [r.name for r in self.rules]), ("regions", [r.name for r in self.regions])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ConfigError(f"{kind}: expected each name once, found several of {', '.join(twice)}")
        looked_at = [region.name for region in self.regions if not region.ignore]
        for rule in self.rules:
            for name in rule.regions:
                self._require_region(f"regions of rule {rule.name}", name, looked_at)
        if self.quality.region:
            self._require_region("quality.region", self.quality.region, [region.name for region in self.regions])
        if not 0 <= self.min_probability < 1:
            raise ConfigError(f"min_probability: expected from 0 to below 1, found {self.min_probability}")

    @property
    def tracked(self) -> bool:
        """Whether a rule counts an object once."""
        return any(rule.once_per_track for rule in self.rules)

    def region(self, name: str) -> Region:
        """The region of that name."""
        return next(region for region in self.regions if region.name == name)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the rules in their resolved form: equal for equal rules, however they were written down."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and YAML, every key written out."""
        content: dict[str, Any] = to_mapping(self)
        return content

    def _require_region(self, key: str, name: str, known: Sequence[str]) -> None:
        if name in known:
            return
        if name in {region.name for region in self.regions}:
            raise ConfigError(f"{key}: expected a region that is looked at, found {name!r}, which is ignored")
        hint = f"its regions are {', '.join(known)}" if known else "add it to regions"
        raise ConfigError(f"{key}: there is no region {name!r}{did_you_mean(name, known)}", hint=hint)


def _without_repeats(corners: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Corners of an outline without those that repeat the one before; the first may be repeated at the end."""
    kept = [corner for i, corner in enumerate(corners) if i == 0 or corner != corners[i - 1]]
    return kept[:-1] if len(kept) > 1 and kept[0] == kept[-1] else kept
