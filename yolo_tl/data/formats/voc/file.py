"""One Pascal VOC file, parsed: the objects of an image with the coordinates as they are written.

The parts of the format are those of VOC2012 (development kit, section 2.5), with the shapes that
tools added to it: ``<robndbox>`` (roLabelImg: centre, sides, clockwise radians) and ``<polygon>``
(Roboflow, supervision: x1, y1, x2, y2, ...; LabelMe on the web: <pt>). ``<part>`` boxes are parts
of objects, not objects, and are not read.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from yolo_tl.data import documents
from yolo_tl.data.geometry.shapes import rotated
from yolo_tl.data.records import XYXY, Annotation, Dropped, Ring, Size, replace
from yolo_tl.errors import ParseError

ROOT = "annotation"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ROTATED = ("cx", "cy", "w", "h", "angle")
_CHALLENGES = re.compile(r"\bVOC|PASCAL|ImageNet|ILSVRC", re.IGNORECASE)
_CHALLENGE_FOLDERS = re.compile(r"VOC20\d\d$|ILSVRC")


class VocFile(Struct, frozen=True, gc=False):
    """What one file says.

    Attributes:
        path: the file.
        root: its root element, another one than <annotation> where it is not a VOC file.
        objects: in their order; coordinates as written.
        filename: <filename>, which often lies.
        size: <size>, where it makes sense.
        is_challenge: it says that it comes from a VOC or ImageNet challenge.
    """

    path: Path
    root: str = ROOT
    objects: tuple[Annotation | Dropped, ...] = ()
    filename: str = ""
    size: Size | None = None
    is_challenge: bool = False

    @property
    def from_zero(self) -> str:
        """A coordinate that a file which counts from 1 would not have (0, or a fraction), or ""."""
        for item in self.objects:
            if isinstance(item, Annotation) and item.box is not None:
                for tag, value in zip(CORNERS, item.box, strict=True):
                    if value == 0 or (math.isfinite(value) and not value.is_integer()):
                        return f"<{tag}>{value:g}"
        return ""


def parse(path: Path) -> VocFile:
    """Parse one file.

    Raises:
        ParseError: it is not well formed, or not XML at all.
    """
    return parse_plain(path) or parse_any(path)


def parse_any(path: Path) -> VocFile:
    """`parse` of any file, by the XML parser."""
    try:
        root = documents.load_xml(path)
    except ParseError:
        other = documents.xml_root(path)
        if other in (ROOT, ""):
            raise
        return VocFile(path, root=other)  # malformed, but not ours
    if root.tag != ROOT:
        return VocFile(path, root=root.tag)
    objects = tuple(
        _object(element, path, f"object {number}") for number, element in enumerate(root.findall("object"), start=1)
    )
    return VocFile(
        path,
        ROOT,
        objects,
        (root.findtext("filename") or "").strip(),
        _size(root.findtext("size/width"), root.findtext("size/height")),
        _is_challenge(root.findtext("source/database"), root.findtext("folder")),
    )


def from_one(item: Annotation | Dropped) -> Annotation | Dropped:
    """An object whose coordinates start at 1 and include the last pixel, in those of a record."""
    if isinstance(item, Dropped):
        return item
    box = item.box
    if box is not None:
        x1, y1, x2, y2 = box
        # Of a swapped pair the smaller is the inclusive start; it is the one to shift.
        over_x, over_y = (x1 > x2), (y1 > y2)
        box = (x1 - (not over_x), y1 - (not over_y), x2 - over_x, y2 - over_y)
    parts = tuple(tuple(value - 1 for value in ring) for ring in item.parts)
    return replace(item, box=box, parts=parts, corners=tuple(value - 1 for value in item.corners))


def _object(element: ET.Element, source: Path, place: str) -> Annotation | Dropped:
    name = (element.findtext("name") or "").strip()
    if not name:
        return Dropped("no_class", source, place, "<name> is missing or empty")
    bndbox, robndbox, polygons = element.find("bndbox"), element.find("robndbox"), element.findall("polygon")
    if bndbox is None and robndbox is None and not polygons:
        return Dropped("no_box", source, place, f"{name} has no <bndbox>")
    box: XYXY | None = None
    corners: Ring = ()
    for outline, tags in ((bndbox, CORNERS), (robndbox, _ROTATED)):
        if outline is None:
            continue
        texts = [outline.findtext(tag) for tag in tags]
        numbers = _numbers(texts)
        if numbers is None:
            found = ", ".join(f"{tag}={text!r}" for tag, text in zip(tags, texts, strict=True))
            return Dropped("malformed", source, place, f"{name}: expected {len(tags)} numbers, found {found}")
        if tags is CORNERS:
            box = (numbers[0], numbers[1], numbers[2], numbers[3])
        else:
            cx, cy, w, h, angle = numbers
            corners = rotated(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, math.degrees(angle))
    parts = tuple(filter(None, map(_ring, polygons)))
    repair = "polygon_malformed" if len(parts) < len(polygons) else ""
    if repair and not (box or corners):
        return Dropped("malformed", source, place, f"{name}: expected x1, y1, x2, y2, ... of three points or more")
    difficult = (element.findtext("difficult") or "").strip().lower() in ("1", "true")
    return Annotation(name, box, place, difficult=difficult, repair=repair, parts=parts, corners=corners)


def _ring(polygon: ET.Element) -> Ring | None:
    """The points of a polygon; None where they are not three or more pairs of numbers."""
    points = polygon.findall("pt")
    if points:
        texts = [point.findtext(axis) for point in points for axis in "xy"]
    else:
        values = {child.tag: child.text for child in polygon}
        count = sum(tag.startswith("x") for tag in values)
        texts = [values.get(f"{axis}{number}") for number in range(1, count + 1) for axis in "xy"]
        if len(texts) != len(values):
            return None
    numbers = _numbers(texts)
    return None if numbers is None or len(numbers) < 6 else tuple(numbers)


def _numbers(texts: list[str | None]) -> list[float] | None:
    try:
        return [float(text or "") for text in texts]
    except ValueError:
        return None


def _size(width: str | None, height: str | None) -> Size | None:
    try:
        size = int(float(width or "")), int(float(height or ""))
    except (ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None


@lru_cache(maxsize=1024)
def _is_challenge(database: str | None, folder: str | None) -> bool:
    return bool(_CHALLENGES.search(database or "")) or bool(_CHALLENGE_FOLDERS.match(folder or ""))


# Most files hold a few elements in one of a few orders, as labelImg, Roboflow, CVAT and VOC itself write
# them. Those are read by the expressions below in half the time that the XML parser takes. Whatever they do
# not match to the last character, and any text that XML would read in another way (entities, sections,
# comments, carriage returns, control characters), is left to the parser.
_TEXT = r"[^<>&\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]*"
_SPACE = r"[ \t\r\n]*"
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"


def _leaf(tag: str, text: str = _TEXT) -> str:
    return f"<{tag}>{text}</{tag}>{_SPACE}"


def _maybe(*tags: str) -> str:
    return "".join(f"(?:{_leaf(tag)})?" for tag in tags)


_HEAD = re.compile(
    rf'{_SPACE}(?:<\?xml version="1\.0"(?: encoding="(?:utf|UTF)-8")?\?>{_SPACE})?'
    rf'<annotation(?: verified="(?:yes|no)")?>{_SPACE}'
    rf"(?:{_leaf('folder', f'({_TEXT})')})?(?:{_leaf('filename', f'({_TEXT})')})?{_maybe('path')}"
    rf"(?:<source>{_SPACE}(?:{_leaf('database', f'({_TEXT})')})?{_maybe('annotation', 'image', 'flickrid')}"
    rf"</source>{_SPACE})?(?:<owner>{_SPACE}{_maybe('flickrid', 'name')}</owner>{_SPACE})?"
    rf"(?:<size>{_SPACE}{_leaf('width', _NUMBER)}{_leaf('height', _NUMBER)}{_maybe('depth')}</size>{_SPACE})?"
    rf"{_maybe('segmented')}"
)
_OBJECT = re.compile(
    rf"<object>{_SPACE}{_leaf('name', f'({_TEXT})')}{_maybe('pose', 'truncated', 'occluded')}"
    rf"(?:{_leaf('difficult', '([01])')})?{_maybe('occluded')}<bndbox>{_SPACE}{_leaf('xmin', _NUMBER)}"
    rf"(?:{_leaf('ymin', _NUMBER)}{_leaf('xmax', _NUMBER)}|{_leaf('xmax', _NUMBER)}{_leaf('ymin', _NUMBER)})"
    rf"{_leaf('ymax', _NUMBER)}</bndbox>{_SPACE}</object>{_SPACE}"
)
_TAIL = re.compile(rf"</annotation>{_SPACE}\Z")


def parse_plain(path: Path) -> VocFile | None:
    """`parse` of a file that holds nothing out of the ordinary; None for any other."""
    try:
        text = documents.read_bytes(path).decode()
    except UnicodeDecodeError:
        return None
    match = _HEAD.match(text)
    if match is None:
        return None
    folder, filename, database, width, height = match.groups()
    objects: list[Annotation | Dropped] = []
    end = match.end()
    while (match := _OBJECT.match(text, end)) is not None:
        name, difficult, x1, y1, x2, other_x2, other_y1, y2 = match.groups()
        if not (name := name.strip()):
            return None
        box = (float(x1), float(y1 or other_y1), float(x2 or other_x2), float(y2))
        objects.append(Annotation(name, box, f"object {len(objects) + 1}", difficult=difficult == "1"))
        end = match.end()
    if _TAIL.match(text, end) is None:
        return None
    is_challenge = _is_challenge(database, folder)
    return VocFile(path, ROOT, tuple(objects), (filename or "").strip(), _size(width, height), is_challenge)
