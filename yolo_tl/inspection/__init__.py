"""From what was found to PASS, FAIL or UNKNOWN, by rules; written down so that it can be decided again."""

from yolo_tl.inspection.decision import Decision, Quality, Reason, Verdict
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.loading import load_rules
from yolo_tl.inspection.rules import QualityLimits, Region, Rule, Rules, TrackingConfig

__all__ = [
    "Decision",
    "Judge",
    "Quality",
    "QualityLimits",
    "Reason",
    "Region",
    "Rule",
    "Rules",
    "TrackingConfig",
    "Verdict",
    "load_rules",
]
