"""From the outputs of a network for one image to what was found in it, by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.decode import Thresholds, decode, require_numbers
from yolo_tl.edge.letterbox import unletterbox, unletterbox_centres, unletterbox_points
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.preprocess import Geometry
from yolo_tl.edge.segment import canvas_masks, image_masks

Result = Detections | Classification
"""`Classification` from a network of the task classify, `Detections` from every other."""


def postprocess(
    outputs: Outputs,
    geometry: Geometry,
    info: NetworkInfo,
    *,
    thresholds: Thresholds,
    classes: Sequence[int] | None = None,
) -> Result:
    """What was found in one image.

    Args:
        outputs: of the network for this image, without the batch axis.
        geometry: where the image lies in the input.
        info: how the outputs are read.
        thresholds: what counts; of no effect for the task classify.
        classes: keep only these class numbers; of no effect for the task classify.

    Returns:
        `Detections` in px of the image, best first, with masks, angles or keypoints where the task has them; for the
        task classify a `Classification`.

    Raises:
        RuntimeFailure: the outputs hold NaN.
    """
    if info.task == "classify":
        require_numbers(outputs[0])
        return Classification(outputs[0].astype(np.float32))
    rows = decode(
        outputs[0],
        head=info.head,
        thresholds=thresholds,
        classes=classes,
        count=len(info.names),
        rotated=info.task == "obb",
    )
    if info.task == "obb":
        return _rotated(rows, geometry)
    if info.task == "segment":
        return _segmented(rows, outputs[1], geometry)
    found = _upright(rows, geometry)
    if info.task != "pose" or info.keypoints is None:
        return found
    points = unletterbox_points(rows[:, 6:].reshape(-1, *info.keypoints), canvas=geometry.canvas, image=geometry.image)
    return replace(found, keypoints=points)


def _upright(rows: NDArray[np.float32], geometry: Geometry) -> Detections:
    return _detections(unletterbox(rows[:, :4], canvas=geometry.canvas, image=geometry.image), rows)


def _rotated(rows: NDArray[np.float32], geometry: Geometry) -> Detections:
    boxes = xywh_to_xyxy(unletterbox_centres(rows[:, :4], canvas=geometry.canvas, image=geometry.image))
    return replace(_detections(boxes, rows), angle=rows[:, 6])


def _detections(boxes: NDArray[np.float32], rows: NDArray[np.float32]) -> Detections:
    return Detections(boxes, rows[:, 4], rows[:, 5].astype(np.int64))


def _segmented(rows: NDArray[np.float32], prototypes: NDArray[np.float32], geometry: Geometry) -> Detections:
    masks = canvas_masks(prototypes, rows, geometry.canvas)
    full = masks.any(axis=(1, 2))  # a box without any pixel is no object
    return replace(_upright(rows[full], geometry), masks=image_masks(masks[full], geometry.image))
