"""The files that VGG Image Annotator writes, in all their layouts, as one list of images with regions.

Versions 1 and 2 write a project (``_via_img_metadata``) or its images alone, as JSON, and a CSV with JSON
in its cells. Version 3 writes a project of another layout (data format 3.1); its shapes and attributes
are put into the words of version 2 here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from yolo_tl.data.documents import csv_rows, load_json, parse_json
from yolo_tl.data.reading.fields import found, typed
from yolo_tl.data.records import Dropped
from yolo_tl.errors import ParseError

CSV_COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
_IMAGE = 2  # `type` of a file in version 3; others are video and sound
_CHECKBOX = 2  # `type` of an attribute in version 3
_SHAPES = {1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "polyline", 6: "polyline", 7: "polygon"}
_NUMBERS = {
    "point": ("cx", "cy"),
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}


class Region(msgspec.Struct):
    """One region: `shape` and `attributes` as version 2 writes them, unchecked."""

    place: str
    shape: Any
    attributes: Any


class Image(msgspec.Struct):
    """One image: its name as written, the size of its file in bytes (0: not said), what it has."""

    name: str
    bytes: int
    attributes: Any
    regions: list[Region]


class Attribute(msgspec.Struct):
    """What an attribute may be: names by the value that is written; none for free text."""

    options: dict[str, str]
    many: bool = False


class Document(msgspec.Struct):
    """One file.

    Attributes:
        path: of the file.
        images: in the order of the file.
        region_attributes: those declared, by name.
        file_attributes: those declared, by name.
        dropped: what could not be understood.
        notes: what is odd about the file.
    """

    path: Path
    images: list[Image]
    region_attributes: dict[str, Attribute]
    file_attributes: dict[str, Attribute]
    dropped: list[Dropped]
    notes: list[str]


def kind_of(kind: str, keys: frozenset[str], header: tuple[str, ...]) -> str:
    """``project``, ``images`` or ``version 3`` by the outline of a JSON file, ``csv`` by a header, or ""."""
    if kind == "object" and keys:
        if "_via_img_metadata" in keys or {"_via_settings", "_via_attributes"} <= keys:
            return "project"
        if {"project", "config", "attribute"} <= keys or {"attribute", "file", "view", "metadata"} <= keys:
            return "version 3"
        # The key of an image is its name with the size of its file at the end; -1 for one from the web.
        if all(re.search(r"\.\w+?-?\d*$|^https?:", key) for key in keys):
            return "images"
    return "csv" if {"region_shape_attributes", "region_attributes"} <= {cell.lstrip("#") for cell in header} else ""


def is_images(path: Path) -> bool:
    """A JSON file without the frame of a project holds images of VIA: by the fields near its start."""
    try:
        with path.open("rb") as stream:
            head = stream.read(1 << 16).replace(b"\x00", b"")
    except OSError:
        return False
    return b'"filename"' in head and (b'"regions"' in head or b'"file_attributes"' in head)


def load(path: Path, kind: str) -> Document:
    """One file, of the kind that `kind_of` found.

    Raises:
        ParseError: it is not JSON or CSV, or not of that layout.
    """
    if kind == "csv":
        return _csv(path)
    content: Any = load_json(path)
    if not isinstance(content, dict):
        raise ParseError(path, f"expected an object, found {found(content)}")
    document = Document(path, [], {}, {}, [], [])
    if kind == "version 3":
        _version_3(content, document)
        return document
    images = content
    if kind == "project":
        images = _object(content, "_via_img_metadata", path)
        attributes = content.get("_via_attributes")
        if isinstance(attributes, dict):
            document.region_attributes = _declared(attributes.get("region"))
            document.file_attributes = _declared(attributes.get("file"))
    for key, entry in images.items():
        if not isinstance(entry, dict):
            raise ParseError(path, f"expected an image, found {found(entry)}", place=key)
        name = entry.get("filename")
        if not isinstance(name, str) or not name.strip():
            name = re.sub(r"(\.[A-Za-z]+)-?\d+$", r"\1", key)
        size = entry.get("size")
        image = Image(name, size if isinstance(size, int) else 0, entry.get("file_attributes"), [])
        image.regions.extend(_regions(entry.get("regions"), name, document))
        document.images.append(image)
    return document


def _object(content: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = content.get(key)
    if not isinstance(value, dict):
        raise ParseError(path, f"expected an object, found {found(value)}", place=key)
    return value


def _regions(regions: Any, name: str, document: Document) -> Iterator[Region]:
    """The regions of an image: a list (version 2), or an object by number (version 1)."""
    if isinstance(regions, dict):
        items = list(regions.items())
    elif isinstance(regions, list):
        items = [(str(i), region) for i, region in enumerate(regions)]
    elif regions is None:
        return
    else:
        raise ParseError(document.path, f"expected a list of regions, found {found(regions)}", place=name)
    for key, region in items:
        place = f"{name}, region {key}"
        if isinstance(region, dict):
            yield Region(place, region.get("shape_attributes"), region.get("region_attributes"))
        else:
            detail = f"expected a region, found {found(region)}"
            document.dropped.append(Dropped("malformed", document.path, place, detail))


def _declared(attributes: Any) -> dict[str, Attribute]:
    declared: dict[str, Attribute] = {}
    for name, entry in attributes.items() if isinstance(attributes, dict) else ():
        options = entry.get("options") if isinstance(entry, dict) else None
        # Version 2 writes the id of an option; its text is a description, and mostly empty.
        declared[name] = Attribute({key: key for key in options} if isinstance(options, dict) else {})
    return declared


def _csv(path: Path) -> Document:
    document = Document(path, [], {}, {}, [], [])
    images: dict[tuple[str, str], Image] = {}
    counts: dict[tuple[str, str], str] = {}
    columns: list[str] = []
    for line, row in csv_rows(path):
        if not columns:
            columns = [cell.strip().lstrip("#") for cell in row]
            if missing := [column for column in CSV_COLUMNS if column not in columns]:
                raise ParseError(path, f"expected a column {missing[0]}, found {', '.join(columns)}", line=line)
            continue
        cells = dict(zip(columns, row, strict=False))
        place = f"line {line}"
        if len(row) < len(columns) or not cells["filename"].strip():
            detail = f"expected {len(columns)} cells, found {len(row)}"
            document.dropped.append(Dropped("malformed", path, place, detail))
            continue
        key = cells["filename"], cells["file_size"]
        size = cells["file_size"].strip()
        if key not in images:
            attributes = _cell(cells["file_attributes"], path, line)
            images[key] = Image(cells["filename"], int(size) if re.fullmatch(r"\d{1,18}", size) else 0, attributes, [])
            counts[key] = cells["region_count"].strip()
        if cells["region_count"].strip() == "0" and cells["region_shape_attributes"].strip() in ("", "{}"):
            continue
        shape, given = (_cell(cells[name], path, line) for name in ("region_shape_attributes", "region_attributes"))
        images[key].regions.append(Region(place, shape, given))
    document.images = list(images.values())
    short = [
        image.name
        for key, image in images.items()
        if counts[key].isdecimal() and len(image.regions) < int(counts[key][:9])
    ]
    if short:
        document.notes.append(f"{len(short)} images have fewer rows than their region_count says, first: {short[0]}")
    return document


def _cell(text: str, path: Path, line: int) -> Any:
    """The JSON of a cell; its text where it is none, which is for the reader of the region to refuse."""
    try:
        return parse_json(text, path, line=line)
    except ParseError:
        return text


class _View(msgspec.Struct):
    fid_list: list[Any]


class _File(msgspec.Struct):
    fname: str
    type: int = _IMAGE


class _Metadata(msgspec.Struct):
    vid: Any
    xy: list[float] = []
    z: list[Any] = []
    av: dict[str, Any] = {}


def _version_3(content: dict[str, Any], document: Document) -> None:
    path = document.path
    names: dict[str, str] = {}
    for key, entry in _object(content, "attribute", path).items():
        if not isinstance(entry, dict):
            continue
        names[key] = str(entry.get("aname") or key)
        options = entry.get("options")
        pairs = options.items() if isinstance(options, dict) else ()
        texts = {str(value): str(text or value) for value, text in pairs}
        of_image = entry.get("anchor_id") == "FILE1_Z0_XY0"
        declared = document.file_attributes if of_image else document.region_attributes
        declared[names[key]] = Attribute(texts, entry.get("type") == _CHECKBOX)
    views = _object(content, "view", path)
    files = _object(content, "file", path)
    images: dict[str, Image] = {}
    for key, view in views.items():
        try:
            file_ids = typed(view, _View).fid_list
            file = typed(files.get(str(file_ids[0])) if file_ids else None, _File)
        except ValueError as error:
            raise ParseError(path, str(error), place=f"view {key}") from error
        if file.type == _IMAGE:
            images[key] = Image(file.fname, 0, {}, [])
    for key, entry in _object(content, "metadata", path).items():
        place = f"metadata {key}"
        try:
            item = typed(entry, _Metadata)
            image = images.get(str(item.vid))
            if image is None:
                reason = "video" if str(item.vid) in views else "unknown_image"
                document.dropped.append(Dropped(reason, path, place, f"vid {found(item.vid)} is no image"))
                continue
            values = {names.get(name, name): value for name, value in item.av.items()}
            if not item.xy and not item.z:
                image.attributes = {**image.attributes, **values}
                continue
            image.regions.append(Region(place, _shape(item.xy), values))
        except ValueError as error:
            document.dropped.append(Dropped("malformed", path, place, str(error)))
    document.images = list(images.values())


def _shape(xy: list[float]) -> dict[str, Any]:
    """A shape of version 3 in the words of version 2."""
    if not xy:
        return {}
    number, values = (int(xy[0]) if xy[0] in range(1, 10) else 0), xy[1:]
    if number == 8:  # four points on the sides of a rectangle
        xs, ys = values[::2], values[1::2]
        if len(xs) != 4 or len(ys) != 4:
            raise ValueError(f"expected four points, found {len(values)} numbers")
        return {"name": "rect", "x": min(xs), "y": min(ys), "width": max(xs) - min(xs), "height": max(ys) - min(ys)}
    if number == 9:
        return _circle_through(values)
    name = _SHAPES.get(number)
    if name is None:
        raise ValueError(f"expected a shape from 1 to 9, found {xy[0]:g}")
    if name in _NUMBERS:
        if len(values) != len(_NUMBERS[name]):
            raise ValueError(f"expected {len(_NUMBERS[name])} numbers of a {name}, found {len(values)}")
        return {"name": name, **dict(zip(_NUMBERS[name], values, strict=True))}
    return {"name": name, "all_points_x": values[::2], "all_points_y": values[1::2]}


def _circle_through(values: list[float]) -> dict[str, Any]:
    if len(values) != 6:
        raise ValueError(f"expected three points on a circle, found {len(values)} numbers")
    ax, ay, bx, by, cx, cy = values
    bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
    doubled = 2 * (bx * cy - by * cx)
    if doubled == 0:
        raise ValueError("expected three points on a circle, found three on a line")
    x = (cy * (bx * bx + by * by) - by * (cx * cx + cy * cy)) / doubled
    y = (bx * (cx * cx + cy * cy) - cx * (bx * bx + by * by)) / doubled
    return {"name": "circle", "cx": ax + x, "cy": ay + y, "r": (x * x + y * y) ** 0.5}
