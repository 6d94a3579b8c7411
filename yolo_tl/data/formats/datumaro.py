"""Datumaro JSON: ``annotations/<subset>.json`` with the categories and the items, images in ``images/<subset>``.

``size`` is [height, width]; boxes are [x, y, width, height] and points x, y in px, 0-based. A
``group`` other than 0 joins the shapes of one object (``datumaro/plugins/data_formats/datumaro``). CVAT writes
its rotation, clockwise about the centre, as an attribute of the box, and skeletons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from yolo_tl.data.documents import load_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.geometry.rle import rings_of_rle
from yolo_tl.data.geometry.shapes import ellipse, rotated
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, entries, found, typed
from yolo_tl.data.reading.references import file_name, locate, unmentioned
from yolo_tl.data.records import (
    Annotation,
    ClassOrder,
    Dropped,
    Event,
    ImageRecord,
    KeypointOrder,
    Ring,
    Size,
    replace,
)
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

_NOT_OBJECTS = ("caption", "hash_key", "feature_vector", "tabular")
_TRUE = (True, "1", "true", "True", "yes")


class _Label(Struct):
    name: str
    parent: str | None = ""


class _Skeleton(Struct):
    label_id: int
    labels: list[str] = []


class _Subset(Struct):
    """One annotation file: its class names, the keypoint names of each class, its items."""

    path: Path
    names: tuple[str, ...]
    skeletons: dict[str, tuple[str, ...]]
    items: list[Any]


def sniff(tree: Tree) -> str | None:
    """JSON objects with items and categories."""
    files = _files(tree)
    return f"{len(files)} JSON files with categories and items: {tree.relative(files[0])}" if files else None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The items of each subset in turn.

    Raises:
        DataError: a name fits several images equally well.
        ParseError: a file is not JSON, or its categories or items are not what they should be.
    """
    del options
    subsets = [_load(path) for path in _files(tree)]
    keypoints = tuple(dict.fromkeys(name for subset in subsets for of in subset.skeletons.values() for name in of))
    if keypoints:
        yield KeypointOrder(keypoints)
    mentioned: set[Path] = set()
    for subset in subsets:
        # The points of a skeleton are labels as well, children of that of the skeleton.
        points = {name for of in subset.skeletons.values() for name in of} - subset.skeletons.keys()
        yield ClassOrder(tuple(dict.fromkeys(name for name in subset.names if name not in points)))
        path, split = subset.path, split_in(subset.path.stem) or split_of_folder(tree.relative(subset.path))
        for number, item in enumerate(subset.items, start=1):
            name = _name(item)
            place = f"item {number}" if name is None else f"item {name}"
            annotations: list[Annotation] = []
            for event in _joined(_annotations(item, subset, keypoints, place)):
                if isinstance(event, Annotation) and name is None:
                    event = Dropped("no_image", path, event.place, "expected an item with an id or an image")
                if isinstance(event, Dropped):
                    yield event
                else:
                    annotations.append(event)
            if name is not None:
                image = _image(tree, item, name, path, split)
                mentioned.add(image)
                yield ImageRecord(image, path, tuple(annotations), split=split, size=_size(item))
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    def fits(path: Path) -> bool:
        kind, keys = tree.json_outline(path)
        return kind == "object" and ({"items", "categories"} <= keys or "dm_format_version" in keys)

    return [path for path in tree.files(".json") if fits(path)]


def _load(path: Path) -> _Subset:
    document: dict[str, Any] = load_json(path, dict[str, Any])
    place = "categories"
    try:
        categories = typed(document.get("categories") or {}, dict[str, Any])
        labels = _within(categories, "label", "labels", list[_Label])
        skeletons = _within(categories, "points", "items", list[_Skeleton])
        place = "items"
        items = entries(document.get("items"))
    except ValueError as error:
        raise ParseError(path, str(error), place=place) from error
    names = tuple(label.name.strip() for label in labels)
    named = {names[s.label_id]: tuple(s.labels) for s in skeletons if 0 <= s.label_id < len(names)}
    return _Subset(path, names, named, items)


