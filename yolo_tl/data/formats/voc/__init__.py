"""Pascal VOC: one XML file an image, splits in ``ImageSets/Main``.

The format of the VOC challenge is 1-based with inclusive corners (development kit of
VOC2012, section 2.5); what labelImg, CVAT, Roboflow and others write under the same name
is 0-based. See `_origin` for how the two are told apart. Written is what labelImg writes:
0-based, ``<database>Unknown``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from yolo_tl.data.formats.base import Format, Output
from yolo_tl.data.formats.voc import file as voc_file
from yolo_tl.data.formats.voc.file import VocFile
from yolo_tl.data.formats.voc.masks import MASK_FOLDERS, OBJECT_MASKS, with_masks
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.references import image_called
from yolo_tl.data.reading.xml_text import escaped, number
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.split import SPLITS, split_in, split_of_folder
from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.data.workers import each
from yolo_tl.errors import DataError, ParseError

_LABEL_MAP = "labelmap.txt"
_LOOKED_AT = 500  # XML files opened to recognise the format


def sniff(tree: Tree) -> str | None:
    """XML files whose root is <annotation>; of many only some are opened."""
    files = tree.files(".xml")
    sample = files[:: len(files) // _LOOKED_AT + 1]
    found = [path for path in sample if tree.xml_root(path) == voc_file.ROOT]
    if not found:
        return None
    matched = sum(bool(tree.images_named(path.stem)) for path in found)
    if len(sample) == len(files):
        return f"{len(found)} XML files with <annotation>, {matched} images matched"
    looked_at = f"<annotation> in {len(found)} of {len(sample)} looked at, {matched} of their images found"
    return f"{len(files)} XML files, {looked_at}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of the XML files, in the order of their paths, then those without an XML file.

    An image is found by the name of its XML file, then by <filename>, which often lies. For the task
    segment the outlines come from ``SegmentationObject``, where it is there.

    Raises:
        ParseError: an XML file is not well formed, or none is of this format.
        DataError: an XML file fits several images.
    """
    everything = list(each(voc_file.parse, tree.files(".xml"), workers=options.workers))
    files = [file for file in everything if file.root == voc_file.ROOT]
    others = [file for file in everything if file.root != voc_file.ROOT]
    if others and not files:
        raise ParseError(others[0].path, f"expected <{voc_file.ROOT}>, found <{others[0].root}>")
    origin, why = _origin(files, options)
    yield Note(why)
    if others:
        yield Note(
            f"{len(others)} XML files are not VOC and are left out, first: "
            f"{tree.relative(others[0].path)} with <{others[0].root}>"
        )
    yield from _class_order(tree)
    splits = _Splits(tree, files)
    yield from splits.notes
    masks = _masks(tree) if options.task == "segment" else {}
    labelled: set[Path] = set()
    for file in files:
        split = splits.of(file.path, file.path.stem)
        image = _image(tree, file, split)
        labelled.add(image)
        objects: Sequence[Annotation | Dropped] = file.objects
        if origin:
            objects = [voc_file.from_one(item) for item in objects]
        if image.stem in masks:
            objects = with_masks(objects, masks[image.stem])
        yield from (item for item in objects if isinstance(item, Dropped))
        annotations = tuple(item for item in objects if isinstance(item, Annotation))
        yield ImageRecord(image, file.path, annotations, split=split, size=file.size)
    if tree.only is None:
        yield from _without_file(tree, labelled, {file.path.stem for file in files}, splits)


def _class_order(tree: Tree) -> Iterator[ClassOrder]:
    """The classes of the ``labelmap.txt`` of CVAT, with the background that it adds left out."""
    path = tree.root / _LABEL_MAP
    if path.is_file():
        rows = [line.split(":")[0].strip() for line in read_lines(path) if not line.startswith("#")]
        yield ClassOrder(tuple(dict.fromkeys(name for name in rows if name not in ("", "background"))))


def _masks(tree: Tree) -> dict[str, Path]:
    return {path.stem: path for path in tree.images if path.parent.name == OBJECT_MASKS}


