"""Pascal VOC: one XML file an image, splits in ``ImageSets/Main``.

The format of the VOC challenge is 1-based with inclusive corners (development kit of
VOC2012, section 2.5); what labelImg, CVAT, Roboflow and others write under the same name
is 0-based. See `_origin` for how the two are told apart.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, Dropped, Event, ImageRecord, Note, Size
from yolo_tl.data.split import SPLITS, split_in, split_of_folder
from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.errors import DataError, ParseError

_ROOT = re.compile(rb"<annotation[\s>]")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_CHALLENGES = re.compile(r"\bVOC|PASCAL|ImageNet|ILSVRC", re.IGNORECASE)


def sniff(tree: Tree) -> str | None:
    """XML files whose root is <annotation>."""
    files = _annotation_files(tree)
    if not files:
        return None
    matched = sum(bool(tree.images_named(path.stem)) for path in files)
    return f"{len(files)} XML files with <annotation>, {matched} images matched"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of the XML files, in the order of their paths.

    An image is found by the name of its XML file, then by <filename>, which often lies.
    <part> boxes are parts of objects, not objects, and are not read.

    Raises:
        ParseError: an XML file is not well formed.
    """
    files = _annotation_files(tree)
    origin, why = _origin(files, options)
    yield Note(why)
    splits, notes = _image_sets(tree)
    yield from notes
    if splits:
        stems = {path.stem for path in files}
        if unlisted := sorted(splits.keys() - stems):
            yield Note(f"{len(unlisted)} images of ImageSets have no XML file and are left out, first: {unlisted[0]}")
    for path in files:
        root = _parse(path)
        split = splits.get(path.stem) if splits else split_of_folder(tree.relative(path))
        annotations: list[Annotation] = []
        for number, element in enumerate(root.findall("object"), start=1):
            item = _object(element, path, f"object {number}", origin)
            if isinstance(item, Dropped):
                yield item
            else:
                annotations.append(item)
        image = _image(tree, path, root, split)
        yield ImageRecord(image, path, tuple(annotations), split=split, size=_declared_size(root))


def _annotation_files(tree: Tree) -> list[Path]:
    found = []
    for path in tree.files(".xml"):
        with path.open("rb") as stream:
            head = stream.read(1024)
        if _ROOT.search(head.replace(b"\x00", b"")):  # UTF-16 has a zero in each pair of bytes
            found.append(path)
    return found


def _parse(path: Path) -> ET.Element:
    content = path.read_bytes()
    declared = re.match(rb'\s*<\?xml[^>]*encoding=["\']([\w.-]+)', content)
    try:
        # Decoded here because expat refuses multi-byte encodings such as GBK.
        text = content.decode(declared.group(1).decode()) if declared else None
    except (LookupError, UnicodeDecodeError) as error:
        raise ParseError(path, f"the text is not in the encoding it declares: {error}") from error
    if b"<!DOCTYPE" in content[:4096]:
        raise ParseError(
            path, "expected an annotation, found a document type declaration", hint="remove <!DOCTYPE ...>"
        )
    try:
        return ET.fromstring(content if text is None else text.lstrip("\ufeff"))
    except ET.ParseError as error:
        line, column = error.position
        reason = re.sub(r": line \d+, column \d+$", "", str(error))
        raise ParseError(path, f"malformed XML at column {column + 1}: {reason}", line=line) from error


def _object(element: ET.Element, source: Path, place: str, origin: int) -> Annotation | Dropped:
    name = (element.findtext("name") or "").strip()
    if not name:
        return Dropped("no_class", source, place, "<name> is missing or empty")
    box = element.find("bndbox")
    if box is None:
        return Dropped("no_box", source, place, f"{name} has no <bndbox>")
    try:
        x1, y1, x2, y2 = (float(box.findtext(corner) or "") for corner in _CORNERS)
    except ValueError:
        found = ", ".join(f"{corner}={box.findtext(corner)!r}" for corner in _CORNERS)
        return Dropped("malformed", source, place, f"expected four numbers, found {found}")
    # Of a swapped pair the smaller is the inclusive start; it is the one to shift.
    start_x, start_y = (x1 > x2), (y1 > y2)
    shifted = (x1 - origin * (not start_x), y1 - origin * (not start_y), x2 - origin * start_x, y2 - origin * start_y)
    return Annotation(name, shifted, place, difficult=(element.findtext("difficult") or "").strip() == "1")


