"""From what a source says to what can be trained on; whatever goes is entered in the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolo_tl.data.geometry.fitting import SLIVER, Fitted, fit, plain_polygon
from yolo_tl.data.geometry.transform import is_finite, scaled, turned
from yolo_tl.data.image_size import Header, image_header
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import (
    XYXY,
    Annotation,
    ClassOrder,
    Dropped,
    Event,
    ImageRecord,
    KeypointOrder,
    Note,
    Size,
    replace,
)
from yolo_tl.errors import DataError, ImageError

_LISTED = 10  # faults shown in one error
_UNKNOWN = object()


@dataclass
class Cleaned:
    """Images that exist, with geometry in px that lies within them and fits the task.

    Attributes:
        records: one for each image and split; `size` is that of the upright file.
        classes: in the order asked for, else that of the source, else sorted.
        keypoints: names of the keypoints, as many as an annotation has.
        unfinished: JPEG images without their end marker.
    """

    records: list[ImageRecord] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    keypoints: tuple[str, ...] = ()
    unfinished: set[Path] = field(default_factory=set)


def clean(events: Iterable[Event], *, options: ReadOptions, ledger: Ledger) -> Cleaned:
    """Measure each image and keep the annotations that the options allow, as the task needs them.

    In this order an annotation is dropped as ``tag`` (a label of the whole image, where objects are
    wanted) or ``not_a_tag``, ``not_asked_for``, ``unknown_class``, ``not_finite``,
    ``ignore``, ``crowd``, ``difficult``, for its geometry (see `yolo_tl.data.geometry.fitting.fit`), or as
    ``duplicate``.

    Raises:
        ImageError: images are missing or not images; the first ten are named.
        DataError: classes are not among the names wanted, or images have no annotations and that
            is an error; the first ten are named.
    """
    return _Cleaning(options, ledger).run(events)


class _Cleaning:
    """One pass over the events; what it remembers on the way."""

    def __init__(self, options: ReadOptions, ledger: Ledger) -> None:
        self.options, self.ledger = options, ledger
        self.records: list[ImageRecord] = []
        self.places: dict[tuple[str, str | None], int] = {}
        self.order: dict[str, None] = {}
        self.keypoints: tuple[str, ...] = ()
        self.wanted: dict[str, object] = {}  # source class → class, None if not asked for, or _UNKNOWN
        self.found: set[str] = set()
        self.shapes = 0  # polygons and the like of which only the box is used
        self.bad_images: list[str] = []
        self.bad_classes: list[str] = []
        self.unlabelled: list[Path] = []
        self.unfinished: set[Path] = set()

    def run(self, events: Iterable[Event]) -> Cleaned:
        for event in events:
            if isinstance(event, ImageRecord):
                self._image(event)
            elif isinstance(event, Dropped):
                self.ledger.annotations_in += 1
                self.ledger.drop(event.reason, event.source, event.place, event.detail)
            elif isinstance(event, Note):
                self.ledger.note(event.text)
            elif isinstance(event, ClassOrder):
                self.order.update(dict.fromkeys(event.names))
            elif isinstance(event, KeypointOrder):
                self.keypoints = max(self.keypoints, event.names, key=len)
        _refuse(
            ImageError, self.bad_images, "images are missing or not images", "--missing-images drop leaves them out"
        )
        hint = "--unknown-class drop leaves them out"
        _refuse(DataError, self.bad_classes, "objects are of classes not asked for", hint)
        self._note_unlabelled()
        if shared := len(self.places) - len({path for path, _ in self.places}):
            self.ledger.note(
                f"{shared} images are in more than one split: what is measured on them is not to be trusted"
            )
        if self.shapes:
            self.ledger.note(f"{self.shapes} objects have a polygon, of which the box is used; --task segment keeps it")
        self.records = self._same_keypoints()
        return Cleaned(self.records, self._classes(), self.keypoints, self.unfinished)

    def _image(self, record: ImageRecord) -> None:
        ledger = self.ledger
        ledger.images_in += 1
        ledger.annotations_in += len(record.annotations)
        if not record.labelled and self.options.unlabelled != "background":
            self.unlabelled.append(record.path)
            ledger.drop_image("unlabelled", record.path, "the source says nothing of it")
            return
        self.unlabelled += [] if record.labelled else [record.path]
        header = self._measure(record)
        if header is None:
            return
        key = str(record.path), record.split
        known = self.places.get(key)
        before = self.records[known].annotations if known is not None else ()
        annotations = self._annotations(record, header, before) if record.annotations else before
        if self.options.task == "classify":
            annotations = self._one_tag(annotations, record)
            if not annotations:
                return
        clean = ImageRecord(
            record.path, record.source, annotations, record.split, header.size, False, record.labelled, record.group
        )
        if known is None:
            self.places[key] = len(self.records)
            self.records.append(clean)
        else:  # one image in two annotation files: its boxes belong together
            ledger.drop_image("merged", record.path, f"also in {ledger.name(self.records[known].source)}")
            self.records[known] = clean

    def _measure(self, record: ImageRecord) -> Header | None:
        """The header of the image; None, and the image accounted for, where there is none."""
        ledger = self.ledger
        try:
            header = image_header(record.path)
        except ImageError as error:
            # Not `Path.is_file`, which fails for a name that no file system takes.
            reason = "unreadable_image" if os.path.isfile(record.path) else "missing_image"
            ledger.drop_image(reason, record.path, f"named in {ledger.name(record.source)}")
            for annotation in record.annotations:
                ledger.drop(reason, record.source, annotation.place, ledger.name(record.path))
            if self.options.missing_images == "error":
                self.bad_images.append(f"{error.message} (named in {record.source})")
            return None
        if header.unfinished:
            self.unfinished.add(record.path)
        if record.size not in (None, header.size) and not self._is_stored(record, header):
            assert record.size is not None
            declared, actual = ("x".join(map(str, pair)) for pair in (record.size, header.size))
            ledger.repair_image("size", record.path, f"the source says {declared}, the image is {actual}")
        return header

    def _is_stored(self, record: ImageRecord, header: Header) -> bool:
        """The coordinates are those of the stored image, before EXIF turns it."""
        if header.orientation == 1 or self.options.exif == "upright":
            return False
        # A square image, or one that EXIF only mirrors, does not show its frame by its size.
        return self.options.exif == "stored" or (record.size == header.stored and record.size != header.size)

    def _annotations(
        self, record: ImageRecord, header: Header, before: tuple[Annotation, ...]
    ) -> tuple[Annotation, ...]:
        """`before`, and the annotations of `record` that can be kept."""
        kept = list(before)
        seen: set[tuple[object, ...]] = {_identity(annotation) for annotation in before}
        stored = self._is_stored(record, header)
        if stored:
            self.ledger.repair_image("turned", record.path, f"its EXIF orientation is {header.orientation}")
        as_it_is = not (record.relative or stored)
        drop_twins = self.options.duplicates == "drop"
        for annotation in record.annotations:
            usual = self._usual(annotation, header.size) if as_it_is else None
            if usual is not None:
                identity = _identity(usual)
                if not drop_twins or identity not in seen:
                    seen.add(identity)
                    kept.append(usual)
                    continue
                fitted, fresh = Fitted(reason="duplicate"), []
            else:
                if stored:
                    frame = (1, 1) if record.relative else header.stored
                    annotation = turned(annotation, header.orientation, frame)
                if record.relative:
                    annotation = scaled(annotation, header.size)
                fitted = self._slow(annotation, header, record)
                fresh = [item for item in fitted.results if not (drop_twins and _identity(item) in seen)]
            source, place, detail = record.source, annotation.place, f"{annotation.name} {_text(annotation.box)}"
            if not fresh:
                self.ledger.drop(fitted.reason or "duplicate", source, place, detail)
                continue
            for repair in fitted.repairs:
                self.ledger.repair(repair, source, place, detail)
            self.ledger.annotations_added += len(fresh) - 1
            seen.update(map(_identity, fresh))
            kept += fresh
        return tuple(kept)

    def _usual(self, annotation: Annotation, size: Size) -> Annotation | None:
        """What becomes of an annotation that needs no mending, as nearly all of a sound data set; None for others."""
        name = self.wanted.get(annotation.name)
        if not isinstance(name, str) or annotation.crowd or annotation.difficult or annotation.ignore:
            return None
        if annotation.repair or self.options.task not in ("detect", "segment"):
            return None
        if self.options.task == "segment":
            return plain_polygon(annotation, name, size)
        box = annotation.box
        if box is None or not (0 <= box[0] <= box[2] - SLIVER and 0 <= box[1] <= box[3] - SLIVER):
            return None
        if box[2] > size[0] or box[3] > size[1]:
            return None
        if name == annotation.name and not (annotation.parts or annotation.corners or annotation.keypoints):
            return annotation
        self.shapes += bool(annotation.parts)
        return Annotation(name, box, annotation.place)

    def _slow(self, annotation: Annotation, header: Header, record: ImageRecord) -> Fitted:
        """What becomes of any annotation."""
        options = self.options
        if annotation.is_tag != (options.task == "classify"):
            return Fitted(reason="tag" if annotation.is_tag else "not_a_tag")
        if annotation.name not in self.wanted:
            self.wanted[annotation.name] = _wanted(annotation.name, options)
        name = self.wanted[annotation.name]
        if name is None:
            return Fitted(reason="not_asked_for")
        if name is _UNKNOWN:
            if options.unknown_class == "error":
                detail = f"{annotation.name!r} is not among the names wanted"
                self.bad_classes.append(f"{record.source} ({annotation.place}): {detail}")
            return Fitted(reason="unknown_class")
        if not is_finite(annotation):
            return Fitted(reason="not_finite")
        for flag in ("ignore", "crowd", "difficult"):
            if getattr(annotation, flag) and getattr(options, flag) == "drop":
                return Fitted(reason=flag)
        self.shapes += options.task == "detect" and bool(annotation.parts)
        assert isinstance(name, str)
        fitted = fit(replace(annotation, name=name), header.size, options)
        mended = (annotation.repair,) if annotation.repair else ()
        return fitted._replace(repairs=(*mended, *fitted.repairs))

    def _one_tag(self, tags: tuple[Annotation, ...], record: ImageRecord) -> tuple[Annotation, ...]:
        """A classifier learns one class for each image."""
        if not tags:
            self.ledger.drop_image("no_tag", record.path, "no label of the whole image")
        for tag in tags[1:]:
            self.ledger.drop("several_tags", record.source, tag.place, f"{tag.name}, besides {tags[0].name}")
        return tags[:1]

    def _same_keypoints(self) -> list[ImageRecord]:
        """The records, every annotation with as many keypoints as the one that has most (YOLO has one shape)."""
        if self.options.task != "pose":
            return self.records
        most = max((len(a.keypoints) for record in self.records for a in record.annotations), default=0) // 3
        count = max(most, len(self.keypoints))
        self.keypoints = (*self.keypoints, *(f"point_{i}" for i in range(len(self.keypoints), count)))
        return [
            replace(
                record,
                annotations=tuple(
                    replace(a, keypoints=(*a.keypoints, *(0.0,) * (3 * count - len(a.keypoints))))
                    for a in record.annotations
                ),
            )
            for record in self.records
        ]

    def _note_unlabelled(self) -> None:
        if not self.unlabelled:
            return
        what = f"{len(self.unlabelled)} images that the source says nothing of"
        if self.options.unlabelled == "error":
            faults = [f"{path}: the source says nothing of it" for path in self.unlabelled]
            _refuse(DataError, faults, "images without labels", "--unlabelled background or drop decides about them")
        does = "count as backgrounds" if self.options.unlabelled == "background" else "are left out"
        self.ledger.note(f"{what} {does}, first: {self.ledger.name(self.unlabelled[0])}")

    def _classes(self) -> tuple[str, ...]:
        if self.options.classes:
            return self.options.classes
        order = [name for name in self.order if _wanted(name, self.options) is not None]
        found = {annotation.name for record in self.records for annotation in record.annotations}
        return (*order, *sorted(found - set(order)))


def _wanted(name: str, options: ReadOptions) -> object:
    """What a class of the source is called; None if it is not asked for, `_UNKNOWN` if it is in no list."""
    if name in options.skip or (options.only and name not in options.only):
        return None
    if isinstance(options.names, Mapping):
        return str(options.names[name]) if name in options.names else _UNKNOWN
    return name if options.names is None or name in options.names else _UNKNOWN


def _identity(annotation: Annotation) -> tuple[object, ...]:
    if annotation.parts or annotation.corners or annotation.keypoints:
        return annotation.name, annotation.box, annotation.parts, annotation.corners, annotation.keypoints
    return annotation.name, annotation.box


def _text(box: XYXY | None) -> str:
    return "without a box" if box is None else "[" + ", ".join(f"{value:g}" for value in box) + "]"


def _refuse(kind: type[DataError], faults: list[str], what: str, hint: str) -> None:
    if len(faults) == 1:
        raise kind(faults[0], hint=hint)
    if faults:
        more = [f"... and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
        raise kind("\n  ".join([f"{len(faults)} {what}:", *faults[:_LISTED], *more]), hint=hint)
