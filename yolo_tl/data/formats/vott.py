"""VoTT (microsoft/VoTT): the JSON export of version 2, its files of single assets, and projects of version 1.

Version 2: boxes are px, 0-based, with left, top, width and height; ``tags`` gives the order of the
classes. An asset of state 0 was never looked at. Version 1: corners in px of the ``width`` and ``height``
that each region states, to which the image was shown when it was drawn.

A region with several tags is an object of each. Frames of one video belong together. VoTT's CSV export is
a plain CSV, and read as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from yolo_tl.data.documents import load_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.geometry.shapes import extent, ring
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, found, typed
from yolo_tl.data.reading.references import image_called, unmentioned
from yolo_tl.data.records import XYXY, Annotation, ClassOrder, Dropped, Event, ImageRecord, Note, Size
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

_NOT_VISITED = 0
_BOXES = ("RECTANGLE", "SQUARE", "rect", "Rectangle", "square", "Square")


class _Size(msgspec.Struct):
    width: Any = None
    height: Any = None


class _Parent(msgspec.Struct):
    name: str = ""


class _Asset(msgspec.Struct):
    id: str = ""
    name: str = ""
    path: str = ""
    size: _Size | None = None
    state: int | None = None
    parent: _Parent | None = None


class _Metadata(msgspec.Struct):
    """One asset with its regions."""

    asset: _Asset
    regions: list[Any] | None = None


class _Export(msgspec.Struct):
    assets: dict[str, _Metadata]
    tags: list[Any] | None = None


class _Version1(msgspec.Struct):
    frames: dict[str, list[Any] | None]
    inputTags: str = ""
    visitedFrames: list[Any] | None = None


class _Bounds(msgspec.Struct):
    left: float
    top: float
    width: float
    height: float


class _Point(msgspec.Struct):
    x: float
    y: float


class _Region(msgspec.Struct):
    type: Any = None
    tags: Any = None
    boundingBox: Any = None
    points: Any = None


class _Region1(msgspec.Struct):
    x1: float
    y1: float
    x2: float
    y2: float
    width: float | None = None
    height: float | None = None
    type: Any = None
    tags: Any = None


def sniff(tree: Tree) -> str | None:
    """JSON files with assets and tags, with an asset and regions, or with frames and inputTags."""
    files = _annotation_files(tree)
    if not files:
        return None
    counts = {kind: sum(found_kind == kind for _, found_kind in files) for kind in ("export", "asset", "version 1")}
    words = {
        "export": "with assets and tags",
        "asset": "of one asset and its regions",
        "version 1": "of version 1 with frames and inputTags",
    }
    return "JSON files of VoTT: " + ", ".join(f"{count} {words[kind]}" for kind, count in counts.items() if count)


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of the exports, then those of files of single assets that no export holds.

    Raises:
        ParseError: a file is not JSON, or not what VoTT writes.
        DataError: an image is named that fits several files equally well.
    """
    del options
    files = sorted(_annotation_files(tree), key=lambda file: file[1] == "asset")
    known: set[str] = set()
    mentioned: set[Path] = set()
    repeated: list[Path] = []
    for path, kind in files:
        split = split_in(path.stem) or split_of_folder(tree.relative(path))
        if kind == "version 1":
            events = _version_1(path, tree, split)
        elif kind == "export":
            export: _Export = load_json(path, _Export)
            yield ClassOrder(tuple(dict.fromkeys(_tag_names(export.tags))))
            known.update(item.asset.id or key for key, item in export.assets.items())
            events = (event for item in export.assets.values() for event in _asset(item, path, tree, split))
        else:
            item: _Metadata = load_json(path, _Metadata)
            if item.asset.id and item.asset.id in known:
                repeated.append(path)
                continue
            events = _asset(item, path, tree, split)
        for event in events:
            if isinstance(event, ImageRecord):
                mentioned.add(event.path)
            yield event
    if repeated:
        first = tree.relative(repeated[0])
        yield Note(f"{len(repeated)} files of single assets are in an export as well and are not read, first: {first}")
    yield from unmentioned(tree, mentioned)


def _annotation_files(tree: Tree) -> list[tuple[Path, str]]:
    files = [(path, _kind(*tree.json_outline(path))) for path in tree.files(".json")]
    return [(path, kind) for path, kind in files if kind]


def _kind(kind: str, keys: frozenset[str]) -> str:
    if kind != "object":
        return ""
    if {"assets", "tags"} <= keys:
        return "export"
    if {"asset", "regions"} <= keys or keys == {"asset"}:
        return "asset"
    return "version 1" if "frames" in keys and keys & {"inputTags", "visitedFrames", "tag_colors"} else ""


def _tag_names(tags: list[Any] | None) -> Iterator[str]:
    for tag in tags or ():
        if name := class_name(tag.get("name") if isinstance(tag, dict) else tag):
            yield name


def _asset(item: _Metadata, source: Path, tree: Tree, split: str | None) -> Iterator[Event]:
    asset = item.asset
    reference = _reference(asset)
    if not reference:
        raise ParseError(source, "expected an asset with a name, found none", place=f"asset {asset.id}")
    annotations: list[Annotation] = []
    for number, value in enumerate(item.regions or (), start=1):
        for one in _region(value, source, f"{asset.name or reference}, region {number}"):
            if isinstance(one, Dropped):
                yield one
            else:
                annotations.append(one)
    image = image_called(tree, reference, near=source, split=split)
    yield ImageRecord(
        image,
        source,
        tuple(annotations),
        split=split or split_of_folder(image.relative_to(tree.image_root).as_posix()),
        size=_size(asset.size),
        labelled=bool(item.regions) or asset.state != _NOT_VISITED,
        group=asset.parent.name or None if asset.parent else None,
    )


