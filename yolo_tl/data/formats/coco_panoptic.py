"""COCO panoptic: a JSON file of segments, and one PNG an image that says which pixel belongs to which.

The colour of a pixel is the id of its segment, R + 256 G + 65536 B (cocodataset.org, "Data
format", 4). The boxes are in the JSON; the PNGs are opened only for tasks that need outlines, and
lie in a folder called like the JSON. Segments of things are objects. Those of stuff (sky,
road: ``isthing`` 0) are regions to be ignored, kept as objects where `ReadOptions.ignore` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from yolo_tl.data.formats.base import Format
from yolo_tl.data.formats.coco.document import Category, Image, Key, is_set, key, kind_of, load_fields
from yolo_tl.data.geometry.masks import read_colours, rings_of
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import entries, found, typed
from yolo_tl.data.reading.references import file_name, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, replace
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each
from yolo_tl.errors import ParseError

Segment = tuple[int, Annotation]


class _Job(NamedTuple):
    """One image: its segments, and the PNG that shows where they are."""

    image: Image
    segments: list[Segment]
    png: Path


def sniff(tree: Tree) -> str | None:
    """JSON files of COCO whose annotations hold ``segments_info``."""
    files = _annotation_files(tree)
    if not files:
        return None
    names = ", ".join(tree.relative(path) for path in files[:3]) + (", ..." if len(files) > 3 else "")
    return f"{len(files)} JSON files with images and segments_info: {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each JSON file in turn.

    Raises:
        ParseError: a file is not JSON, or a part of it is not what COCO says it is; or a PNG is
            missing, cannot be decoded, or has another size than its image.
        DataError: several images have the name of one, and nothing tells them apart.
    """
    mentioned: set[Path] = set()
    for path in _annotation_files(tree):
        masks = path.parent / path.stem
        images, categories, annotations = load_fields(path)
        yield ClassOrder(_class_names(categories, options))
        jobs = {image.id: _Job(image, [], masks / f"{Path(file_name(image.file_name)).stem}.png") for image in images}
        if len(jobs) < len(images):
            raise ParseError(path, "expected unique image ids, found one twice", place="images")
        by_id = {category.id: category for category in categories}
        for fields in annotations:
            if isinstance(fields, Dropped):
                yield fields
                continue
            image_id = key(fields.get("image_id"))
            job = jobs.get(image_id)
            if job is not None and isinstance(fields.get("file_name"), str):
                jobs[image_id] = job = job._replace(png=masks / file_name(fields["file_name"]))
            yield from _segments(fields, path, image_id, job, by_id)
        work = list(jobs.values())
        reads_masks = options.task in ("segment", "obb")
        outlined = each(_outlined, work, workers=options.workers) if reads_masks else map(_plain, work)
        for job, found_ in zip(work, outlined, strict=True):
            yield from (_no_box(path, item) for item in found_ if item.is_tag)
            kept = tuple(item for item in found_ if not item.is_tag)
            yield _record(tree, path, job.image, kept, mentioned)
        mentioned.update(image for image in tree.images if masks in image.parents)
    yield from unmentioned(tree, mentioned)


def _annotation_files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".json") if kind_of(tree, path) == "panoptic"]


def _class_names(categories: list[Category], options: ReadOptions) -> tuple[str, ...]:
    wanted = [category for category in categories if category.is_thing or options.ignore == "keep"]
    by_id = sorted(wanted, key=lambda category: (isinstance(category.id, str), category.id))
    return tuple(dict.fromkeys(category.name for category in by_id))


def _segments(
    fields: dict[str, Any], path: Path, image_id: Key, job: _Job | None, categories: dict[Key, Category]
) -> Iterator[Dropped]:
    """Add the segments of one entry to its job; those from which nothing can be made."""
    where = f"image {image_id}"
    try:
        listed = entries(fields.get("segments_info"))
    except ValueError as error:
        yield Dropped("malformed", path, where, f"segments_info: {error}")
        return
    for number, segment in enumerate(listed, start=1):
        if not isinstance(segment, dict):
            yield Dropped("malformed", path, f"{where}, segment number {number}", f"found {found(segment)}")
            continue
        place = f"{where}, segment {key(segment['id'])}" if "id" in segment else f"{where}, segment number {number}"
        category = categories.get(key(segment.get("category_id")))
        if job is None:
            yield Dropped("unknown_image", path, place, f"image_id {image_id!r} is not in images")
        elif category is None:
            detail = f"category_id {found(segment.get('category_id'))} is not in categories"
            yield Dropped("unknown_category", path, place, detail)
        else:
            box = None
            try:
                x, y, width, height = typed(segment.get("bbox"), tuple[float, float, float, float])
                box = (x, y, x + width, y + height)
            except ValueError:
                pass  # the mask may tell
            crowd, color = is_set(segment.get("iscrowd")), key(segment.get("id"))
            annotation = Annotation(category.name, box, place, crowd, ignore=not category.is_thing)
            job.segments.append((color if isinstance(color, int) else -1, annotation))


def _plain(job: _Job) -> list[Annotation]:
    return [annotation for _, annotation in job.segments]


def _outlined(job: _Job) -> list[Annotation]:
    """The segments with the rings around their pixels.

    Raises:
        ParseError: see `read`.
    """
    if not job.segments:
        return []
    ids = read_colours(job.png)
    size = ids.shape[1], ids.shape[0]
    if job.image.size not in (None, size):
        assert job.image.size is not None
        expected, actual = (f"{width} x {height} px" for width, height in (job.image.size, size))
        raise ParseError(job.png, f"expected {expected} as the image, found {actual}")
    result = []
    for number, annotation in job.segments:
        parts, holes = rings_of(ids == number) if number >= 0 else ((), ())
        if parts:
            result.append(replace(annotation, parts=parts, holes=holes))
        else:
            result.append(replace(annotation, repair="shape_dropped" if annotation.box else ""))
    return result


def _no_box(path: Path, annotation: Annotation) -> Dropped:
    return Dropped("no_box", path, annotation.place, f"{annotation.name} has no bbox of four numbers")


def _record(
    tree: Tree, path: Path, image: Image, annotations: tuple[Annotation, ...], mentioned: set[Path]
) -> ImageRecord:
    if not image.file_name:
        raise ParseError(path, "expected a file_name, found none", place=f"image {image.id!r}")
    split = split_in(path.stem) or split_of_folder(tree.relative(path))
    name, masks = file_name(image.file_name), path.parent / path.stem
    # A PNG of segments may be called exactly like its image.
    named = [item for item in tree.images_named(Path(name).stem) if masks not in item.parents]
    if len(named) == 1 and named[0].name.casefold() == name.casefold():
        found_: Path | None = named[0]
    else:
        found_ = tree.find_image(image.file_name, near=path, split=split)
    if found_ is not None:
        mentioned.add(found_)
    return ImageRecord(found_ or tree.image_root / name, path, annotations, split, image.size)


FORMAT = Format(
    name="coco-panoptic",
    looks_for='COCO panoptic: .json files with "images" and "segments_info"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
