"""Predictions and decisions for tests of inspection, made of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.frame import Frame, State
from yolo_tl.edge.prediction import Prediction, StageTimes
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.rules import Rules

NAMES = ("scratch", "dent", "screw")
PICTURE = np.broadcast_to(np.uint8(128), (100, 200, 3))
"""Height 100, width 200; nothing in it."""


def thing(
    x: float = 100, y: float = 50, *, width: float = 10, height: float = 10, score: float = 0.9, kind: int = 0
) -> list[float]:
    """A row of `Detections.from_rows`: an object about its centre."""
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2, score, kind]


def looked_at(
    things: Sequence[Sequence[float]] | Detections = (),
    number: int = 0,
    *,
    image: np.ndarray = PICTURE,
    names: Sequence[str] = NAMES,
    saturated: bool = False,
) -> Prediction:
    """A frame that was looked at, and what was found in it."""
    found = things if isinstance(things, Detections) else Detections.from_rows(np.array(things).reshape(-1, 6))
    frame = Frame(image, "camera", number, captured=1.7e9 + number / 10)
    return Prediction(
        frame, found, names, "m" * 64, saturated=saturated, queue_age=0.25, times=StageTimes(0.5, 2.25, 0.125)
    )


def unseen(state: State = "dropped", number: int = 0, *, count: int = 1) -> Prediction:
    """A frame that was not looked at."""
    frame = Frame(None, "camera", number, captured=1.7e9 + number / 10, state=state, count=count)
    return Prediction(frame, None, NAMES, "m" * 64)


def classified(*probabilities: float, number: int = 0) -> Prediction:
    """A picture that was named."""
    result = Classification(np.array(probabilities, np.float32))
    return Prediction(Frame(PICTURE, "camera", number, captured=1.7e9), result, NAMES, "m" * 64)


def judge_of(*rules: Any, names: Sequence[str] = NAMES, **more: Any) -> Judge:
    """A judge by these rules."""
    return Judge(Rules(rules=rules, **more), names)


def codes(decision: Any) -> list[str]:
    """What speaks against PASS."""
    return [reason.code for reason in decision.reasons]


def plain(decision: Any) -> Mapping[str, Any]:
    """What a log holds of a decision, but for what differs when it is decided again."""
    return {key: value for key, value in decision.to_dict().items() if key not in ("tracks",)}
