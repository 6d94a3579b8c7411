"""From what a source says to what can be trained on; whatever goes is entered in the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from yolo_tl.data.image_size import image_size
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import XYXY, Annotation, ClassOrder, Dropped, Event, ImageRecord, Note, Size
from yolo_tl.errors import DataError, ImageError

_LISTED = 10  # faults shown in one error


@dataclass
class Cleaned:
    """Images that exist, with boxes in px that lie within them.

    Attributes:
        records: one for each image and split; `size` is that of the file.
        classes: in the order asked for, else that of the source, else sorted.
    """

    records: list[ImageRecord] = field(default_factory=list)
    classes: tuple[str, ...] = ()


def clean(events: Iterable[Event], *, options: ReadOptions, ledger: Ledger) -> Cleaned:
    """Measure each image and keep the boxes that the options allow.

    In this order an annotation is dropped as ``not_finite``, ``crowd``, ``difficult``,
    ``unknown_class``, ``zero_area``, ``outside`` or ``duplicate``, and repaired as
    ``swapped`` (corners) or ``clipped`` (to the image).

    Raises:
        ImageError: images are missing or not images; the first ten are named.
        DataError: classes are not among the names wanted; the first ten are named.
    """
    result = Cleaned()
    places: dict[tuple[Path, str | None], int] = {}
    order: dict[str, None] = {}
    bad_images: list[str] = []
    bad_classes: list[str] = []
    for event in events:
        if isinstance(event, ClassOrder):
            order.update(dict.fromkeys(event.names))
        elif isinstance(event, Note):
            ledger.note(event.text)
        elif isinstance(event, Dropped):
            ledger.annotations_in += 1
            ledger.drop(event.reason, event.source, event.place, event.detail)
        else:
            ledger.images_in += 1
            ledger.annotations_in += len(event.annotations)
            size = _measure(event, options, ledger, bad_images)
            if size is None:
                continue
            known = places.get((event.path, event.split))
            kept = result.records[known].annotations if known is not None else ()
            kept = _annotations(replace(event, size=size), kept, options, ledger, bad_classes)
            record = replace(event, size=size, relative=False, annotations=kept)
            if known is None:
                places[event.path, event.split] = len(result.records)
                result.records.append(record)
            else:  # one image in two annotation files: its boxes belong together
                result.records[known] = record
                ledger.drop_image("merged", event.path, f"also in {ledger.name(result.records[known].source)}")
    _refuse(ImageError, bad_images, "images are missing or not images", "--missing-images drop leaves them out")
    _refuse(DataError, bad_classes, "objects are of classes not asked for", "--unknown-class drop leaves them out")
    if shared := len(places) - len({path for path, _ in places}):
        ledger.note(f"{shared} images are in more than one split: what is measured on them is not to be trusted")
    found = {annotation.name for record in result.records for annotation in record.annotations}
    result.classes = options.classes or (*order, *sorted(found - order.keys()))
    return result


def _measure(record: ImageRecord, options: ReadOptions, ledger: Ledger, faults: list[str]) -> Size | None:
    """The size of the image; None, and the image accounted for, where there is none."""
    try:
        size = image_size(record.path)
    except ImageError as error:
        reason = "unreadable_image" if record.path.is_file() else "missing_image"
        ledger.drop_image(reason, record.path, f"named in {ledger.name(record.source)}")
        for annotation in record.annotations:
            ledger.drop(reason, record.source, annotation.place, ledger.name(record.path))
        if options.missing_images == "error":
            faults.append(f"{error.message} (named in {record.source})")
        return None
    if record.size not in (None, size):
        assert record.size is not None
        declared, actual = ("x".join(map(str, pair)) for pair in (record.size, size))
        ledger.repair_image("size", record.path, f"the source says {declared}, the image is {actual}")
    return size


def _annotations(
    record: ImageRecord, before: tuple[Annotation, ...], options: ReadOptions, ledger: Ledger, faults: list[str]
) -> tuple[Annotation, ...]:
    """`before`, and the annotations of `record` that can be kept."""
    kept = list(before)
    seen = {(annotation.name, annotation.box) for annotation in before}
    for annotation in record.annotations:
        name = _wanted(annotation.name, options)
        if name is None:
            detail = f"{annotation.name!r} is not among the names wanted"
            if options.unknown_class == "error":
                faults.append(f"{record.source} ({annotation.place}): {detail}")
            ledger.drop("unknown_class", record.source, annotation.place, detail)
            continue
        box, repairs, reason = _box(annotation, record, options)
        if reason is None and options.duplicates == "drop" and (name, box) in seen:
            reason = "duplicate"
        if reason is not None:
            ledger.drop(reason, record.source, annotation.place, f"{annotation.name} {_text(annotation.box)}")
            continue
        for repair in repairs:
            ledger.repair(repair, record.source, annotation.place, f"{annotation.name} {_text(annotation.box)}")
        seen.add((name, box))
        kept.append(replace(annotation, name=name, box=box))
    return tuple(kept)


def _wanted(name: str, options: ReadOptions) -> str | None:
    if isinstance(options.names, Mapping):
        return str(options.names[name]) if name in options.names else None
    return name if options.names is None or name in options.names else None


def _box(annotation: Annotation, record: ImageRecord, options: ReadOptions) -> tuple[XYXY, list[str], str | None]:
    """The box in px, what was repaired, and the reason to drop it, if there is one."""
    assert record.size is not None
    width, height = record.size
    x1, y1, x2, y2 = annotation.box
    repairs = [annotation.repair] if annotation.repair else []
    if not all(math.isfinite(value) for value in annotation.box):
        return annotation.box, repairs, "not_finite"
    if annotation.crowd and options.crowd == "drop":
        return annotation.box, repairs, "crowd"
    if annotation.difficult and options.difficult == "drop":
        return annotation.box, repairs, "difficult"
    if record.relative:
        x1, y1, x2, y2 = x1 * width, y1 * height, x2 * width, y2 * height
    if x1 > x2 or y1 > y2:
        x1, y1, x2, y2 = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
        repairs.append("swapped")
    if x1 == x2 or y1 == y2:
        return annotation.box, repairs, "zero_area"
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return annotation.box, repairs, "outside"
    clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    # Shares written with six digits overshoot the border by a hair: not worth an entry.
    if max(abs(a - b) for a, b in zip(clipped, (x1, y1, x2, y2), strict=True)) > 0.01:
        repairs.append("clipped")
    return clipped, repairs, None


def _text(box: XYXY) -> str:
    return "[" + ", ".join(f"{value:g}" for value in box) + "]"


def _refuse(kind: type[DataError], faults: list[str], what: str, hint: str) -> None:
    if len(faults) == 1:
        raise kind(faults[0], hint=hint)
    if faults:
        more = [f"... and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
        raise kind("\n  ".join([f"{len(faults)} {what}:", *faults[:_LISTED], *more]), hint=hint)
