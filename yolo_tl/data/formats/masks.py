"""Mask images beside images: one channel, 0 is the background, any other number is a class.

Layouts, all with the same folders (splits, parts, lots) below or above the two:
``images/a.jpg`` with ``masks/a.png`` or ``masks/a_mask.png``; ``a.jpg`` with ``a_mask.png`` beside it;
one mask an object in ``masks/a_0.png``, ``masks/a_1.png`` or ``masks/a/<any name>.png``.

An object is what hangs together in pixels of one class, corners included; in the layouts with one
mask an object it is the whole mask. Masks that hold no number but 0 and 255 know one class.
Class names are the lines of ``classes.txt``, ``labels.txt`` or ``names.txt``, or `ReadOptions.names`: the
first is number 0 where it is called like a background, else number 1.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.documents import load_text
from yolo_tl.data.formats.base import Format
from yolo_tl.data.geometry.masks import read_values, rings_of
from yolo_tl.data.image_size import image_header
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Ring, Size
from yolo_tl.data.split import split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each
from yolo_tl.errors import DataError, ImageError, ParseError

_MASK_FOLDERS = frozenset(
    {"masks", "mask", "annotations", "labels", "segmentation", "segmentations", "gt", "ground_truth"}
)
_IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img", "jpegimages"})
_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
_BESIDE = re.compile(r"(.+)[_-]masks?(?:[_-](\d+))?", re.IGNORECASE)
_LIKE_A_MASK = re.compile(rf"(?:^|[\\/])(?:{'|'.join(sorted(_MASK_FOLDERS))})[\\/]|[_-]mask", re.IGNORECASE)
_NUMBERED = re.compile(r"(.+)[_-]\d+")
_BACKGROUND = re.compile(r"_*(background|bg|void|unlabell?ed)_*", re.IGNORECASE)
_NAME_FILES = ("classes.txt", "labels.txt", "names.txt")
_LOOKED_AT = 5  # masks, to recognise the format
_CLASSES = 100  # more without a name are no classes

Place = tuple[tuple[str, ...], str]  # folders that matter, and a stem


class _Mask(NamedTuple):
    """A mask image, of one object or of all of its image."""

    path: Path
    is_object: bool = False


class _Pair(NamedTuple):
    """An image and its masks."""

    image: Path
    masks: list[_Mask]


class _Region(NamedTuple):
    """An object, by the number of its pixels."""

    number: int
    mask: Path
    parts: tuple[Ring, ...]
    holes: tuple[Ring, ...]


class _Found(NamedTuple):
    """What the masks of an image hold."""

    regions: list[_Region]
    size: Size


class _Sorted(NamedTuple):
    """The images of a source: those with masks, masks that have none, and the others; and places of several."""

    pairs: list[_Pair]
    alone: list[Path]
    others: list[Path]
    twins: list[tuple[Path, ...]]


def sniff(tree: Tree) -> str | None:
    """Images of one channel in a folder of masks or called ``_mask``, each with an image of its name."""
    # Sorting a hundred thousand images takes a second, and nearly every source has none that could be a mask.
    if not any(_LIKE_A_MASK.search(os.fspath(path)) for path in tree.images):
        return None
    found = _sorted(tree)
    masks = [mask for pair in found.pairs for mask in pair.masks]
    if not masks or not all(_has_one_channel(mask.path) for mask in masks[:_LOOKED_AT]):
        return None
    kind = "one an object" if any(mask.is_object for mask in masks) else "one an image"
    first = tree.relative(masks[0].path)
    matched = f"{len(found.pairs)} images matched"
    return f"{len(masks)} mask images ({kind}), {matched}: {first}" + (", ..." if len(masks) > 1 else "")


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images with the objects of their masks. The images themselves are not decoded.

    Raises:
        ParseError: a mask cannot be decoded, is in colour, or is not as large as its image; or the
            masks hold more numbers than there can be classes.
        DataError: several images share the place of one.
    """
    pairs, alone, others, twins = _sorted(tree)
    if twins:
        names = ", ".join(tree.relative(path) for path in twins[0])
        raise DataError(f"{names}: several images for one mask", hint="remove or rename the wrong ones")
    pairs += [_Pair(tree.image_root / mask.stem, [_Mask(mask)]) for mask in alone]  # reported as missing
    done = list(each(_read, pairs, workers=options.workers))
    names_of = _names(tree, options, {region.number: region.mask for item in done for region in item.regions})
    yield ClassOrder(tuple(dict.fromkeys(names_of[number] for number in sorted(names_of))))
    for i, pair in enumerate(pairs):
        regions, size = done[i]
        done[i] = _Found([], size)  # rings are most of the memory
        annotations = []
        for count, region in enumerate(regions, start=1):
            place = f"object {count}" if len(pair.masks) == 1 else f"object {count}, {region.mask.name}"
            name = names_of.get(region.number)
            if name is None:
                detail = f"its pixels are {region.number}, and there is no name for that"
                yield Dropped("unknown_class", region.mask, place, detail)
            else:
                annotations.append(Annotation(name, None, place, parts=region.parts, holes=region.holes))
        yield ImageRecord(pair.image, pair.masks[0].path, tuple(annotations), _split(tree, pair.image), size)
    for image in others:
        yield ImageRecord(image, image, split=_split(tree, image), labelled=False)


def _split(tree: Tree, image: Path) -> str | None:
    below = image.relative_to(tree.image_root) if image.is_relative_to(tree.image_root) else image
    return split_of_folder(below.as_posix())


