"""COCO documents: recognised without being parsed, and parsed without what a task does not need.

A sound document is decoded straight into small structs. Only where it does not fit them is it
taken apart, so that one malformed annotation costs itself and not its file.
"""

from __future__ import annotations

import codecs
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from yolo_tl.data import documents
from yolo_tl.data.reading.fields import found, typed
from yolo_tl.data.records import Dropped, Size
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import uncollected
from yolo_tl.errors import ParseError

Key = int | str
Kind = Literal["instances", "panoptic", ""]
XYWH = tuple[float, float, float, float]

_KEYS = frozenset({"images", "annotations", "categories"})
_LISTS = {key: re.compile(rf'"{key}"\s*:\s*\['.encode()) for key in _KEYS}
_FIELDS = re.compile(rb'"(segments_info|caption|category_id|bbox|segmentation|keypoints)"')
_NEAR = 1 << 20  # bytes in which the fields of the first annotation are looked for
_INTEGER = re.compile(r"(-?\d{1,18})(\.0*)?", re.ASCII)


class Image(Struct, gc=False):
    """An entry of ``images``; its size is 0 x 0 where the file does not say."""

    id: Key
    file_name: str
    width: int = 0
    height: int = 0

    @property
    def size(self) -> Size | None:
        """Width and height in px, where both are positive."""
        return (self.width, self.height) if self.width > 0 and self.height > 0 else None


class _SoundImage(Image, gc=False):
    id: int


class Category(Struct):
    """An entry of ``categories``."""

    id: Key
    name: str
    parent: str = ""
    keypoints: tuple[str, ...] = ()
    is_thing: bool = True


class Entry(Struct, gc=False):
    """An annotation of a sound document, as far as boxes go."""

    image_id: int
    category_id: int
    bbox: XYWH
    id: int
    iscrowd: int = 0
    ignore: int = 0


class ShapedEntry(Entry, gc=False):
    """With its segmentation, not yet decoded."""

    segmentation: Raw = Raw(b"")


class PosedEntry(Entry, gc=False):
    """With its keypoints."""

    keypoints: tuple[float, ...] = ()


class LooseEntry(Struct):
    """An annotation that is not quite what COCO says: any key, with or without a box.

    Attributes:
        id: how the annotation is told from others; ``number 3`` where it has no id.
        bbox: None where it is missing or not four numbers.
        fields: all that the source has.
    """

    image_id: Key
    category_id: Key
    bbox: XYWH | None
    id: Key
    iscrowd: int
    ignore: int
    fields: dict[str, Any]


AnyEntry = Entry | LooseEntry
E = TypeVar("E", bound=Entry)


class Document(Struct):
    """A COCO document.

    Attributes:
        images: as listed.
        categories: as listed.
        entries: the annotations that are objects.
        dropped: the others.
        is_annotated: it has a list of annotations, be it empty.
    """

    images: list[Image]
    categories: list[Category]
    entries: list[AnyEntry]
    dropped: list[Dropped]
    is_annotated: bool


class _Sound(Struct, Generic[E]):
    images: list[_SoundImage]
    categories: list[dict[str, Any]]
    annotations: list[E] | UnsetType = UNSET


def kind_of(tree: Tree, path: Path) -> Kind:
    """Which COCO document a file is, by its keys, or "": it may hold hundreds of megabytes, and be cut short.

    Captions are annotations of nothing in particular, and none.
    """
    outline, keys = tree.json_outline(path)
    if outline != "object" or not keys & _KEYS:
        return ""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # UTF-16 has a zero in each pair of bytes.
        is_wide = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        view = content[:].replace(b"\x00", b"") if is_wide else content
        if "images" not in keys and not (len(content) > _NEAR and content.rfind(b'"images"') >= 0):
            return ""
        if (listed := _LISTS["annotations"].search(view)) is None:
            return "instances" if "categories" in keys or _LISTS["categories"].search(view) else ""
        field = _FIELDS.search(view, listed.end(), listed.end() + _NEAR)
        name = field.group(1) if field else b""
        return "panoptic" if name == b"segments_info" else "" if name == b"caption" else "instances"


def load(path: Path, kind: type[Entry] = Entry) -> Document:
    """Parse a document.

    Args:
        path: the file.
        kind: what of each annotation is wanted.

    Raises:
        ParseError: the file is not JSON; or its lists, an image or a category are not what COCO says.
    """
    content = documents.read_bytes(path)
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    try:
        with uncollected():
            sound: _Sound[Any] = msgspec.json.decode(memoryview(content)[start:], type=_Sound[kind], strict=False)  # type: ignore[valid-type]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _load_loose(content, path, kind)
    if issubclass(kind, ShapedEntry) and sound.annotations is not UNSET:
        # A view into the file keeps all of it alive; a copy goes as soon as its entry does.
        for entry in sound.annotations:
            entry.segmentation = entry.segmentation.copy()
        content = b""
    categories = [_category(entry, i, path) for i, entry in enumerate(sound.categories)]
    entries = [] if sound.annotations is UNSET else sound.annotations
    return Document([*sound.images], categories, entries, [], sound.annotations is not UNSET)