def _within(categories: dict[str, Any], outer: str, inner: str, type: type[list[Any]]) -> Any:
    return typed((typed(categories.get(outer) or {}, dict[str, Any])).get(inner) or [], type)


def _name(item: Any) -> str | None:
    """The name of an item: that of its image, else its id; None for a point cloud."""
    if not isinstance(item, dict) or ("point_cloud" in item and "image" not in item):
        return None
    for key in ("image", "media"):
        media = item.get(key)
        if isinstance(media, dict) and isinstance(media.get("path"), str) and media["path"].strip():
            return str(media["path"])
    return class_name(item.get("id")) or None


def _image(tree: Tree, item: dict[str, Any], name: str, source: Path, split: str | None) -> Path:
    """By its path, then by its id, which has no suffix."""
    references = [f"{source.stem}/{text}" for text in (name, class_name(item.get("id"))) if text]
    for reference in references:
        for any_suffix in (False, True):
            if (image := tree.find_image(reference, near=source, split=split, any_suffix=any_suffix)) is not None:
                return image
    return locate(tree, [name if Path(file_name(name)).suffix else f"{name}.jpg"], near=source, split=split)


def _size(item: Any) -> Size | None:
    image = item.get("image")
    try:
        height, width = typed(image["size"] if isinstance(image, dict) and "size" in image else (), tuple[int, int])
    except ValueError:
        return None
    return (width, height) if min(width, height) > 0 else None


def _annotations(
    item: Any, subset: _Subset, keypoints: tuple[str, ...], place: str
) -> Iterator[tuple[int, Annotation | Dropped]]:
    """The group of each annotation, 0 for none, and what it says."""
    try:
        found_entries = entries(typed(item, dict[str, Any]).get("annotations"))
    except ValueError as error:
        yield 0, Dropped("malformed", subset.path, place, str(error))
        return
    for number, entry in enumerate(found_entries, start=1):
        where = f"{place}, annotation {number}"
        if not isinstance(entry, dict):
            yield 0, Dropped("malformed", subset.path, where, f"expected an annotation, found {found(entry)}")
            continue
        group = entry.get("group")
        try:
            yield group if isinstance(group, int) else 0, _annotation(entry, subset, keypoints, where)
        except ValueError as error:
            detail = f"{found(entry.get('type'))}: {error}"
            yield 0, Dropped("malformed", subset.path, where, detail)


def _annotation(entry: dict[str, Any], subset: _Subset, keypoints: tuple[str, ...], place: str) -> Annotation | Dropped:
    """Raises ValueError where the geometry is malformed."""
    kind = entry.get("type")
    if kind in _NOT_OBJECTS:
        return Dropped("not_an_object", subset.path, place, f"{kind}: {found(entry.get(kind))}")
    label = entry.get("label_id")
    if label is None:
        return Dropped("no_class", subset.path, place, f"{found(kind)} has no label_id")
    index = typed(label, int)
    if not 0 <= index < len(subset.names):
        detail = f"expected a label_id from 0 to {len(subset.names) - 1}, found {index}"
        return Dropped("unknown_category", subset.path, place, detail)
    attributes = entry.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    crowd, difficult = attributes.get("is_crowd") in _TRUE, attributes.get("difficult") in _TRUE
    base = Annotation(subset.names[index], None, place, crowd=crowd, difficult=difficult)
    shaped = _shaped(base, kind, entry, attributes, subset, keypoints)
    return shaped or Dropped("unsupported_shape", subset.path, place, f"{base.name}: {found(kind)}")


