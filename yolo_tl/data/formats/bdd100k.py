"""BDD100K and Scalabel: a list of frames, ``{"frames": [...]}``, or one JSON a frame (the raw labels of 2018).

Corners of ``box2d`` are px, 0-based and **inclusive** (``box2d_to_xyxy`` of ``scalabel/label/transforms.py``
adds one). In ``poly2d`` a vertex is of type L, or C: a control point of a cubic Bézier curve. Drivable areas
and lanes are polygons of the same list, but no objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from yolo_tl.data.documents import load_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.geometry.rle import rings_of_rle
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, entries, found, typed
from yolo_tl.data.reading.references import file_name, locate, unmentioned
from yolo_tl.data.records import (
    XYXY,
    Annotation,
    ClassOrder,
    Dropped,
    Event,
    ImageRecord,
    Note,
    Ring,
    Size,
)
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each
from yolo_tl.errors import ParseError

_HEAD = 1 << 16
_FRAMES = re.compile(rb'"frames"\s*:\s*\[')
_ARRAY_KEYS = frozenset(["labels", "videoName", "frameIndex", "timestamp"])
_NOT_OBJECTS = re.compile(r"(drivable area|lane|(area|lane)/.*)$")
_OF_2018, _OF_2020 = frozenset(["person", "bike", "motor"]), frozenset(["pedestrian", "bicycle", "motorcycle"])
_STEPS = 16  # of a curve


class _Box(Struct):
    x1: float
    y1: float
    x2: float
    y2: float


class _Polygon(Struct):
    vertices: list[tuple[float, float]]
    types: str | None = None
    closed: bool = True


class _Size(Struct):
    width: int
    height: int


class _Frame(Struct):
    """One image as a file speaks of it; `labels` is None where it says nothing of any, not even null."""

    place: str
    name: str = ""
    video: str = ""
    size: Size | None = None
    labels: Any = None


class _File(Struct):
    frames: list[_Frame]
    classes: tuple[str, ...] = ()


def sniff(tree: Tree) -> str | None:
    """JSON with frames, each with a name and labels."""
    files = _files(tree)
    return f"{len(files)} JSON files with frames: {tree.relative(files[0])}" if files else None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The frames in the order of the files; frames of one video are one group.

    Scalabel leaves out what is empty, so that a frame without labels is a background; a list in
    which no frame has any names the images of a test set.

    Raises:
        DataError: a name fits several images equally well.
        ParseError: a file is not JSON, or holds no list of frames.
    """
    files = _files(tree)
    mentioned: set[Path] = set()
    names: set[str] = set()
    order: dict[str, None] = {}
    graphs = 0
    for path, file in zip(files, each(_load, files, workers=options.workers), strict=True):
        order.update(dict.fromkeys(file.classes))
        split = split_in(path.stem) or split_of_folder(tree.relative(path))
        labelled = any(frame.labels is not None for frame in file.frames)
        for frame in file.frames:
            annotations: list[Annotation] = []
            for item in _annotations(frame, path):
                if isinstance(item, Annotation) and not frame.name:
                    item = Dropped("no_image", path, item.place, "expected a frame with a name")
                if isinstance(item, Dropped):
                    yield item
                else:
                    annotations.append(item)
            if frame.name:
                image = _image(tree, frame, path, split)
                mentioned.add(image)
                names.update(item.name for item in annotations)
                graphs += sum(map(_has_graph, frame.labels)) if isinstance(frame.labels, list) else 0
                yield ImageRecord(
                    image, path, tuple(annotations), split, frame.size, labelled=labelled, group=frame.video or None
                )
    if order:
        yield ClassOrder(tuple(order))
    if graphs:
        yield Note(f"{graphs} labels have a graph beside their box: keypoints are not read")
    if names & _OF_2018 and names & _OF_2020:
        both = ", ".join(sorted(names & (_OF_2018 | _OF_2020)))
        yield Note(f"class names of 2018 and of 2020 both appear and are kept as written: {both}")
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".json") if _fits(*tree.json_outline(path), path)]


def _fits(kind: str, keys: frozenset[str], path: Path) -> bool:
    if kind == "array":
        return "name" in keys and bool(keys & _ARRAY_KEYS)
    if kind != "object" or "frames" not in keys:
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD).replace(b"\x00", b"")  # UTF-16 has a zero in each pair of bytes
    except OSError:
        return False
    frames = _FRAMES.search(head)
    return frames is not None and any(key in head[frames.end() :] for key in (b'"name"', b'"labels"', b'"objects"'))


def _load(path: Path) -> _File:
    document: Any = load_json(path)
    if isinstance(document, list):
        document = {"frames": document}
    try:
        content = typed(document, dict[str, Any])
        listed = entries(content.get("frames"))
    except ValueError as error:
        raise ParseError(path, str(error), place="frames") from error
    config = _object(content.get("config"))
    size = _size(config.get("imageSize"))
    frames = [_frame(entry, f"frame {number}", size) for number, entry in enumerate(listed, start=1)]
    if frames and not frames[0].name:  # the raw labels of 2018: one file and one frame an image
        frames[0].name = class_name(content.get("name"))
    return _File(frames, tuple(_leaves(config.get("categories"))))


def _frame(entry: Any, place: str, size: Size | None) -> _Frame:
    frame = _object(entry)
    labels = next((frame[key] for key in ("labels", "objects") if frame.get(key) is not None), None)
    if labels is None and (not isinstance(entry, dict) or "labels" in frame):
        labels = [] if isinstance(entry, dict) else [entry]  # what is no frame is reported as a malformed label
    name, video = class_name(frame.get("name")), class_name(frame.get("videoName"))
    return _Frame(f"frame {name}" if name else place, name, video, _size(frame.get("size")) or size, labels)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _size(value: Any) -> Size | None:
    try:
        size = typed(value, _Size)
    except ValueError:
        return None
    return (size.width, size.height) if min(size.width, size.height) > 0 else None


