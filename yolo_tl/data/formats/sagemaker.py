"""SageMaker Ground Truth and Rekognition: an (augmented) manifest, one JSON object a line.

``source-ref`` is the image. The name of the label attribute is free: it is the key K beside which there is
a key ``K-metadata``. Boxes are ``left, top, width, height`` in px, 0-based; the names of
the classes are in ``K-metadata.class-map``, whose keys are strings and which holds only the classes of
its own row (docs.aws.amazon.com, "Object localization in manifest files").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from yolo_tl.data.documents import load_text, parse_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, entries, found, typed
from yolo_tl.data.reading.references import locate, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note, Ring, Size
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError, ParseError

_META = "-metadata"
_BOXES, _TAGS, _MASK = "object detection", "image classification", "segmentation mask"


class _Box(Struct):
    left: float
    top: float
    width: float
    height: float


class _Vertex(Struct):
    x: float
    y: float


class _Row(Struct):
    source: Path
    line: int
    content: dict[str, Any]

    @property
    def place(self) -> str:
        return f"line {self.line}"


def sniff(tree: Tree) -> str | None:
    """Files whose first line is a JSON object with a source-ref."""
    files = _files(tree)
    return f"{len(files)} manifests with source-ref: {tree.relative(files[0])}" if files else None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images in the order of the lines; a row without the label attribute is not labelled.

    Raises:
        DataError: a name fits several images equally well.
        FormatError: there are several label attributes, and none or another is asked for.
        ParseError: a line is not a JSON object.
    """
    rows = [row for path in _files(tree) for row in _rows(path)]
    attribute, notes = _attribute(rows, options)
    yield from notes
    yield from _class_order(rows, attribute)
    mentioned: set[Path] = set()
    failed: list[str] = []
    for row in rows:
        annotations: list[Annotation] = []
        meta = _object(row.content.get(f"{attribute}{_META}"))
        if "failure-reason" in meta:
            failed.append(f"{row.source.name}:{row.line}: {found(meta['failure-reason'])}")
        reference = row.content.get("source-ref")
        for item in _annotations(row, attribute, meta):
            if isinstance(item, Annotation) and not isinstance(reference, str):
                item = Dropped("no_image", row.source, item.place, f"expected a source-ref, found {found(reference)}")
            if isinstance(item, Dropped):
                yield item
            else:
                annotations.append(item)
        if isinstance(reference, str):
            split = split_in(row.source.stem) or split_of_folder(tree.relative(row.source))
            image = locate(tree, [reference, unquote(reference)], near=row.source, split=split)
            mentioned.add(image)
            labelled = attribute in row.content and "failure-reason" not in meta
            size = _size(row.content.get(attribute))
            yield ImageRecord(image, row.source, tuple(annotations), split=split, size=size, labelled=labelled)
        elif attribute not in row.content:
            yield Note(f"{row.source.name}: {row.place} has no source-ref and is left out")
    if failed:
        yield Note(f"{len(failed)} rows failed to be labelled, first: {failed[0]}")
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    found = tree.files(".manifest", ".jsonl", ".json", ".ndjson")
    return [path for path in found if "source-ref" in tree.json_outline(path)[1]]


def _rows(path: Path) -> Iterator[_Row]:
    # Not `splitlines`: a JSON string may hold the other line separators of Unicode.
    for number, line in enumerate(load_text(path).split("\n"), start=1):
        if line.strip():
            content: Any = parse_json(line, path, Any, line=number)
            if not isinstance(content, dict):
                raise ParseError(path, f"expected an object, found {found(content)}", line=number)
            yield _Row(path, number, content)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _attribute(rows: list[_Row], options: ReadOptions) -> tuple[str, list[Note]]:
    """The label attribute to read, and notes on those that are not; "" where no row is labelled."""
    kinds: dict[str, Counter[str]] = {}
    for row in rows:
        for key, meta in row.content.items():
            name = key.removesuffix(_META)
            if name != key:
                kinds.setdefault(name, Counter())[_kind(name, row.content.get(name), _object(meta))] += 1
    kind_of = {name: counts.most_common(1)[0][0] for name, counts in kinds.items()}
    if options.attribute:
        if options.attribute not in kind_of:
            names = ", ".join(kind_of) or "none"
            raise FormatError(
                f"the manifest has no label attribute {options.attribute!r}", hint=f"its attributes: {names}"
            )
        chosen = options.attribute
    else:
        order = (_TAGS, _BOXES, _MASK, "") if options.task == "classify" else (_BOXES, _TAGS, _MASK, "")
        kind = next((kind for kind in order if kind in kind_of.values()), None)
        candidates = [name for name in kind_of if kind_of[name] == kind]
        if len(candidates) > 1:
            raise FormatError(
                f"the manifest has several label attributes for {kind}: {', '.join(candidates)}",
                hint=f"say which: --attribute {candidates[0]}",
            )
        chosen = candidates[0] if candidates else ""
    others = [name for name in kind_of if name != chosen]
    return chosen, [Note(f"label attribute {name} ({kind_of[name] or 'unknown'}) is not read") for name in others]


