"""Statistics on predictions and truths: metrics, their intervals, and paired comparison. NumPy only.

>>> import numpy as np
>>> from yolo_tl.boxes import Detections
>>> box, kind = np.float32([[0, 0, 9, 9]]), np.int64([0])
>>> hit = ImageResult("a.png", Detections(box, np.float32([0.9]), kind), truth_xyxy=box, truth_class=kind)
>>> miss = ImageResult("b.png", Detections.empty(), truth_xyxy=box, truth_class=kind)
>>> round(evaluate([hit, miss], ["cell"]).map50, 3)
0.495
>>> bootstrap([hit, miss], ["cell"]).map50.low
0.0
"""

from __future__ import annotations

from yolo_tl.evaluation.assignment import IOUS
from yolo_tl.evaluation.bootstrap import Interval, Intervals, bootstrap
from yolo_tl.evaluation.matching import match
from yolo_tl.evaluation.metrics import ClassMetrics, Metrics, evaluate
from yolo_tl.evaluation.paired import Difference, PairedDifference, paired_difference
from yolo_tl.evaluation.predictions import Predictions
from yolo_tl.evaluation.records import ImageResult

__all__ = [
    "IOUS",
    "ClassMetrics",
    "Difference",
    "ImageResult",
    "Interval",
    "Intervals",
    "Metrics",
    "PairedDifference",
    "Predictions",
    "bootstrap",
    "evaluate",
    "match",
    "paired_difference",
]
