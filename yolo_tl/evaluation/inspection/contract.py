"""What an inspection must achieve: limits on escapes and overkill, and how sure one must be of them.

A *unit* is what is accepted or rejected: an image, or a part seen in several. A unit with a defect that must be
found is defective, every other is good. A defect counts as found where a detection of its class overlaps it by
`iou`. The default of 0.1 asks that the place is right and not that the outline is: a box of 10 px side that is
shifted by a third of its side has IoU 0.5, by eight tenths 0.1. It is not "any overlap", because then one box
around the whole image would find everything in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from yolo_tl.config import option
from yolo_tl.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class ClassRule:
    """What is asked for one class of defects. What is left out is the contract's own, or not limited."""

    name: str = option("", "name of the class in the data")
    weight: float = option(1.0, "how much an escape of this class costs, beside those of other classes")
    max_escape: float | None = option(None, "largest share of the units with such a defect in which one escapes")
    min_recall: float | None = option(None, "smallest share of the defects of this class that are found")
    level: float | None = option(None, "confidence of the bounds of this class")
    iou: float | None = option(None, "overlap from which such a defect is found")
    min_side: float | None = option(None, "px of the original image: where the longer side is shorter, it is let pass")
    min_area: float | None = option(None, "px² of the original image: a smaller defect is let pass")

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("classes: expected a name in every rule", hint="such as `- name: scratch`")
        if not self.weight > 0:
            raise ConfigError(f"weight of {self.name}: expected a number above 0, found {self.weight!r}")
        _require_rules(self, f" of {self.name}")


@dataclass(frozen=True)
class CostConfig:
    """What is minimised within the limits: the cost of overkill, and of escapes where they cost anything."""

    escape: float = option(0.0, "of a unit from which a defect escapes, times the weight of its class")
    overkill: float = option(1.0, "of a unit that is rejected without reason")

    def __post_init__(self) -> None:
        for f in fields(self):
            if not getattr(self, f.name) >= 0:
                raise ConfigError(f"cost.{f.name}: expected a number of at least 0, found {getattr(self, f.name)!r}")


@dataclass(frozen=True)
class InspectionContract:
    """What an inspection must achieve, over all its classes and for each."""

    unit: Literal["image", "part"] = option("image", "what is accepted or rejected as a whole")
    parts: str = option("", "which images show one part, by their names: regex:PATTERN, folder, csv:FILE or tiles")
    escape: Literal["missed", "passed"] = option(
        "missed", "a defective unit escapes if one of its defects is missed, or only if it has passed: none was found"
    )
    overkill: Literal["good", "all"] = option(
        "good", "false alarms count in good units; or in all units, where there are hardly any good ones"
    )
    max_escape: float | None = option(0.05, "largest share of the defective units that escape")
    min_recall: float | None = option(None, "smallest share of the defects that are found")
    max_overkill: float | None = option(0.10, "largest share of the units that are rejected without reason")
    level: float = option(0.95, "confidence of the bounds, one-sided")
    iou: float = option(0.1, "overlap from which a defect is found")
    min_side: float = option(0.0, "px of the original image: a defect whose longer side is shorter is let pass")
    min_area: float = option(0.0, "px² of the original image: a smaller defect is let pass")
    aim: Literal["bound", "rate"] = option(
        "bound", "what the thresholds keep within the limits on val: bounds where overkill allows that, or rates only"
    )
    cost: CostConfig = option(CostConfig(), "what is minimised within the limits")
    classes: tuple[ClassRule, ...] = option((), "the classes that are defects, with rules of their own; none: all")

    def __post_init__(self) -> None:
        _require_rules(self, "")
        _require_share(self.max_overkill, "max_overkill")
        if (self.unit == "part") != bool(self.parts):
            raise ConfigError(
                f"parts: expected it with unit: part and only then, found unit {self.unit!r} and parts {self.parts!r}",
                hint="such as `parts: regex:^(.+)_view` for part7_view1.png and part7_view2.png",
            )
        limits = [self.max_escape, self.min_recall, self.max_overkill]
        limits += [limit for rule in self.classes for limit in (rule.max_escape, rule.min_recall)]
        if all(limit is None for limit in limits):
            raise ConfigError("expected at least one limit, found none", hint="set max_escape, min_recall or so")
        names = [rule.name for rule in self.classes]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(
                f"classes: expected one rule for each class, found several for {', '.join(sorted(twice))}"
            )

    def rules(self, names: Sequence[str]) -> tuple[ClassRule, ...]:
        """The rule of each inspected class, complete, in the order of `names`.

        Raises:
            ConfigError: a class that is not among `names`.
        """
        for rule in self.classes:
            if rule.name not in names:
                raise ConfigError(
                    f"classes: the data has no class {rule.name!r}{did_you_mean(rule.name, names)}",
                    hint=f"its classes are {', '.join(names)}",
                )
        given = {rule.name: rule for rule in self.classes} or {name: ClassRule(name) for name in names}
        return tuple(self._complete(given[name]) for name in names if name in given)

    def _complete(self, rule: ClassRule) -> ClassRule:
        shared: dict[str, Any] = {key: getattr(self, key) for key in ("level", "iou", "min_side", "min_area")}
        return replace(rule, **{key: value for key, value in shared.items() if getattr(rule, key) is None})


def _require_rules(rule: ClassRule | InspectionContract, of: str) -> None:
    """Check what contract and class have in common."""
    for key in ("max_escape", "min_recall", "level"):
        _require_share(getattr(rule, key), key + of)
    if rule.iou is not None and not 0 < rule.iou <= 1:
        raise ConfigError(f"iou{of}: expected a number above 0, at most 1, found {rule.iou!r}")
    for key in ("min_side", "min_area"):
        value = getattr(rule, key)
        if value is not None and not value >= 0:
            raise ConfigError(f"{key}{of}: expected px of at least 0, found {value!r}")


def _require_share(value: float | None, key: str) -> None:
    if value is not None and not 0 < value < 1:
        raise ConfigError(
            f"{key}: expected a share above 0 and below 1, found {value!r}",
            hint="no number of images proves a rate of exactly 0 or 1",
        )
