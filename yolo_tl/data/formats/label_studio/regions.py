"""The regions of Label Studio: results of one image → annotations.

All numbers are percent of the image's sides. A region is one or several results with one id: a
rectangle, and labels from another control. A rectangle is turned clockwise about its **upper left
corner**, an ellipse about its centre, both in px, since the percent of the two axes differ.
``image_rotation`` is how the image was turned on the screen; the coordinates are not
(``createSerializedResult`` of its front end).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from yolo_tl.data.geometry.rle import rings_of_brush
from yolo_tl.data.geometry.shapes import ellipse, rotated
from yolo_tl.data.reading.fields import class_name, entries, found, typed
from yolo_tl.data.records import Annotation, Dropped, Ring, Size, replace


class Region(Struct):
    """The results that have one id.

    Attributes:
        place: where it is, for people.
        value: the geometry, and what else its first result with one says.
        names: its labels; those of ``Choices`` where it has none.
        parent: id of the region it belongs to, or "".
    """

    place: str
    value: dict[str, Any]
    names: list[str]
    parent: str = ""


class _Rectangle(Struct):
    x: float
    y: float
    width: float
    height: float
    rotation: float | None = None


class _Ellipse(Struct):
    x: float
    y: float
    radiusX: float
    radiusY: float
    rotation: float | None = None


class _Point(Struct):
    x: float
    y: float


def keypoint_names(results: list[Any]) -> set[str]:
    """The labels of the keypoints that belong to a region."""
    if not any(isinstance(result, dict) and (result.get("parentID") or result.get("parent_id")) for result in results):
        return set()
    regions = _regions(results, Path(), "")[0]
    return {n for r in regions.values() if r.parent in regions and _kind(r.value) == "keypoint" for n in r.names}


def declared_size(results: list[Any]) -> Size | None:
    """Width and height of the image in px, as the first result that has them says."""
    for result in results:
        try:
            width, height = typed([result["original_width"], result["original_height"]], tuple[float, float])
            size = int(width), int(height)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if min(size) > 0:
            return size
    return None


def annotations_of(
    results: list[Any], size: Size | None, keypoints: tuple[str, ...], source: Path, place: str
) -> Iterator[Annotation | Dropped]:
    """Every annotation of one image, in shares of its sides.

    Args:
        results: the results, as the JSON has them.
        size: of the image in px; what is turned, and a brush, cannot be read without it.
        keypoints: names of the keypoints, in the order of their coordinates.
        source: the file.
        place: the task.
    """
    regions, dropped = _regions(results, source, place)
    yield from dropped
    points: dict[str, dict[str, Ring]] = {}
    shaped: list[tuple[str, Annotation]] = []
    for key, region in regions.items():
        kind = _kind(region.value)
        try:
            if kind == "keypoint" and region.parent in regions:
                yield from _keypoint(region, points.setdefault(region.parent, {}), source)
                continue
            geometry = _geometry(kind, region, size)
        except ValueError as error:
            yield Dropped("malformed", source, region.place, f"{', '.join(region.names)} {kind}: {error}")
            continue
        if not region.names:
            reason = "no_class" if kind != "attribute" else "not_an_object"
            yield Dropped(reason, source, region.place, f"{kind} without a label: {', '.join(region.value)}")
        elif geometry is None:
            detail = f"{', '.join(region.names)}: {kind}" + (" of no region" if kind == "keypoint" else "")
            yield Dropped("unsupported_shape", source, region.place, detail)
        else:
            shaped += [(key, replace(geometry, name=name)) for name in dict.fromkeys(region.names)]
    parents = {key for key, _ in shaped}
    for key, annotation in shaped:
        at = points.get(key)
        flat = tuple(value for name in keypoints for value in at.get(name, (0.0, 0.0, 0.0))) if at else ()
        yield replace(annotation, keypoints=flat) if flat else annotation
    for key in points.keys() - parents:
        detail = f"{', '.join(points[key])}: keypoints of a region that was dropped"
        yield Dropped("no_region", source, regions[key].place, detail)


def _regions(results: list[Any], source: Path, place: str) -> tuple[dict[str, Region], list[Dropped]]:
    """The regions by id, and what is none: choices of the whole image are regions without geometry."""
    regions: dict[str, Region] = {}
    choices: dict[str, list[str]] = {}
    dropped: list[Dropped] = []
    for number, result in enumerate(results, start=1):
        if isinstance(result, dict) and result.get("type") == "relation":
            continue
        where = f"{place}, result {number}"
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            dropped.append(
                Dropped("malformed", source, where, f"expected a result with a value, found {found(result)}")
            )
            continue
        key = class_name(result.get("id")) or f"#{number}"
        parent = class_name(result.get("parentID") or result.get("parent_id"))
        region = regions.setdefault(key, Region(where, value, [], parent))
        if _kind(region.value) == "attribute":
            region.value = value
        region.parent = region.parent or parent
        for field, listed in value.items():
            if field.endswith("labels"):
                region.names += _names(listed)
            elif field == "choices":
                choices.setdefault(key, []).extend(_names(listed))
    for key, names in choices.items():
        regions[key].names = regions[key].names or names
    return regions, dropped


def _names(listed: Any) -> list[str]:
    try:
        return [name for item in entries(listed) if (name := class_name(item))]
    except ValueError:
        return [class_name(listed)] if class_name(listed) else []


def _kind(value: dict[str, Any]) -> str:
    """What a value describes, by its fields: the type of a result names the control, not the shape."""
    keys = value.keys()
    if "sequence" in keys:
        return "video track"
    if "rle" in keys:
        return "brush"
    if "radiusX" in keys:
        return "ellipse"
    if "points" in keys:
        return "polygon"
    if {"x", "y", "width", "height"} <= keys:
        return "rectangle"
    if {"x", "y"} <= keys and "height" not in keys:
        return "keypoint"
    if "choices" in keys:
        return "choices"
    if shape := keys & {"vertices", "imageDataURL", "maskDataURL", "ranges", "start", "x", "y", "width", "height"}:
        return f"shape of {', '.join(sorted(shape))}"
    return "attribute"


def _geometry(kind: str, region: Region, size: Size | None) -> Annotation | None:
    """An annotation without a name; None where the kind has no geometry that we know.

    Raises:
        ValueError: the numbers are malformed, or cannot be understood without the size of the image.
    """
    value, bare = region.value, Annotation("", None, region.place)
    if kind == "choices":
        return bare
    if kind == "rectangle":
        box = typed(value, _Rectangle)
        x1, y1, x2, y2 = box.x / 100, box.y / 100, (box.x + box.width) / 100, (box.y + box.height) / 100
        if not (box.rotation or 0) % 360:
            return replace(bare, box=(x1, y1, x2, y2))
        width, height = _needed(size)
        about = (x1 * width, y1 * height)
        corners = rotated(*about, x2 * width, y2 * height, box.rotation or 0, about=about)
        return replace(bare, corners=_shares(corners, width, height))
    if kind == "ellipse":
        oval = typed(value, _Ellipse)
        turn = (oval.rotation or 0) % 360
        width, height = _needed(size) if turn else (100, 100)
        sx, sy = width / 100, height / 100
        ring = ellipse(oval.x * sx, oval.y * sy, oval.radiusX * sx, oval.radiusY * sy, turn)
        return replace(bare, parts=(_shares(ring, width, height),))
    if kind == "polygon":
        points = typed(value["points"], list[tuple[float, float]])
        if len(points) < 3:
            raise ValueError(f"expected three points or more, found {len(points)}")
        return replace(bare, parts=(tuple(number / 100 for point in points for number in point),))
    if kind == "brush":
        width, height = _needed(size)
        parts, holes = rings_of_brush(value["rle"], width, height)
        if not parts:
            raise ValueError("no pixel is set")
        return replace(
            bare,
            parts=tuple(_shares(ring, width, height) for ring in parts),
            holes=tuple(_shares(ring, width, height) for ring in holes),
        )
    return None


def _needed(size: Size | None) -> Size:
    if size is None:
        raise ValueError("expected original_width and original_height, without which it has no place")
    return size


def _shares(ring: Ring, width: int, height: int) -> Ring:
    return tuple(number / (height if i % 2 else width) for i, number in enumerate(ring))


def _keypoint(region: Region, points: dict[str, Ring], source: Path) -> Iterator[Dropped]:
    """Enter a keypoint among those of its parent. Raises ValueError where it is malformed."""
    at = typed(region.value, _Point)
    if not region.names:
        yield Dropped("no_class", source, region.place, "keypoint without a label")
    for name in dict.fromkeys(region.names):
        if name in points:
            yield Dropped("duplicate_keypoint", source, region.place, f"its region has a {name} already")
        else:
            points[name] = (at.x / 100, at.y / 100, 1.0 if region.value.get("hidden") is True else 2.0)
