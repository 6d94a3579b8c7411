"""One annotation, fitted to its image and to the task: clipped, reduced, or refused for a named reason."""

from __future__ import annotations

from typing import NamedTuple

from yolo_tl.data.geometry.seams import bridge
from yolo_tl.data.geometry.shapes import extent
from yolo_tl.data.geometry.transform import area, box_of, corners_of, cut, smallest_box
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import XYXY, Annotation, Ring, Size

# Coordinates written with six digits overshoot the border by a hair: not worth an entry.
_HAIR = 0.01
SLIVER = 1e-3  # px; a thinner box is none, and would be written as one of width 0


class Fitted(NamedTuple):
    """What became of an annotation.

    Attributes:
        results: one annotation; several where its polygons are split; none if it is dropped.
        repairs: what was mended, short words.
        reason: why it is dropped, or "".
    """

    results: tuple[Annotation, ...] = ()
    repairs: tuple[str, ...] = ()
    reason: str = ""


def fit(annotation: Annotation, size: Size, options: ReadOptions) -> Fitted:
    """Fit an annotation with finite coordinates in px to an image of `size`; a tag where the task is to classify.

    Dropped as ``no_box`` (keypoints, none of them labelled), ``zero_area`` or ``outside``. Repaired as
    ``swapped`` (corners of the box), ``clipped``, ``box_from_polygon`` or the like (the geometry that the
    task needs was not given), ``holes_bridged``, ``holes_filled``, ``parts_bridged``, ``parts_split``,
    ``parts_dropped``, ``keypoints_outside`` or ``keypoints_missing``.
    """
    task = options.task
    if task == "classify":
        return Fitted((annotation,))
    found = box_of(annotation)
    if found is None:
        return Fitted(reason="no_box")
    box, origin = found
    repairs: list[str] = []
    x1, y1, x2, y2 = box
    if x1 > x2 or y1 > y2:
        box = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
        repairs.append("swapped")
    if _is_sliver(box):
        return Fitted(reason="zero_area")
    clipped = _clip(box, size)
    if _is_sliver(clipped):
        return Fitted(reason="outside")
    reaches_out = max(abs(a - b) for a, b in zip(clipped, box, strict=True)) > _HAIR
    left = (clipped[2] - clipped[0]) * (clipped[3] - clipped[1]) / ((box[2] - box[0]) * (box[3] - box[1]))
    if reaches_out and (options.outside == "drop" or left < options.min_visible):
        return Fitted(reason="outside")
    if reaches_out:
        repairs.append("clipped")
    name, place = annotation.name, annotation.place
    if task == "segment":
        return _segment(annotation, box, clipped, reaches_out, size, repairs, options)
    if task == "obb":
        parts = [ring for part in annotation.parts if (ring := cut(part, size))]
        corners = annotation.corners or (smallest_box(parts) if parts else corners_of(clipped))
        if annotation.parts and not annotation.corners:
            repairs.append("corners_from_polygon")
        corners = _within(corners, size)
        if _is_sliver(extent(corners)) or area(corners) < SLIVER:
            return Fitted(reason="zero_area")
        return Fitted((Annotation(name, extent(corners), place, corners=corners),), tuple(repairs))
    if origin:
        repairs.append(f"box_from_{origin}")
    if task == "pose":
        keypoints, moved = _keypoints(annotation.keypoints, size)
        repairs += ["keypoints_outside"] * moved + ["keypoints_missing"] * (not keypoints)
        return Fitted((Annotation(name, clipped, place, keypoints=keypoints),), tuple(repairs))
    return Fitted((Annotation(name, clipped, place, annotation.crowd, annotation.difficult),), tuple(repairs))


def plain_polygon(annotation: Annotation, name: str, size: Size) -> Annotation | None:
    """What `fit` makes of one polygon without holes that lies in the image; None for all else.

    Nearly every polygon of a sound data set is one, and this takes a fifth of the time.
    """
    parts = annotation.parts
    if len(parts) != 1 or annotation.holes or len(parts[0]) < 6:
        return None
    xs, ys = parts[0][::2], parts[0][1::2]
    x1, y1, x2, y2 = min(xs), min(ys), max(xs), max(ys)
    # The area is NaN where a coordinate is, and so is not larger than anything.
    if x1 < 0 or y1 < 0 or x2 > size[0] or y2 > size[1] or not area(parts[0]) >= SLIVER:
        return None
    if x2 - x1 < SLIVER or y2 - y1 < SLIVER or _reaches_out(annotation.box, size):
        return None
    return Annotation(name, (x1, y1, x2, y2), annotation.place, parts=parts)