def _leaves(categories: Any, depth: int = 0) -> Iterator[str]:
    """The names of the categories that have no subcategories."""
    for entry in categories if isinstance(categories, list) and depth < 8 else ():
        category = _object(entry)
        if category.get("subcategories"):
            yield from _leaves(category["subcategories"], depth + 1)
        elif name := class_name(category.get("name")):
            yield name


def _image(tree: Tree, frame: _Frame, source: Path, split: str | None) -> Path:
    """By its name, with the folder of the video where it is of one; the raw labels leave out the suffix."""
    reference = f"{frame.video}/{frame.name}" if frame.video else frame.name
    for any_suffix in (False, True):
        image = tree.find_image(reference, near=source, split=split, any_suffix=any_suffix)
        if image is not None:
            return image
    return locate(tree, [reference if Path(file_name(reference)).suffix else f"{reference}.jpg"], near=source)


def _annotations(frame: _Frame, source: Path) -> Iterator[Annotation | Dropped]:
    try:
        labels = entries(frame.labels)
    except ValueError as error:
        yield Dropped("malformed", source, frame.place, f"labels: {error}")
        return
    for number, label in enumerate(labels, start=1):
        place = f"{frame.place}, label {number}"
        if not isinstance(label, dict):
            yield Dropped("malformed", source, place, f"expected a label, found {found(label)}")
            continue
        name = class_name(label.get("category"))
        try:
            yield _annotation(label, name, source, place)
        except ValueError as error:
            yield Dropped("malformed", source, place, f"{name}: {error}")


def _has_graph(label: Any) -> bool:
    shaped = _object(label)
    return shaped.get("graph") is not None and any(shaped.get(key) is not None for key in ("box2d", "poly2d", "rle"))


def _annotation(label: dict[str, Any], name: str, source: Path, place: str) -> Annotation | Dropped:
    """Raises ValueError where the geometry is malformed."""
    if not name:
        return Dropped("no_class", source, place, f"expected a category, found {found(label.get('category'))}")
    if _NOT_OBJECTS.match(name):
        return Dropped("not_an_object", source, place, name)
    box: XYXY | None = None
    parts: tuple[Ring, ...] = ()
    holes: tuple[Ring, ...] = ()
    if label.get("box2d") is not None:
        box = _inclusive(typed(label["box2d"], _Box))
    if label.get("poly2d") is not None:
        polygons = _polygons(label["poly2d"])
        if not all(polygon.closed for polygon in polygons):
            return Dropped("not_an_object", source, place, f"{name} is an open line")
        parts = tuple(_flat(polygon) for polygon in polygons)
    if label.get("rle") is not None:
        more, holes = rings_of_rle(label["rle"])
        parts = (*parts, *more)
    if box is None and not parts:
        kinds = ", ".join(key for key in ("box3d", "graph") if label.get(key) is not None)
        reason = "unsupported_shape" if kinds else "no_box"
        return Dropped(reason, source, place, f"{name} has {kinds or 'no box2d, poly2d or rle'}")
    crowd = bool(_object(label.get("attributes")).get("crowd"))
    return Annotation(name, box, place, crowd=crowd, parts=parts, holes=holes)


def _inclusive(box: _Box) -> XYXY:
    # Of a swapped pair the larger is the inclusive end; it is the one to shift.
    end_x, end_y = box.x2 >= box.x1, box.y2 >= box.y1
    return box.x1 + (not end_x), box.y1 + (not end_y), box.x2 + end_x, box.y2 + end_y


def _polygons(value: Any) -> list[_Polygon]:
    """Of today, a list of polygons; of 2018, one polygon as a list of [x, y, type]."""
    if isinstance(value, list) and value and all(isinstance(point, list) for point in value):
        points = typed(value, list[tuple[float, float, str]])
        return [_Polygon([(x, y) for x, y, _ in points], "".join(kind for _, _, kind in points))]
    return typed(value, list[_Polygon])


def _flat(polygon: _Polygon) -> Ring:
    """A ring of straight lines: each C starts a curve with two control points and an end."""
    types = "L" * len(polygon.vertices) if polygon.types is None else polygon.types
    if len(types) != len(polygon.vertices) or set(types) - {"L", "C"}:
        raise ValueError(f"expected a type, L or C, for each of {len(polygon.vertices)} vertices, found {found(types)}")
    points: list[tuple[float, float]] = []
    ahead = [*polygon.vertices, *polygon.vertices[:1]]  # the last curve may end in the first vertex
    at = 0
    while at < len(types):
        if types[at] == "L" or not points:
            points.append(ahead[at])
            at += 1
        elif at + 2 < len(ahead):
            points += _curve(points[-1], *ahead[at : at + 3])
            at += 3
        else:
            raise ValueError("expected two control points and an end for each curve, found fewer")
    if len(points) > 1 and points[-1] == points[0]:
        points.pop()
    if len(points) < 3:
        raise ValueError(f"expected three points or more, found {len(points)}")
    return tuple(value for point in points for value in point)


def _curve(*points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points on a cubic Bézier curve after its start, its end included."""
    curve = []
    for step in range(1, _STEPS + 1):
        t = step / _STEPS
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x, y = (sum(w * point[axis] for w, point in zip(weights, points, strict=True)) for axis in (0, 1))
        curve.append((x, y))
    return curve


FORMAT = Format(
    name="bdd100k",
    looks_for='BDD100K, Scalabel: .json files with frames that have a "name" and "labels"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