def load_fields(path: Path) -> tuple[list[Image], list[Category], Iterator[dict[str, Any] | Dropped]]:
    """The images and categories of a document, and its annotations as they are, one at a time.

    Raises:
        ParseError: see `load`.
    """
    lists = _lists(documents.read_bytes(path), path)
    images = [_image(entry, i, path) for i, entry in enumerate(_objects(lists, "images", path))]
    categories = [_category(entry, i, path) for i, entry in enumerate(_objects(lists, "categories", path))]
    return images, categories, (_plain(item, i, path) for i, item in enumerate(_items(lists, "annotations", path)))


def key(value: Any) -> Key:
    """Ids as integers where they are: hand-made files write 1, 1.0 and "1" for the same."""
    if isinstance(value, str):
        text = value.strip()
        return int(match[1]) if (match := _INTEGER.fullmatch(text)) else text
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else found(value)


def is_set(value: Any) -> bool:
    """A flag, which may be a number, a truth value, or one of them as text."""
    return value in (1, "1") or (isinstance(value, str) and value.lower() == "true")


def _load_loose(content: bytes, path: Path, kind: type[Entry]) -> Document:
    lists = _lists(content, path)
    images = [_image(entry, i, path) for i, entry in enumerate(_objects(lists, "images", path))]
    categories = [_category(entry, i, path) for i, entry in enumerate(_objects(lists, "categories", path))]
    decoder = msgspec.json.Decoder(kind, strict=False)
    entries: list[AnyEntry] = []
    dropped: list[Dropped] = []
    for i, item in enumerate(_items(lists, "annotations", path)):
        if isinstance(item, Raw):
            try:
                entries.append(decoder.decode(item))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
            else:
                continue
        plain = _plain(item, i, path)
        if isinstance(plain, Dropped):
            dropped.append(plain)
        else:
            entries.append(_loose(plain, i))
    return Document(images, categories, entries, dropped, "annotations" in lists)


def _lists(content: bytes, path: Path) -> dict[str, Any]:
    """The values of the document, undecoded (`Raw`) or, where only the standard library can read it, plain."""
    try:
        return msgspec.json.decode(content.removeprefix(codecs.BOM_UTF8), type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return documents.parse_json(content, path, dict[str, Any])


def _items(lists: dict[str, Any], name: str, path: Path) -> list[Any]:
    value = lists.get(name, [])
    if isinstance(value, Raw):
        try:
            return msgspec.json.decode(value, type=list[Raw])
        except (msgspec.DecodeError, RecursionError):
            value = documents.parse_json(bytes(value), path)
    if not isinstance(value, list):
        raise ParseError(path, f"expected a list, found {found(value)}", place=name)
    return value


def _objects(lists: dict[str, Any], name: str, path: Path) -> Iterator[dict[str, Any]]:
    for i, item in enumerate(_items(lists, name, path)):
        value = documents.parse_json(bytes(item), path) if isinstance(item, Raw) else item
        if not isinstance(value, dict):
            raise ParseError(path, f"expected an object, found {found(value)}", place=f"{name}[{i}]")
        yield value


def _plain(item: Any, i: int, path: Path) -> dict[str, Any] | Dropped:
    try:
        value = documents.parse_json(bytes(item), path) if isinstance(item, Raw) else item
    except ParseError as error:
        return Dropped("malformed", path, f"annotations[{i}]", error.message)
    if not isinstance(value, dict):
        return Dropped("malformed", path, f"annotations[{i}]", f"expected an object, found {found(value)}")
    return value


def _loose(fields: dict[str, Any], i: int) -> LooseEntry:
    try:
        bbox: XYWH | None = typed(fields.get("bbox"), tuple[float, float, float, float])
    except ValueError:
        bbox = None
    return LooseEntry(
        key(fields.get("image_id")),
        key(fields.get("category_id")),
        bbox,
        key(fields["id"]) if "id" in fields else f"number {i + 1}",
        is_set(fields.get("iscrowd")),
        is_set(fields.get("ignore")),
        fields,
    )


def _image(fields: dict[str, Any], i: int, path: Path) -> Image:
    name = fields.get("file_name") or fields.get("coco_url")  # LVIS has only the address
    if not isinstance(name, str):
        # Which image it is that has no name is told by whoever looks for it.
        name = ""
    width, height = (_side(fields.get(side)) for side in ("width", "height"))
    return Image(key(fields.get("id")), name, width, height)


def _side(value: Any) -> int:
    try:
        return typed(value, int)
    except ValueError:
        return 0


def _category(fields: dict[str, Any], i: int, path: Path) -> Category:
    name = fields.get("name")
    if name is None or isinstance(name, (dict, list)) or not str(name).strip():
        raise ParseError(path, f"expected a name, found {found(name)}", place=f"categories[{i}]")
    points = fields.get("keypoints")
    names = _distinct(points) if isinstance(points, list) else ()
    parent = fields.get("supercategory")
    thing = fields.get("isthing", 1)
    return Category(key(fields.get("id")), str(name).strip(), str(parent), names, is_set(thing))


def _distinct(names: list[Any]) -> tuple[str, ...]:
    """The names as text, a repeated one with its number: points are told apart by their names."""
    texts = [name if isinstance(name, str) else found(name) for name in names]
    return tuple(f"{text}_{i}" if text in texts[:i] else text for i, text in enumerate(texts))
