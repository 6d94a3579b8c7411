"""A decision as plain values, and back: what the lines of a log hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.postprocess import Result
from yolo_tl.edge.prediction import Prediction, StageTimes
from yolo_tl.inspection.decision import Decision, Quality, Reason
from yolo_tl.inspection.logged import LoggedFrame
from yolo_tl.inspection.rules import Rules

LOG = "yolo_tl.inspection"
VERSION = 1


def header(rules: Rules, names: Sequence[str], model: str) -> dict[str, Any]:
    """The first line of every file of a log: with it the file can be decided again on its own.

    Args:
        rules: what is asked.
        names: class names of the model in order of class number.
        model: SHA-256 of the model.
    """
    return {
        "log": LOG,
        "version": VERSION,
        "model": model,
        "names": list(names),
        "rules_sha256": rules.sha256,
        "rules": rules.to_dict(),
    }


def decision_from_dict(content: Mapping[str, Any], names: Sequence[str]) -> Decision:
    """What `Decision.to_dict` wrote, without the picture; its own `to_dict` gives the same again.

    Of a classification only the classes that were written are known; the others have probability 0.

    Args:
        content: plain values.
        names: class names, from the header of the log.

    Raises:
        ValueError: a key is missing, or a value is not what it should be.
    """
    try:
        return _decision(content, names)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a decision, found one with a wrong or missing part: {error!r}") from error


def _decision(content: Mapping[str, Any], names: Sequence[str]) -> Decision:
    size, times, quality, tracks = (content.get(key) for key in ("size", "times", "quality", "tracks"))
    if content["verdict"] not in ("PASS", "FAIL", "UNKNOWN"):
        raise ValueError(f"expected a verdict, found {content['verdict']!r}")
    frame = LoggedFrame(
        image=None,
        source=content["source"],
        number=content["frame"],
        label=content["image"],
        captured=content["captured"],
        arrived=0.0,
        state=content["state"],
        count=content.get("count", 1),
        size=None if size is None else (size[0], size[1]),
    )
    prediction = Prediction(
        frame,
        _result(content, names),
        names,
        content["model"],
        content["saturated"],
        content["queue_age"],
        None if times is None else StageTimes(**times),
    )
    return Decision(
        content["verdict"],
        tuple(Reason(**reason) for reason in content["reasons"]),
        prediction,
        content["rules"],
        None if quality is None else Quality(**quality),
        dict(content["counts"]),
        content["index"],
        None if tracks is None else tuple(tracks),
    )


def _result(content: Mapping[str, Any], names: Sequence[str]) -> Result | None:
    if "classes" in content:
        probabilities = np.zeros(len(names), np.float32)
        for row in content["classes"]:
            probabilities[_class(row, names)] = row["confidence"]
        return Classification(probabilities)
    if "detections" not in content:
        return None
    rows = content["detections"]
    if not rows:
        return Detections.empty()
    first = rows[0]
    return Detections(
        np.array([row["box"] for row in rows], np.float32),
        np.array([row["confidence"] for row in rows], np.float32),
        np.array([_class(row, names) for row in rows], np.int64),
        masks=np.stack([_mask(row["mask"]) for row in rows]) if "mask" in first else None,
        polygons=[np.array(row["polygon"], np.float32).reshape(-1, 2) for row in rows] if "polygon" in first else None,
        keypoints=np.array([row["keypoints"] for row in rows], np.float32) if "keypoints" in first else None,
        angle=np.array([row["angle"] for row in rows], np.float32) if "angle" in first else None,
    )


def _class(row: Mapping[str, Any], names: Sequence[str]) -> int:
    number: int = row["class_id"]
    if not 0 <= number < len(names) or names[number] != row["name"]:
        known = names[number] if 0 <= number < len(names) else "not there"
        raise ValueError(f"class {number} is {known} in the header, and {row['name']} here")
    return number


def _mask(content: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The mask (H, W) of COCO's uncompressed run lengths."""
    height, width = content["size"]
    runs = content["counts"]
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((height, width), order="F")
