"""Verdicts on single images: requests come from anywhere and in any order, so there is no frame before."""

from __future__ import annotations

from yolo_tl.edge.prediction import Prediction
from yolo_tl.errors import ConfigError
from yolo_tl.inspection.checking import require_classifying
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.rules import Rules
from yolo_tl.serving.served_model import ServedModel


class Judging:
    """Rules that look at one image at a time.

    Args:
        rules: what is asked.

    Raises:
        ConfigError: a rule looks back at earlier frames.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.sha256 = rules.sha256
        for rule in rules.rules:
            back = {"k_of_n": rule.k_of_n[1] > 1, "once_per_track": rule.once_per_track}
            if asked := [key for key, value in back.items() if value]:
                raise ConfigError(
                    f"{asked[0]} of rule {rule.name}: expected rules on single images, found one on earlier frames",
                    hint="requests have no order; judge a stream with yolo-tl inspect",
                )

    def require_fit(self, model: ServedModel) -> None:
        """Check the rules against a model.

        Raises:
            ConfigError: a rule names a class that it does not have, or asks for what it never tells.
        """
        Judge(self.rules, model.names, thresholds=model.thresholds)
        if model.thresholds is None:
            require_classifying(self.rules)

    def judge(self, prediction: Prediction) -> Decision:
        """The verdict on an image."""
        return Judge(self.rules, prediction.names).judge(prediction)
