"""From what was found in the tiles of an image to what was found in the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections, Floats, xyxy_to_xywh
from yolo_tl.edge.network import Size
from yolo_tl.edge.nms import nms
from yolo_tl.edge.rotated import rotated_nms
from yolo_tl.edge.seams import Group, Views, groups_of
from yolo_tl.edge.tiling import Tile
from yolo_tl.errors import RuntimeFailure

Outlines = Literal["masks", "polygons"]
"""How masks are given: each as large as the image, or as the outline of its largest part."""

Piece = tuple[int, int, NDArray[np.bool_]]
"""First row and column in the image, and the mask from there on."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found in one tile.

    Attributes:
        tile: the tile.
        found: in px of the tile, without masks.
        pieces: the mask of each, cut out; None where there are none.
    """

    tile: Tile
    found: Detections
    pieces: tuple[Piece, ...] | None = None

    @classmethod
    def of(cls, tile: Tile, found: Detections) -> Seen:
        """From detections in px of the tile, whose masks are as large as the tile."""
        if found.masks is None:
            return cls(tile, found)
        return cls(tile, replace(found, masks=None), tuple(_piece(mask, tile) for mask in found.masks))


def merge(
    seen: Sequence[Seen], image: Size, *, iou: float | None, limit: int, outlines: Outlines = "masks"
) -> Detections:
    """Every object once, in px of the image, best first.

    A view that no border cuts is taken as it is. Where all are cut, each side is that of the best view which does not
    end there, else the outermost; masks are united; a keypoint is that of the view whose borders are farthest from it;
    a turned box is the smallest around all views.

    Args:
        seen: what was found in each tile; one at least.
        image: height and width in px.
        iou: two boxes of a class that overlap more are one, as within a tile; None for a network that needs no NMS.
        limit: at most so many.
        outlines: how masks are given.

    Raises:
        RuntimeFailure: masks as large as the image take more memory than there is.
    """
    together, views = _together(seen)
    groups = groups_of(views)
    chosen = np.array([group.members[0] for group in groups], np.intp)
    whole = [not views.cut[group.members[0]].any() for group in groups]
    found = together[chosen]
    for place, group in enumerate(groups):
        if whole[place] or len(group.members) == 1:
            continue
        if found.angle is None:
            found.xyxy[place] = _sides(group, views)
        else:
            found.xyxy[place], found.angle[place] = _turned(group, views)
        if found.keypoints is not None and together.keypoints is not None:
            found.keypoints[place] = _points(group, views, together.keypoints)
    kept = _kept(found, iou, limit)
    found = found[kept]
    pieces = [piece for one in seen for piece in one.pieces or ()]
    if all(one.pieces is None for one in seen):
        return found
    parts = [
        [pieces[member] for member in (groups[i].members[:1] if whole[i] else groups[i].members)] for i in kept.tolist()
    ]
    if outlines == "polygons":
        return replace(found, polygons=[_outline(part) for part in parts])
    return replace(found, masks=_pasted(parts, image))


def _together(seen: Sequence[Seen]) -> tuple[Detections, Views]:
    """Everything that was found, in px of the image; the arrays are new."""
    moves = [np.array([one.tile.left, one.tile.top], np.float32) for one in seen]
    boxes = np.concatenate([one.found.xyxy + np.tile(move, 2) for one, move in zip(seen, moves, strict=True)])
    points = [
        np.concatenate([one.found.keypoints[..., :2] + move, one.found.keypoints[..., 2:]], axis=-1)
        for one, move in zip(seen, moves, strict=True)
        if one.found.keypoints is not None
    ]
    angles = [one.found.angle for one in seen if one.found.angle is not None]
    together = Detections(
        boxes.astype(np.float32),
        np.concatenate([one.found.confidence for one in seen]),
        np.concatenate([one.found.class_id for one in seen]),
        keypoints=np.concatenate(points) if points else None,
        angle=np.concatenate(angles) if angles else None,
    )
    corners = together.corners if angles else None
    upright = boxes if corners is None else np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    places = np.repeat(np.arange(len(seen)), [len(one.found) for one in seen])
    tiles = [one.tile for one in seen]
    return together, Views(tiles, places, upright, corners, together.confidence, together.class_id)


def _sides(group: Group, views: Views) -> Floats:
    boxes, cut = views.boxes[group.members], views.cut[group.members]
    outermost = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    first = cut.argmin(axis=0)  # the best view that does not end there
    return np.where(cut.all(axis=0), outermost, boxes[first, np.arange(4)])


def _turned(group: Group, views: Views) -> tuple[Floats, float]:
    assert views.corners is not None
    (x, y), (width, height), degrees = cv2.minAreaRect(views.corners[group.members].reshape(-1, 2).astype(np.float32))
    box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    return box, float(np.deg2rad(degrees))


def _points(group: Group, views: Views, points: Floats) -> Floats:
    of_group = points[group.members]
    tiles = [views.tiles[number] for number in views.tile[group.members]]
    far = np.stack([_clearance(tile, own[:, :2]) for tile, own in zip(tiles, of_group, strict=True)])
    chosen: Floats = of_group[far.argmax(axis=0), np.arange(of_group.shape[1])]
    return chosen


def _clearance(tile: Tile, points: Floats) -> Floats:
    """How far points (K, 2) are from the nearest inner border, in px."""
    inwards = (np.tile(points, 2) - np.array(tile.xyxy)) * np.array([1, 1, -1, -1])
    nearest: Floats = np.where(np.array(tile.inner), inwards, np.inf).min(axis=1)
    return nearest


def _kept(found: Detections, iou: float | None, limit: int) -> NDArray[np.intp]:
    """Places of what stays, best first."""
    places = np.arange(len(found))
    if iou is not None:
        # Class by class: in an image of this size the offsets that keep classes apart would cost digits.
        of_class = [places[found.class_id == number] for number in np.unique(found.class_id)]
        kept = [mine[_suppressed(found[mine], iou)] for mine in of_class]
        places = np.sort(np.concatenate([*kept, np.zeros(0, np.intp)]))
    return places[np.argsort(-found.confidence[places], kind="stable")][:limit]


def _suppressed(found: Detections, iou: float) -> NDArray[np.intp]:
    if found.angle is None:
        return nms(found.xyxy, found.confidence, iou=iou, limit=len(found))
    turned = np.concatenate([xyxy_to_xywh(found.xyxy), found.angle[:, None]], axis=1)
    return rotated_nms(turned, found.confidence, iou=iou, limit=len(found))


def _piece(mask: NDArray[np.bool_], tile: Tile) -> Piece:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return tile.top, tile.left, np.zeros((0, 0), np.bool_)
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return tile.top + int(rows[0]), tile.left + int(columns[0]), part


def _pasted(parts: Sequence[Sequence[Piece]], image: Size) -> NDArray[np.bool_]:
    """Masks (N, *image); memory is only taken where something is pasted, until it is read."""
    try:
        masks = np.zeros((len(parts), *image), np.bool_)
    except MemoryError as error:
        raise RuntimeFailure(
            f"{len(parts)} masks of {image[0]}x{image[1]} px take more memory than there is",
            hint='ask for outlines="polygons"',
        ) from error
    for mask, pieces in zip(masks, parts, strict=True):
        _paste(mask, pieces, (0, 0))
    return masks


def _paste(mask: NDArray[np.bool_], pieces: Sequence[Piece], origin: tuple[int, int]) -> None:
    for top, left, part in pieces:
        row, column = top - origin[0], left - origin[1]
        mask[row : row + part.shape[0], column : column + part.shape[1]] |= part


def _outline(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    """The outline (K, 2) of the largest part, in px of the image."""
    top, left = min(piece[0] for piece in pieces), min(piece[1] for piece in pieces)
    bottom = max(first + part.shape[0] for first, _, part in pieces)
    right = max(first + part.shape[1] for _, first, part in pieces)
    mask = np.zeros((bottom - top, right - left), np.bool_)
    _paste(mask, pieces, (top, left))
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not found:
        return np.zeros((0, 2), np.float32)
    largest: NDArray[np.float32] = max(found, key=cv2.contourArea).reshape(-1, 2).astype(np.float32)
    return largest + np.array([left, top], np.float32)