def _shaped(
    base: Annotation,
    kind: Any,
    entry: dict[str, Any],
    attributes: dict[str, Any],
    subset: _Subset,
    keypoints: tuple[str, ...],
) -> Annotation | None:
    """`base` with the geometry of `entry`, or None where its kind has none that we know."""
    if kind == "label":
        return base
    if kind == "bbox":
        x, y, width, height = typed(entry.get("bbox"), tuple[float, float, float, float])
        degrees = typed(attributes.get("rotation") or 0.0, float)
        if degrees % 360:
            return replace(base, corners=rotated(x, y, x + width, y + height, degrees))
        return replace(base, box=(x, y, x + width, y + height))
    if kind == "polygon":
        ring = tuple(typed(entry.get("points"), list[float]))
        if len(ring) < 6 or len(ring) % 2:
            raise ValueError(f"expected three points or more, found {len(ring)} numbers")
        return replace(base, parts=(ring,))
    if kind == "ellipse":
        x1, y1, x2, y2 = typed(entry.get("points"), tuple[float, float, float, float])
        ring = ellipse(x1 / 2 + x2 / 2, y1 / 2 + y2 / 2, abs(x2 - x1) / 2, abs(y2 - y1) / 2)
        return replace(base, parts=(ring,))
    if kind == "mask":
        parts, holes = rings_of_rle(entry.get("rle"))
        if not parts:
            raise ValueError("no pixel of the mask is set")
        return replace(base, parts=parts, holes=holes)
    if kind in ("points", "skeleton") and (names := subset.skeletons.get(base.name)):
        points = _points(entry, names) if kind == "points" else _elements(entry, subset)
        flat = [value for name in keypoints for value in points.get(name, (0.0, 0.0, 0.0))]
        return replace(base, keypoints=tuple(flat))
    return None


def _points(entry: dict[str, Any], names: tuple[str, ...]) -> dict[str, Ring]:
    values = typed(entry.get("points"), list[float])
    count = len(values) // 2
    visibility = typed(entry.get("visibility") or [2] * count, list[int])
    if not len(values) == 2 * count == 2 * len(visibility) or count > len(names):
        raise ValueError(
            f"expected {len(names)} points, found {len(values)} numbers and {len(visibility)} visibilities"
        )
    return {name: (x, y, float(v)) for name, x, y, v in zip(names, values[::2], values[1::2], visibility, strict=False)}


def _elements(entry: dict[str, Any], subset: _Subset) -> dict[str, Ring]:
    """The points of a skeleton, each an annotation with a label of its own."""
    points: dict[str, Ring] = {}
    for element in typed(entry.get("elements"), list[dict[str, Any]]):
        index = typed(element.get("label_id"), int)
        if not 0 <= index < len(subset.names):
            raise ValueError(f"expected a label_id from 0 to {len(subset.names) - 1}, found {index}")
        points |= _points(element, (subset.names[index],))
    return points


def _joined(pieces: Iterable[tuple[int, Annotation | Dropped]]) -> Iterator[Annotation | Dropped]:
    """The shapes of one group and label as one object, unless it has several boxes: then these are objects."""
    groups: dict[tuple[int, str], list[Annotation]] = {}
    for number, (group, item) in enumerate(pieces):
        if isinstance(item, Dropped):
            yield item
        else:  # what belongs to no group is one by itself
            groups.setdefault((group, item.name) if group and not item.is_tag else (-number, "\n"), []).append(item)
    for members in groups.values():
        boxed = [item for item in members if item.box or item.corners or item.keypoints]
        if len([item for item in boxed if not item.keypoints]) > 1 or sum(bool(i.keypoints) for i in boxed) > 1:
            yield from boxed
            members = [item for item in members if item not in boxed]
        if members:
            yield _one(members)


def _one(members: list[Annotation]) -> Annotation:
    first = members[0]
    return (
        first
        if len(members) == 1
        else replace(
            first,
            box=next((item.box for item in members if item.box), None),
            corners=next((item.corners for item in members if item.corners), ()),
            parts=tuple(ring for item in members for ring in item.parts),
            holes=tuple(ring for item in members for ring in item.holes),
            keypoints=next((item.keypoints for item in members if item.keypoints), ()),
            crowd=any(item.crowd for item in members),
            difficult=any(item.difficult for item in members),
        )
    )


FORMAT = Format(
    name="datumaro",
    looks_for='Datumaro: .json files with "categories" and "items"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