def _declared_size(root: ET.Element) -> Size | None:
    try:
        size = int(float(root.findtext("size/width") or "")), int(float(root.findtext("size/height") or ""))
    except (ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None


def _image(tree: Tree, source: Path, root: ET.Element, split: str | None) -> Path:
    written = (root.findtext("filename") or "").strip()
    try:
        found = tree.find_image(source.stem, near=source, split=split, any_suffix=True)
    except DataError:
        if not written:  # x.jpg and x.png: the name inside decides
            raise
        found = None
    if found is None and written:
        found = tree.find_image(written, near=source, split=split)
    return found or source.parent / (written or f"{source.stem}.jpg")


def _origin(files: list[Path], options: ReadOptions) -> tuple[int, str]:
    """0 or 1, and why.

    1 if every file says that it comes from a VOC or ImageNet challenge. Otherwise 0: shown by
    a coordinate 0 or a fraction, else assumed, because most tools write it (and some of
    them clamp 0 to 1, so that the absence of zeros proves nothing).
    """
    if options.voc_origin != "auto":
        return int(options.voc_origin), f"VOC origin {options.voc_origin}: as asked for"
    challenge = True
    shown = ""
    for path in files:
        root = _parse(path)
        challenge = challenge and _is_challenge(root)
        for element in root.findall("object/bndbox/*") if not shown else []:
            value = _number(element.text)
            if element.tag in _CORNERS and value is not None and (value == 0 or not value.is_integer()):
                shown = f"{path.name} has <{element.tag}>{element.text}"
        if shown and not challenge:
            return 0, f"VOC origin 0: {shown}"
    if challenge:
        return 1, "VOC origin 1: every file names a VOC or ImageNet challenge as its source"
    return 0, "VOC origin 0: assumed, no file names a VOC challenge and no coordinate is 0 or a fraction"


def _is_challenge(root: ET.Element) -> bool:
    database, folder = root.findtext("source/database") or "", root.findtext("folder") or ""
    return bool(_CHALLENGES.search(database)) or bool(re.match(r"VOC20\d\d$|ILSVRC", folder))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _image_sets(tree: Tree) -> tuple[dict[str, str], list[Note]]:
    """The split of each XML stem, by the lists of ImageSets/Main; held-out splits win over train."""
    splits: dict[str, str] = {}
    both: set[str] = set()
    lists = [p for p in tree.all_files if p.parent.parts[-2:] == ("ImageSets", "Main") and p.suffix == ".txt"]
    whole = [path for path in lists if path.stem in (*SPLITS, "trainval")]  # cat_train.txt is about one class
    for path in sorted(whole, key=lambda p: p.stem == "trainval"):
        split = split_in(path.stem) or "train"
        for line in read_lines(path):
            stem = re.sub(r"\s+-?[01]$", "", line.strip()).rpartition("/")[2]
            stem = re.sub(r"\.(jpe?g|png|xml)$", "", stem, flags=re.IGNORECASE)
            if not stem:
                continue
            known = splits.get(stem)
            if known not in (None, split) and path.stem != "trainval":
                both.add(stem)
            if known is None or (known == "train" and path.stem != "trainval"):
                splits[stem] = split
    notes = []
    if both:
        notes.append(
            Note(f"{len(both)} images are in several lists of ImageSets, first: {min(both)}; kept out of train")
        )
    return splits, notes


FORMAT = Format(
    name="voc",
    looks_for="Pascal VOC: .xml files with <annotation>",
    suffixes=(".xml",),
    sniff=sniff,
    read=read,
)