def _kind(name: str, value: Any, meta: dict[str, Any]) -> str:
    """What a label attribute holds; "" where this row does not tell."""
    said = meta.get("type")
    said = said if isinstance(said, str) else ""
    if isinstance(value, dict) or "object-detection" in said:
        return _BOXES
    if "class-name" in meta or "classification" in said:
        return _TAGS
    return _MASK if name.endswith("-ref") or "segmentation" in said else ""


def _class_order(rows: list[_Row], attribute: str) -> Iterator[Event]:
    """The names by their ids, over the maps of all rows."""
    names: dict[int, str] = {}
    clash = ""
    for row in rows:
        for key, value in _object(_object(row.content.get(f"{attribute}{_META}")).get("class-map")).items():
            name, number = class_name(value), _number(key)
            if name and number is not None and names.setdefault(number, name) != name:
                clash = clash or f"class {number} is {names[number]!r} and, in {row.place}, {name!r}"
    if clash:
        yield Note(f"the class maps of the rows differ, each row is read by its own: {clash}")
    if names:
        yield ClassOrder(tuple(dict.fromkeys(names[number] for number in sorted(names))))


def _number(value: Any) -> int | None:
    try:
        return typed(value, int)
    except ValueError:
        return None


def _annotations(row: _Row, attribute: str, meta: dict[str, Any]) -> Iterator[Annotation | Dropped]:
    value = row.content.get(attribute)
    if attribute not in row.content or "failure-reason" in meta:
        return
    classes = {_number(key): class_name(name) for key, name in _object(meta.get("class-map")).items()}
    if isinstance(value, dict):
        try:
            boxes = entries(value.get("annotations"))
        except ValueError as error:
            yield Dropped("malformed", row.source, row.place, f"annotations: {error}")
            return
        for number, entry in enumerate(boxes, start=1):
            yield _annotation(entry, classes, row.source, f"{row.place}, annotation {number}")
    elif "class-name" in meta and (name := class_name(meta["class-name"])):
        yield Annotation(name, None, row.place)
    elif isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            yield _tag(entry, classes, row.source, f"{row.place}, class {number}")
    elif isinstance(value, str):
        detail = f"{attribute} is {found(value)}, a picture of classes"
        yield Dropped("unsupported_shape", row.source, row.place, detail)
    else:
        yield _tag(value, classes, row.source, row.place)


def _tag(value: Any, classes: dict[int | None, str], source: Path, place: str) -> Annotation | Dropped:
    name = classes.get(_number(value))
    if not name:
        return Dropped("unknown_category", source, place, f"class {found(value)} is not in the class-map of its row")
    return Annotation(name, None, place)


def _annotation(entry: Any, classes: dict[int | None, str], source: Path, place: str) -> Annotation | Dropped:
    if not isinstance(entry, dict):
        return Dropped("malformed", source, place, f"expected an annotation, found {found(entry)}")
    number = entry.get("class_id")
    name = classes.get(_number(number)) if _number(number) is not None else None
    if not name:
        detail = f"class_id {found(number)} is not in the class-map of its row"
        return Dropped("unknown_category" if "class_id" in entry else "no_class", source, place, detail)
    try:
        if "vertices" in entry:
            vertices = typed(entry["vertices"], list[_Vertex])
            if len(vertices) < 3:
                return Dropped("malformed", source, place, f"{name} has {len(vertices)} vertices, expected 3 or more")
            ring: Ring = tuple(value for vertex in vertices for value in (vertex.x, vertex.y))
            return Annotation(name, None, place, parts=(ring,))
        if not entry.keys() & {"left", "top", "width", "height"}:
            return Dropped("no_box", source, place, f"{name} has no left, top, width and height")
        box = typed(entry, _Box)
    except ValueError as error:
        return Dropped("malformed", source, place, f"{name}: {error}")
    return Annotation(name, (box.left, box.top, box.left + box.width, box.top + box.height), place)


def _size(value: Any) -> Size | None:
    """The first image_size of a box attribute; its third number is the depth."""
    sizes = _object(value).get("image_size")
    first = _object(sizes[0]) if isinstance(sizes, list) and sizes else {}
    width, height = _number(first.get("width")), _number(first.get("height"))
    return (width, height) if width and height and min(width, height) > 0 else None


FORMAT = Format(
    name="sagemaker",
    looks_for='SageMaker: .manifest or .jsonl files whose lines have a "source-ref"',
    suffixes=(".manifest", ".jsonl"),
    sniff=sniff,
    read=read,
)