def _without_file(tree: Tree, labelled: set[Path], stems: set[str], splits: _Splits) -> Iterator[Event]:
    """The images that lie among labelled ones and have no XML file.

    Not those of which there is one that speaks of another image: x.jpg, where x.xml means x.png.
    """
    rest = [path for path in tree.images if path not in labelled and path.parent.name not in MASK_FOLDERS]
    folders = {path.parent for path in labelled} if rest else set()
    strangers: list[Path] = []
    for path in rest:
        if path.parent in folders and path.stem not in stems:
            split = splits.of(path, path.stem)
            yield ImageRecord(path, path.with_suffix(".xml"), split=split, labelled=False)
        else:
            strangers.append(path)
    if strangers:
        yield Note(
            f"{len(strangers)} images are not those of an XML file, nor in a folder of such, and are left out, "
            f"first: {tree.relative(strangers[0])}"
        )


def _image(tree: Tree, file: VocFile, split: str | None) -> Path:
    stem, near, written = file.path.stem, file.path, file.filename
    found: Path | None = None
    images = [path for path in tree.images_named(stem) if path.parent.name not in MASK_FOLDERS]
    if len(images) == 1:
        return images[0]
    if images:
        try:
            found = tree.find_image(stem, near=near, split=split, any_suffix=True)
        except DataError:
            if not written:  # x.jpg and x.png: the name inside decides
                raise
    if found is None and written:
        found = tree.find_image(written, near=near, split=split)
    return found or image_called(tree, written or f"{stem}.jpg", near=near, split=split)


def _origin(files: list[VocFile], options: ReadOptions) -> tuple[int, str]:
    """0 or 1, and why.

    1 if every file says that it comes from a VOC or ImageNet challenge. Otherwise 0: shown by
    a coordinate 0 or a fraction, else assumed, because most tools write it (and some of
    them clamp 0 to 1, so that the absence of zeros proves nothing).
    """
    if options.voc_origin != "auto":
        return int(options.voc_origin), f"VOC origin {options.voc_origin}: as asked for"
    if files and all(file.is_challenge for file in files):
        return 1, "VOC origin 1: every file names a VOC or ImageNet challenge as its source"
    shown = next((file for file in files if file.from_zero), None)
    if shown is not None:
        return 0, f"VOC origin 0: {shown.path.name} has {shown.from_zero}"
    return 0, "VOC origin 0: assumed, no file names a VOC challenge and no coordinate is 0 or a fraction"


class _Splits:
    """The split of each file: by the lists of ImageSets/Main, else by its folder.

    An entry is a stem, or ``<split>/<stem>`` as written here, since two splits may share a stem.
    Of an image in several lists the held-out split wins over train.
    """

    def __init__(self, tree: Tree, files: list[VocFile]) -> None:
        self._tree = tree
        self._by_entry: dict[str, str] = {}
        self._by_folder: dict[str, str | None] = {}
        self.notes: list[Note] = []
        lists = [p for p in tree.all_files if p.suffix == ".txt" and p.parent.parts[-2:] == ("ImageSets", "Main")]
        whole = [path for path in lists if path.stem in (*SPLITS, "trainval")]  # cat_train.txt is about one class
        if not whole:
            return
        known = {file.path.stem for file in files}
        both: set[str] = set()
        for path in sorted(whole, key=lambda p: p.stem == "trainval"):
            split = split_in(path.stem) or "train"
            for line in read_lines(path):
                entry = _entry(line, known, split)
                if not entry:
                    continue
                before = self._by_entry.get(entry)
                if before not in (None, split) and path.stem != "trainval":
                    both.add(entry)
                if before is None or (before == "train" and path.stem != "trainval"):
                    self._by_entry[entry] = split
        if both:
            text = f"{len(both)} images are in several lists of ImageSets, first: {min(both)}; kept out of train"
            self.notes.append(Note(text))
        listed = {PurePosixPath(entry).name for entry in self._by_entry}
        if unlisted := sorted(stem for stem in listed - known if not tree.images_named(stem)):
            text = f"{len(unlisted)} images of ImageSets have no XML file and are left out, first: {unlisted[0]}"
            self.notes.append(Note(text))

    def of(self, path: Path, stem: str) -> str | None:
        """The split of an XML file or an image."""
        where = os.path.dirname(path)  # pathlib would take longer here than all the rest
        if where not in self._by_folder:
            self._by_folder[where] = split_of_folder(self._tree.relative(path))
        folder = self._by_folder[where]
        if not self._by_entry:
            return folder
        return self._by_entry.get(f"{folder}/{stem}") or self._by_entry.get(stem)


