"""COCO instances: one JSON file, or one a split.

Boxes are [x, y, width, height] in px, 0-based. Category ids may be sparse, start at 0 or
be strings; only their order is used.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note, Size
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

Json = dict[str, Any]


def sniff(tree: Tree) -> str | None:
    """JSON files with a list of images and one of annotations or categories."""
    files = _annotation_files(tree)
    if not files:
        return None
    names = ", ".join(tree.relative(path) for path in files[:3]) + (", ..." if len(files) > 3 else "")
    return f"{len(files)} JSON files with images, annotations and categories: {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each JSON file in turn.

    Raises:
        ParseError: a file is not JSON, or a part of it is not what COCO says it is.
    """
    del options
    for path in _annotation_files(tree):
        document = _load(path)
        images, categories = _images(document, path), _categories(document, path)
        split = split_in(path.stem) or split_of_folder(tree.relative(path))
        found: dict[str, list[Annotation]] = {key: [] for key in images}
        used: set[str] = set()
        for number, entry in enumerate(_list(document, "annotations", path), start=1):
            place = f"annotation {entry['id']}" if "id" in entry else f"annotation number {number}"
            image, category = _key(entry.get("image_id")), _key(entry.get("category_id"))
            used.add(category)
            if image not in images:
                yield Dropped("unknown_image", path, place, f"image_id {entry.get('image_id')!r} is not in images")
            elif category not in categories:
                detail = f"category_id {entry.get('category_id')!r} is not in categories"
                yield Dropped("unknown_category", path, place, detail)
            elif (box := _box(entry)) is None:
                yield Dropped("no_box", path, place, f"expected four numbers, found bbox {entry.get('bbox')!r}")
            else:
                corners, repair = box
                crowd = bool(entry.get("iscrowd"))
                found[image].append(Annotation(categories[category]["name"], corners, place, crowd, repair=repair))
        yield from _class_order(categories, used, path)
        for key, image_entry in images.items():
            name = _file_name(image_entry, path)
            image_path = tree.find_image(name, near=path, split=split) or tree.image_root / Path(name).name
            size = _size(image_entry)
            yield ImageRecord(image_path, path, tuple(found[key]), split=split, size=size)


def _annotation_files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".json") if _looks_like_coco(path)]


def _looks_like_coco(path: Path) -> bool:
    """By its keys, without parsing: such a file may hold hundreds of megabytes."""
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        has_images = re.search(rb'"images"\s*:\s*\[', content)
        return bool(has_images and re.search(rb'"(annotations|categories)"\s*:\s*\[', content))


def _load(path: Path) -> Json:
    try:
        document = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise ParseError(path, f"malformed JSON at column {error.colno}: {error.msg}", line=error.lineno) from error
    except UnicodeDecodeError as error:
        raise ParseError(path, f"expected UTF-8 text: {error}") from error
    if not isinstance(document, dict):
        raise ParseError(path, f"expected a JSON object, found a {type(document).__name__}")
    return document


def _list(document: Json, key: str, path: Path) -> list[Json]:
    entries = document.get(key, [])
    if not isinstance(entries, list):
        raise ParseError(path, f"expected a list, found a {type(entries).__name__}", place=key)
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ParseError(path, f"expected an object, found {entry!r}", place=f"{key}[{i}]")
    return entries


def _images(document: Json, path: Path) -> dict[str, Json]:
    images: dict[str, Json] = {}
    for i, entry in enumerate(_list(document, "images", path)):
        key = _key(entry.get("id"))
        if key in images:
            raise ParseError(path, f"expected unique image ids, found {entry.get('id')!r} twice", place=f"images[{i}]")
        images[key] = entry
    return images


def _categories(document: Json, path: Path) -> dict[str, Json]:
    categories: dict[str, Json] = {}
    for i, entry in enumerate(_list(document, "categories", path)):
        if not str(entry.get("name", "")).strip():
            raise ParseError(path, f"expected a name, found {entry.get('name')!r}", place=f"categories[{i}]")
        categories[_key(entry.get("id"))] = {**entry, "name": str(entry["name"]).strip()}
    return categories


def _class_order(categories: dict[str, Json], used: set[str], path: Path) -> Iterator[Event]:
    """The names by category id, without the unused super-category that Roboflow puts first."""
    order = sorted(categories, key=lambda key: (0, float(key), key) if _is_number(key) else (1, 0.0, key))
    parents = {categories[key].get("supercategory") for key in order[1:]}
    if len(order) > 1 and order[0] not in used and parents == {categories[order[0]]["name"]}:
        yield Note(
            f"{path.name}: category {categories[order[0]]['name']!r} has no objects and is the parent of the rest"
        )
        order = order[1:]
    names = [categories[key]["name"] for key in order]
    if merged := sorted({name for name in names if names.count(name) > 1}):
        yield Note(f"{path.name}: several categories have one name and become one class: {', '.join(merged)}")
    yield ClassOrder(tuple(dict.fromkeys(names)))


def _box(entry: Json) -> tuple[tuple[float, float, float, float], str] | None:
    """Corners, and what was mended: without a bbox the extent of the polygons is taken."""
    bbox = entry.get("bbox")
    try:
        if bbox:
            x, y, width, height = (float(value) for value in bbox)
            return (x, y, x + width, y + height), ""
        parts = entry.get("segmentation")
        points = [float(value) for value in chain.from_iterable(parts)] if isinstance(parts, list) else []
    except (TypeError, ValueError):
        return None
    if len(points) < 6 or len(points) % 2:
        return None
    return (min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])), "box_from_polygon"


def _file_name(entry: Json, path: Path) -> str:
    name = entry.get("file_name") or entry.get("coco_url")  # LVIS has only the address
    if not isinstance(name, str):
        raise ParseError(path, f"expected a file_name, found {name!r}", place=f"image {entry.get('id')!r}")
    return name


def _size(entry: Json) -> Size | None:
    width, height = entry.get("width"), entry.get("height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return width, height
    return None


def _key(value: Any) -> str:
    """Ids as strings: hand-made files write 1, 1.0 and "1" for the same."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", text))


FORMAT = Format(
    name="coco",
    looks_for='COCO: .json files with "images" and "annotations"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