def _reference(asset: _Asset) -> str:
    """The name of the image; with the folders of its path where the path ends in the name."""
    path = unquote(asset.path.partition(":")[2] if asset.path.startswith("file:") else asset.path)
    path = path.replace("\\", "/").split("?")[0]
    return path if not asset.name or path.endswith(f"/{asset.name}") else asset.name


def _size(size: _Size | None) -> Size | None:
    sides = (size.width, size.height) if size else ()
    if len(sides) == 2 and all(type(side) is int and side > 0 for side in sides):
        return sides[0], sides[1]
    return None


def _region(value: Any, source: Path, place: str) -> Iterator[Annotation | Dropped]:
    """An annotation for each tag of a region."""
    try:
        if not isinstance(value, dict):
            raise ValueError(f"expected a region, found {found(value)}")
        region = typed(value, _Region)
        names = _tags(region.tags)
    except ValueError as error:
        yield Dropped("malformed", source, place, str(error))
        return
    if not names:
        yield Dropped("no_class", source, place, "the region has no tag")
    for name in names:
        if region.type not in (*_BOXES, "POLYGON", None):
            yield Dropped("unsupported_shape", source, place, f"{name}: {found(region.type)} has no area")
            continue
        try:
            bounds = typed(region.boundingBox, _Bounds) if region.boundingBox is not None else None
            points = ring((point.x, point.y) for point in typed(region.points or [], list[_Point]))
        except ValueError as error:
            yield Dropped("malformed", source, place, f"{name}: {error}")
            continue
        box: XYXY | None = None
        if bounds:
            box = (bounds.left, bounds.top, bounds.left + bounds.width, bounds.top + bounds.height)
        if region.type == "POLYGON":
            if len(points) < 6:
                yield Dropped("too_few_points", source, place, f"{name}: a polygon of {len(points) // 2} points")
            else:
                yield Annotation(name, box, place, parts=(points,))
        elif box is None and len(points) < 4:
            yield Dropped("no_box", source, place, f"{name}: neither a boundingBox nor points")
        else:
            yield Annotation(name, box or extent(points), place)


def _tags(tags: Any) -> list[str]:
    if isinstance(tags, str):
        tags = [tags]
    if tags is not None and not isinstance(tags, list):
        raise ValueError(f"expected a list of tags, found {found(tags)}")
    return list(dict.fromkeys(_tag_names(tags)))


def _version_1(path: Path, tree: Tree, split: str | None) -> Iterator[Event]:
    """A project of version 1: frames by the name of their image, or by a number, which names none."""
    project: _Version1 = load_json(path, _Version1)
    yield ClassOrder(tuple(dict.fromkeys(name.strip() for name in project.inputTags.split(",") if name.strip())))
    visited = {str(frame) for frame in project.visitedFrames or ()}
    unseen = sorted(name for name in visited - project.frames.keys() if not name.isdecimal())
    known = frozenset(tree.images)
    numbered: list[str] = []
    for name, values in {**project.frames, **dict.fromkeys(unseen)}.items():
        regions = [_region_1(value, path, f"frame {name}, region {i}") for i, value in enumerate(values or (), 1)]
        image = image_called(tree, name, near=path, split=split)
        if name.isdecimal() and image not in known:
            numbered.append(name)
            for _, items in regions:
                for item in items:
                    yield Dropped("unknown_image", path, item.place, f"which image is frame {name} is not said")
            continue
        drawn = next((size for size, _ in regions if size is not None), None)
        annotations = []
        for size, items in regions:
            width, height = size or drawn or (1.0, 1.0)
            for item in items:
                if isinstance(item, Dropped):
                    yield item
                    continue
                assert item.box is not None
                x1, y1, x2, y2 = item.box
                box = x1 / width, y1 / height, x2 / width, y2 / height
                annotations.append(Annotation(item.name, box, item.place))
        labelled = bool(values) or not visited or name in visited
        yield ImageRecord(image, path, tuple(annotations), split=split, relative=drawn is not None, labelled=labelled)
    if numbered:
        yield Note(
            f"{path.name}: {len(numbered)} frames have a number for a name, first: {numbered[0]}; "
            "export the frames as images, or the project as VoTT 2"
        )


def _region_1(
    value: Any, source: Path, place: str
) -> tuple[tuple[float, float] | None, tuple[Annotation | Dropped, ...]]:
    """The size in which a region is drawn, and an annotation for each of its tags."""
    try:
        if not isinstance(value, dict):
            raise ValueError(f"expected a region, found {found(value)}")
        region = typed(value, _Region1)
        names = _tags(region.tags)
    except ValueError as error:
        return None, (Dropped("malformed", source, place, str(error)),)
    size = None
    if region.width and region.height and region.width > 0 and region.height > 0:
        size = region.width, region.height
    if not names:
        return size, (Dropped("no_class", source, place, "the region has no tag"),)
    if region.type not in (*_BOXES, None):
        return size, (Dropped("unsupported_shape", source, place, f"{found(region.type)} is no rectangle"),)
    return size, tuple(Annotation(name, (region.x1, region.y1, region.x2, region.y2), place) for name in names)


FORMAT = Format(
    name="vott",
    looks_for='VoTT: .json files with "assets" and "tags"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