def _entry(line: str, known: set[str], split: str) -> str:
    """A line of a list as ``stem`` or, where the folder it names is that of the split, ``split/stem``."""
    path = PurePosixPath(line.strip().replace("\\", "/"))
    name = re.sub(r"\.(jpe?g|png|xml)$", "", path.name, flags=re.IGNORECASE)
    if name not in known:
        name = re.sub(r"\s+-?[01]$", "", name)  # the class lists and some tools add a flag
        name = re.sub(r"\.(jpe?g|png|xml)$", "", name, flags=re.IGNORECASE)
    return f"{split}/{name}" if path.parent.name == split else name


def write(output: Output) -> int:
    """``Annotations/<split>/<stem>.xml`` beside ``images/<split>``, and ``ImageSets/Main/<split>.txt``.

    The order of the classes is kept in ``labelmap.txt``, as CVAT does; it cannot hold every name.

    Raises:
        DataError: a name cannot be written in XML.
    """
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    count = 0
    for record, image in zip(output.records, output.images, strict=True):
        split = str(record.split)
        lists[split].append(f"{split}/{image.stem}")
        path = output.folder / "Annotations" / split / f"{image.stem}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_document(record, image).encode())
        count += len(record.annotations)
    sets = output.folder / "ImageSets" / "Main"
    sets.mkdir(parents=True, exist_ok=True)
    for split, entries in lists.items():
        if entries:
            (sets / f"{split}.txt").write_bytes("".join(f"{entry}\n" for entry in entries).encode())
    if not any(set(name) & set(":\r\n") or name.startswith("#") for name in output.classes):
        rows = ["# label:color_rgb:parts:actions", *(f"{name}:::" for name in output.classes)]
        (output.folder / _LABEL_MAP).write_bytes("".join(f"{row}\n" for row in rows).encode())
    return count


def _document(record: ImageRecord, image: PurePosixPath) -> str:
    assert record.size is not None
    width, height = record.size
    segmented = int(any(annotation.parts for annotation in record.annotations))
    return (
        f"<annotation>\n\t<folder>{escaped(image.parent.name)}</folder>\n\t<filename>{escaped(image.name)}</filename>\n"
        "\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n"
        f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n\t\t<depth>3</depth>\n\t</size>\n"
        f"\t<segmented>{segmented}</segmented>\n{''.join(map(_element, record.annotations))}</annotation>\n"
    )


def _element(annotation: Annotation) -> str:
    assert annotation.box is not None
    corners = zip(voc_file.CORNERS, annotation.box, strict=True)
    box = "".join(f"\t\t\t<{tag}>{number(value)}</{tag}>\n" for tag, value in corners)
    polygons = ""
    for ring in annotation.parts:
        points = zip((f"{axis}{i // 2 + 1}" for i, axis in enumerate("xy" * (len(ring) // 2))), ring, strict=True)
        polygons += f"\t\t<polygon>{''.join(f'<{tag}>{number(value)}</{tag}>' for tag, value in points)}</polygon>\n"
    return (
        f"\t<object>\n\t\t<name>{escaped(annotation.name)}</name>\n\t\t<pose>Unspecified</pose>\n"
        f"\t\t<truncated>0</truncated>\n\t\t<difficult>{int(annotation.difficult)}</difficult>\n"
        f"\t\t<bndbox>\n{box}\t\t</bndbox>\n{polygons}\t</object>\n"
    )


FORMAT = Format(
    name="voc",
    looks_for="Pascal VOC: .xml files with <annotation>",
    suffixes=(".xml",),
    sniff=sniff,
    read=read,
    write=write,
    tasks=("detect", "segment"),
)
