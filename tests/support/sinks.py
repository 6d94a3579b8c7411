"""Decisions made by hand, for whatever takes decisions."""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.prediction import Prediction
from yolo_tl.inspection.decision import Decision, Reason, Verdict

HEADER = {"header": 1, "rules": {}, "names": ["scratch", "dent"], "model": "a" * 64}


def decision(
    number: int = 0,
    verdict: Verdict = "FAIL",
    *,
    size: tuple[int, int] = (48, 64),
    source: str = "camera 1",
    **of_frame: Any,
) -> Decision:
    """One box in a picture of noise; UNKNOWN is a lost frame without a picture."""
    names = ("scratch", "dent")
    if verdict == "UNKNOWN":
        frame = Frame(None, source, number, state="lost", **of_frame)
        prediction = Prediction(frame, None, names, "a" * 64)
        return Decision(verdict, (Reason("lost", "the source is lost"),), prediction, "b" * 64, None, {})
    image = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = Detections(
        np.array([[4, 5, 30, 40]], np.float32), np.array([0.75], np.float32), np.array([number % 2], np.int64)
    )
    prediction = Prediction(Frame(image, source, number, **of_frame), found, names, "a" * 64)
    reasons = (Reason("rule", "1 scratch, expected at most 0", "no scratch"),) if verdict == "FAIL" else ()
    return Decision(verdict, reasons, prediction, "b" * 64, None, {"no scratch": 1})