def _sorted(tree: Tree) -> _Sorted:
    """Which images are masks, and of which."""
    masks = {path: place for path in tree.files(*_SUFFIXES) if (place := _place(path, tree.root, _MASK_FOLDERS))}
    images: dict[Place, list[Path]] = {}
    for path in tree.images:
        if path not in masks:
            place = _place(path, tree.image_root) or ((), "")
            images.setdefault(place, []).append(path)
    pairs: dict[Place, _Pair] = {}

    def match(path: Path, place: Place, is_object: bool) -> None:
        pairs.setdefault(place, _Pair(images[place][0], [])).masks.append(_Mask(path, is_object))

    # Beside their images: only the name tells.
    for place in list(images):
        named = _BESIDE.fullmatch(place[1])
        image = (place[0], named[1]) if named else place
        if named and image in images:
            for path in images.pop(place):
                match(path, image, bool(named[2]))
    alone: list[tuple[Path, Path]] = []
    for path, (folders, stem) in masks.items():
        for place, is_object in _candidates(folders, stem):
            if place in images:
                match(path, place, is_object)
                break
        else:
            alone.append((path, path.parent))
    # A folder in which no mask has an image holds something else.
    folders_matched = {mask.path.parent for pair in pairs.values() for mask in pair.masks}
    others = [path for place, paths in images.items() if place not in pairs for path in paths]
    return _Sorted(
        list(pairs.values()),
        [path for path, folder in alone if folder in folders_matched],
        others,
        [tuple(images[place]) for place in pairs if len(images[place]) > 1],
    )


def _candidates(folders: tuple[str, ...], stem: str) -> Iterator[tuple[Place, bool]]:
    """Where the image of a mask may be, the surest first, and whether the mask is one object then."""
    yield (folders, stem), False
    if named := _BESIDE.fullmatch(stem):
        yield (folders, named[1]), bool(named[2])
    if folders:
        yield (folders[:-1], folders[-1]), True  # masks/a/7.png of images/a.jpg
        yield (folders, folders[-1]), True  # a/masks/7.png of a/images/a.png
    if numbered := _NUMBERED.fullmatch(stem):
        yield (folders, numbered[1]), True


def _place(path: Path, root: Path, within: frozenset[str] = frozenset()) -> Place | None:
    """The folders and stem of a file, without folders called like images; None if it is in none of `within`.

    One folder of `within`, the innermost, is left out too.
    """
    below = path.relative_to(root) if path.is_relative_to(root) else path
    folders = [_same(part) for part in below.parts[:-1]]
    if within:
        at = next((i for i in reversed(range(len(folders))) if folders[i] in within), None)
        if at is None:
            return None
        del folders[at]
    return tuple(folder for folder in folders if folder not in _IMAGE_FOLDERS), _same(path.stem)


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _has_one_channel(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(26)
        if head.startswith(b"\x89PNG") and head[25:] in (b"\x00", b"\x03"):  # grey, or a palette
            return True
        read_values(path)
    except (OSError, ParseError):
        return False
    return True


def _read(pair: _Pair) -> _Found:
    try:
        header = image_header(pair.image)
    except ImageError:
        header = None  # cleaning tells
    regions: list[_Region] = []
    size: Size | None = None
    for mask in pair.masks:
        values = read_values(mask.path)
        found = values.shape[1], values.shape[0]
        expected = size or (header.stored if header and found == header.stored else header.size if header else found)
        if found != expected:
            sizes = [f"{width} x {height} px" for width, height in (expected, found)]
            raise ParseError(
                mask.path, f"expected a mask of {sizes[0]}, the size of {pair.image.name}, found {sizes[1]}"
            )
        size = found
        regions += _regions(values, mask)
    assert size is not None
    return _Found(regions, size)


def _regions(values: NDArray[Any], mask: _Mask) -> Iterator[_Region]:
    counts = np.bincount(values.ravel())
    counts[:1] = 0
    if mask.is_object:
        if counts.any():
            yield _Region(int(counts.argmax()), mask.path, *rings_of(values))
        return
    import cv2

    for number in np.flatnonzero(counts):
        pixels = (values == number).astype(np.uint8)
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
        for label in range(1, count):
            x, y, width, height = (int(value) for value in boxes[label][:4])
            crop = labels[y : y + height, x : x + width] == label
            yield _Region(int(number), mask.path, *rings_of(crop, (x, y)))


def _names(tree: Tree, options: ReadOptions, numbers: Mapping[int, Path]) -> dict[int, str]:
    """The class of each number.

    Args:
        tree: the source.
        options: may hold the names.
        numbers: those that occur, each with a mask that has it.

    Raises:
        ParseError: without names, there are too many numbers to be classes.
    """
    listed = _listed(tree, options)
    first = 0 if listed and _BACKGROUND.fullmatch(listed[0]) else 1
    if set(numbers) == {255} and len(listed) + first < 256:
        objects = listed[1 - first :]
        return {255: objects[0] if len(objects) == 1 else "object"}
    if listed:
        return {number: name for number, name in enumerate(listed, start=first) if number > 0}
    if len(numbers) > _CLASSES:
        raise ParseError(
            next(iter(numbers.values())),
            f"expected class numbers, found {len(numbers)} different ones in the masks",
            hint="soft edges have to be made sharp first, or list the names in classes.txt",
        )
    return {number: str(number) for number in numbers}


def _listed(tree: Tree, options: ReadOptions) -> list[str]:
    files = [path for path in tree.all_files if path.name.lower() in _NAME_FILES]
    if files:
        lines = load_text(min(files, key=lambda path: len(path.parts)), latin1=True).splitlines()
        return [line.strip() for line in lines if line.strip() not in ("", "__ignore__")]
    return [] if options.names is None or isinstance(options.names, Mapping) else [str(name) for name in options.names]


FORMAT = Format(
    name="masks",
    looks_for="masks: images of one channel in masks/, called like those in images/",
    suffixes=_SUFFIXES,
    sniff=sniff,
    read=read,
)