def _reaches_out(box: XYXY | None, size: Size) -> bool:
    """The box that the source gives is one to be mended or clipped."""
    if box is None:
        return False
    inside = -_HAIR <= box[0] < box[2] <= size[0] + _HAIR and -_HAIR <= box[1] < box[3] <= size[1] + _HAIR
    return not inside or _is_sliver(box)


def _clip(box: XYXY, size: Size) -> XYXY:
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(size[0])), min(box[3], float(size[1]))


def _is_sliver(box: XYXY) -> bool:
    """Without width or height; also where clipping has turned the box inside out."""
    return box[2] - box[0] < SLIVER or box[3] - box[1] < SLIVER


def _segment(
    annotation: Annotation,
    box: XYXY,
    clipped: XYXY,
    reaches_out: bool,
    size: Size,
    repairs: list[str],
    options: ReadOptions,
) -> Fitted:
    """Polygons, each one ring without holes."""
    parts, holes = annotation.parts, annotation.holes
    if not parts:
        parts = (annotation.corners or corners_of(box),)
        repairs.append("polygon_from_corners" if annotation.corners else "polygon_from_box")
    if reaches_out or _sticks_out(parts, size):
        parts, holes = tuple(cut(ring, size) for ring in parts), tuple(cut(ring, size) for ring in holes)
        if "clipped" not in repairs:
            repairs.append("clipped")
    parts = tuple(ring for ring in parts if len(ring) >= 6 and area(ring) >= SLIVER and not _is_sliver(extent(ring)))
    holes = tuple(ring for ring in holes if len(ring) >= 6 and area(ring) >= SLIVER)
    if not parts:
        return Fitted(reason="zero_area")
    if holes:
        repairs.append("holes_filled" if options.holes == "fill" else "holes_bridged")
        holes = () if options.holes == "fill" else holes
    if len(parts) > 1:
        done = {"bridge": "parts_bridged", "split": "parts_split", "largest": "parts_dropped"}
        repairs.append(done[options.parts])
    if options.parts == "largest":
        parts = (max(parts, key=area),)
    if options.parts == "split" and len(parts) > 1:
        rings = [bridge((part,), [hole for hole in holes if _holds(part, hole)]) for part in parts]
    elif len(parts) == 1 and not holes:
        rings = [parts[0]]
    else:
        rings = [bridge(parts, [hole for hole in holes if any(_holds(part, hole) for part in parts)])]
    name, place = annotation.name, annotation.place
    return Fitted(tuple(Annotation(name, extent(ring), place, parts=(ring,)) for ring in rings), tuple(repairs))


def _sticks_out(rings: tuple[Ring, ...], size: Size) -> bool:
    return any(min(ring) < 0 or max(ring[::2]) > size[0] or max(ring[1::2]) > size[1] for ring in rings if ring)


def _holds(part: Ring, hole: Ring) -> bool:
    a, b = extent(part), extent(hole)
    return a[0] <= b[0] and a[1] <= b[1] and b[2] <= a[2] and b[3] <= a[3]


def _within(ring: Ring, size: Size) -> Ring:
    """Each coordinate moved into the image; an oriented box cut at the border would not be one."""
    return tuple(min(max(value, 0.0), float(size[i % 2])) for i, value in enumerate(ring))


def _keypoints(points: Ring, size: Size) -> tuple[Ring, bool]:
    """The keypoints, those outside the image not labelled; and whether there were any of those."""
    kept: list[float] = []
    moved = False
    for x, y, v in zip(points[::3], points[1::3], points[2::3], strict=True):
        inside = -_HAIR <= x <= size[0] + _HAIR and -_HAIR <= y <= size[1] + _HAIR
        moved |= bool(v) and not inside
        kept += [min(max(x, 0.0), float(size[0])), min(max(y, 0.0), float(size[1])), v] if v and inside else [0.0] * 3
    return tuple(kept), moved
