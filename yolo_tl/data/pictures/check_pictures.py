"""Small pictures of what a check has found: the boxes that are meant in red, the others of the image in grey."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.checks.probe import State
from yolo_tl.data.checks.rows import Kind
from yolo_tl.data.checks.snapshot import Snapshot
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.errors import ImageError

WIDTH, HEIGHT = 300, 225
_QUALITY = 72
_SMALL = 16  # px in the picture; smaller things are shown enlarged
_SPECK = 6  # px in the picture; around smaller things a ring is drawn
_GAP = 4
_CLOSEST = 3.0  # times
_RED, _HALO, _GREY, _BACK = (60, 50, 225), (255, 255, 255), (190, 190, 190), (36, 33, 30)  # BGR
_MOST = 300  # other boxes drawn

Box = NDArray[np.float64]


def shot(snapshot: Snapshot, image: int, rows: Sequence[int], other: int = -1) -> bytes | None:
    """A JPEG of an image with `rows` drawn, and of another beside it; None where there is nothing to see."""
    pictures = [_picture(snapshot, i, rows if i == image else ()) for i in (image, other) if i >= 0]
    seen = [picture for picture in pictures if picture is not None]
    if not seen:
        return None
    gap = np.full((HEIGHT, _GAP, 3), 255, np.uint8)
    return _encoded(np.concatenate([seen[0], gap, seen[1]], axis=1) if len(seen) > 1 else seen[0])


def _picture(snapshot: Snapshot, image: int, rows: Sequence[int]) -> Image | None:
    if snapshot.probes[image].state != State.SOUND:
        return None
    try:
        return drawn(snapshot, read_pixels(Path(snapshot.images[image])), image, rows)
    except ImageError:
        return None


def drawn(snapshot: Snapshot, pixels: Image, image: int, rows: Sequence[int]) -> Image:
    """The picture (225, 300, 3) BGR: the image, or the part of it where small rows are."""
    import cv2

    height, width = pixels.shape[:2]
    own = np.flatnonzero(snapshot.rows.image == image)
    meant = [row for row in rows if np.isfinite(snapshot.rows.box[row]).all()]
    x1, y1, x2, y2 = _window(snapshot, meant, width, height)
    part = pixels[y1:y2, x1:x2]
    scale = min(WIDTH / part.shape[1], HEIGHT / part.shape[0])
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((HEIGHT, WIDTH, 3), _BACK, np.uint8)
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    field: Any = canvas[top : top + size[1], left : left + size[0]]

    def outline(row: int) -> NDArray[np.int32]:
        shape = _outline(snapshot, row) * (width, height) - (x1, y1)
        points: NDArray[np.int32] = np.clip(np.rint(shape * scale), -4000, 4000).astype(np.int32)
        return points

    others = [int(row) for row in own if row not in meant and np.isfinite(snapshot.rows.box[row]).all()]
    for row in others[:_MOST]:
        cv2.polylines(field, [outline(row)], True, _GREY, 1, cv2.LINE_AA)
    for colour, thickness in ((_HALO, 4), (_RED, 2)):
        for row in meant:
            shape = outline(row)
            cv2.polylines(field, [shape], True, colour, thickness, cv2.LINE_AA)
            if min(np.ptp(shape, axis=0)) < _SPECK:
                middle = shape.mean(axis=0).astype(int).tolist()
                cv2.circle(
                    field,
                    middle,
                    max(3 * _SPECK, int(np.ptp(shape, axis=0).max()) // 2 + _SPECK),
                    colour,
                    thickness,
                    cv2.LINE_AA,
                )
    result: Image = canvas
    return result


def _outline(snapshot: Snapshot, row: int) -> Box:
    """(P, 2) the corners of a box or the points of a polygon, in shares."""
    if snapshot.rows.kind[row] == Kind.POLYGON:
        points = snapshot.rows.points(row)
        if np.isfinite(points).all():
            return points
    x, y, w, h = snapshot.rows.box[row]
    return np.array([(x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2, y + h / 2), (x - w / 2, y + h / 2)])


def _window(snapshot: Snapshot, rows: Sequence[int], width: int, height: int) -> tuple[int, int, int, int]:
    """The part of the image to show, in px: all of it, unless what is meant would be too small to see."""
    whole = 0, 0, width, height
    if not rows:
        return whole
    corners = np.concatenate([_outline(snapshot, row) for row in rows]).clip(-0.5, 1.5) * (width, height)
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = min(WIDTH / width, HEIGHT / height)
    zoom = min(_CLOSEST, 2 * _SMALL / max(float((high - low).max()) * scale, 1.0))
    if zoom <= 1.5:
        return whole
    side = np.array([width, height]) / zoom
    start = np.clip((low + high - side) / 2, 0, np.array([width, height]) - side)
    stop = start + side
    return int(start[0]), int(start[1]), max(int(stop[0]), int(start[0]) + 1), max(int(stop[1]), int(start[1]) + 1)


def _encoded(picture: Image) -> bytes:
    import cv2

    content: bytes = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return content
