"""A flipped image as a picture: truth, model a and model b side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.pictures.panels import Panel, panels
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.data.records import Annotation
from yolo_tl.evaluation.flips import Flip
from yolo_tl.evaluation.records import ImageResult


def flip_picture(
    flip: Flip,
    a: ImageResult,
    b: ImageResult,
    names: Sequence[str],
    *,
    thresholds: tuple[float, float],
    called: tuple[str, str],
) -> Image:
    """The picture (H, W, 3) BGR; what differs has its class written beside it, the rest does not.

    Args:
        flip: what differs.
        a: detections and truths that its places point into.
        b: those of the second model.
        names: class names.
        thresholds: confidence above which a detection counts, of each.
        called: names of the models.

    Raises:
        ImageError: the image cannot be read.
    """
    pixels = read_pixels(Path(flip.image))
    size = (pixels.shape[1], pixels.shape[0])

    def objects(result: ImageResult, xyxy: NDArray[np.float32], classes: NDArray[np.int64]) -> list[Annotation]:
        shares = result.in_original(xyxy) / np.array([*size, *size])
        return [
            Annotation(names[number], tuple(box), "")
            for box, number in zip(shares.tolist(), classes.tolist(), strict=True)
        ]

    def side(title: str, boxes: list[Annotation], marked: Sequence[int], kept: Sequence[int]) -> Panel:
        chosen = set(marked)
        return Panel(title, [boxes[i] for i in marked], [boxes[i] for i in kept if i not in chosen])

    truths = objects(a, a.truth_xyxy, a.truth_class)
    shown = [side("truth", truths, (*flip.lost_truths, *flip.gained_truths), range(len(truths)))]
    for result, threshold, name, false, hits in (
        (a, thresholds[0], called[0], flip.false_a_boxes, flip.gained),
        (b, thresholds[1], called[1], flip.false_b_boxes, flip.lost),
    ):
        found = result.detections
        kept = np.flatnonzero(found.confidence > np.float32(threshold)).tolist()
        title = f"{name} above {threshold:.2f}; only here: {hits} found, {len(false)} false"
        shown.append(side(title, objects(result, found.xyxy, found.class_id), false, kept))
    return panels(pixels, shown, names)
