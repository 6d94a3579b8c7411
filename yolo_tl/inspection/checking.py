"""Whether rules fit a model."""

from __future__ import annotations

from collections.abc import Sequence

from yolo_tl.edge.decode import Thresholds
from yolo_tl.errors import ConfigError, did_you_mean
from yolo_tl.inspection.rules import Rule, Rules


def require_fit(rules: Rules, names: Sequence[str], thresholds: Thresholds | None) -> None:
    """Check rules against the class names and thresholds of a model.

    Raises:
        ConfigError: a rule names an unknown class, or asks for scores that the model never tells.
    """
    for rule in rules.rules:
        for name in rule.classes:
            if name not in names:
                raise ConfigError(
                    f"classes of rule {rule.name}: the model has no class {name!r}{did_you_mean(name, names)}",
                    hint=f"its classes are {', '.join(names)}",
                )
        if thresholds is not None and rule.min_score is not None:
            _require_visible(rule, rule.min_score, names, thresholds)


def require_classifying(rules: Rules) -> None:
    """Check rules for a model that classifies, which tells no boxes.

    Raises:
        ConfigError: a rule needs boxes.
    """
    for rule in rules.rules:
        needs = {
            "regions": rule.regions,
            "min_size": rule.min_size is not None,
            "max_size": rule.max_size is not None,
            "once_per_track": rule.once_per_track,
        }
        if asked := [key for key, value in needs.items() if value]:
            raise ConfigError(
                f"{asked[0]} of rule {rule.name}: it needs objects with boxes, and the model classifies whole pictures"
            )


def _require_visible(rule: Rule, score: float, names: Sequence[str], thresholds: Thresholds) -> None:
    own = dict(thresholds.by_class)
    for number, name in enumerate(names):
        threshold = own.get(number, thresholds.confidence)
        if (not rule.classes or name in rule.classes) and score < threshold:
            raise ConfigError(
                f"min_score of rule {rule.name}: expected at least the model's threshold for {name}, "
                f"{threshold:g}, found {score:g}: it never tells objects below that",
                hint="raise min_score or leave it out, or run the model with a lower threshold",
            )
