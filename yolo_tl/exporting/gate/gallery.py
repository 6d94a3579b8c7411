"""A flipped image as a picture: what is true, what the reference says and what the other says, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.data.geometry.masks import rings_of
from yolo_tl.data.pictures.panels import Panel, panels
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.data.records import Annotation
from yolo_tl.edge.pairing import paired, unpaired
from yolo_tl.exporting.gate.flips import Flip
from yolo_tl.exporting.gate.samples import Sample


def flip_picture(flip: Flip, sample: Sample, names: Sequence[str], *, called: tuple[str, str]) -> Image:
    """The picture (H, W, 3) BGR; what only one of the two says has its class written beside it.

    Args:
        flip: what differs.
        sample: the image, and what is true of it.
        names: class names.
        called: names of both, for people.

    Raises:
        ImageError: the image cannot be read.
    """
    pixels = read_pixels(flip.image)
    shown = []
    if sample.names is not None and sample.boxes is not None:
        truths = [
            Annotation(name, tuple(box), "") for name, box in zip(sample.names, sample.boxes.tolist(), strict=True)
        ]
        shown.append(Panel("truth", truths))
    elif sample.names is not None:
        shown.append(Panel(f"truth: {', '.join(sample.names)}", []))
    if flip.found_a is None or flip.found_b is None:
        for name, said in zip(called, (flip.a, flip.b), strict=True):
            shown.append(Panel(f"{name}: {', '.join(said)}", []))
        return panels(pixels, shown, names)
    pairs = paired(flip.found_a, flip.found_b)
    height, width = pixels.shape[:2]
    for name, found, taken in zip(called, (flip.found_a, flip.found_b), pairs.T, strict=True):
        objects = _objects(found, names, (width, height))
        alone = unpaired(len(found), taken)
        told = ", ".join(
            f"{names[number]} {score:.2f}"
            for number, score in zip(found.class_id[alone], found.confidence[alone], strict=True)
        )
        title = f"{name}: {len(found)}" + (f"; only here {told}" if told else "")
        shown.append(
            Panel(title, [objects[i] for i in np.flatnonzero(alone)], [objects[i] for i in np.flatnonzero(~alone)])
        )
    return panels(pixels, shown, names)


def outlined(found: Detections) -> Detections:
    """The same with the outline of each mask in place of the mask, which is as large as the image."""
    if found.masks is None:
        return found
    outlines = [
        np.array(max(rings_of(mask)[0], key=len, default=()), np.float32).reshape(-1, 2) for mask in found.masks
    ]
    return replace(found, masks=None, polygons=outlines)


def _objects(found: Detections, names: Sequence[str], size: tuple[int, int]) -> list[Annotation]:
    """Detections as what is drawn: coordinates are shares of the image's sides."""
    sides = np.array(size, np.float64)
    corners = found.corners if found.angle is not None else None
    objects = []
    for i, (box, number) in enumerate(zip(found.xyxy, found.class_id, strict=True)):
        points: tuple[float, ...] = ()
        if found.keypoints is not None:
            seen = found.keypoints[i]
            flags = np.where(seen[:, 2:] > 0.5, 2.0, 1.0) if seen.shape[1] == 3 else np.full((len(seen), 1), 2.0)
            points = tuple(np.concatenate([seen[:, :2] / sides, flags], axis=1).ravel().tolist())
        ring = () if found.polygons is None else tuple((found.polygons[i] / sides).ravel().tolist())
        objects.append(
            Annotation(
                names[number],
                tuple((box / np.tile(sides, 2)).tolist()) if corners is None else None,
                "",
                parts=(ring,) if len(ring) >= 6 else (),
                corners=() if corners is None else tuple((corners[i] / sides).ravel().tolist()),
                keypoints=points,
            )
        )
    return objects
