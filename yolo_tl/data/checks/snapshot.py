"""A data set scanned once: what the checks look at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.checks.config_file import ConfigFile
from yolo_tl.data.checks.finding import EXAMPLES, Example, Finding
from yolo_tl.data.checks.listing import Listing, files_in, label_file, list_split
from yolo_tl.data.checks.probe import Probe, probe
from yolo_tl.data.checks.rows import Bad, Ints, Kind, RowReader, Rows, polygon_points
from yolo_tl.data.split import SPLITS
from yolo_tl.data.thumbs import Thumbs, thumbs
from yolo_tl.data.workers import each

T = TypeVar("T")
Mask = NDArray[np.bool_]
Detail = str | Callable[[int], str]

_RECTANGLE = 0.02  # how far a corner may be off, as a share of the longer side
_MOST = 0.9  # of four-cornered rows that have to be rectangles, to take a data set for oriented boxes


@dataclass(eq=False)
class Snapshot:
    """N images and M label rows of a data set, as they are, with everything that is odd about them.

    Attributes:
        base: folder that paths are shown relative to.
        config: the data.yaml; None where the annotations are in another format.
        names: class names by index.
        images: (N) paths.
        labels: (N) paths of their label files; they need not exist.
        split: (N,) index into `SPLITS`, -1 for none.
        probes: (N) what the beginning and end of each image file tell.
        label_state: (N,) `LabelState`.
        digests: (N) of the label files; equal for equal content, 0 for none.
        rows: the label rows.
        bad: lines from which no row could be made.
        encodings: label files in another encoding than UTF-8, by image, with its name.
        label_errors: label files that cannot be read, by image, with the reason.
        listings: the files of each split.
        places: where in its source file each row stands, for annotations in another format.
        stated_task: what the data set is for, where that is known.
    """

    base: str
    config: ConfigFile | None
    names: tuple[str, ...]
    images: list[str]
    labels: list[str]
    split: NDArray[np.int8]
    probes: list[Probe]
    label_state: NDArray[np.int8]
    digests: list[int]
    rows: Rows
    bad: list[Bad] = field(default_factory=list)
    encodings: list[tuple[int, str]] = field(default_factory=list)
    label_errors: list[tuple[int, str]] = field(default_factory=list)
    listings: dict[str, Listing] = field(default_factory=dict)
    places: Sequence[str] | None = None
    stated_task: str | None = None
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.images)

    # What was found, told.

    def name(self, path: str) -> str:
        """`path` relative to the data set, with forward slashes."""
        inside = path.startswith(self.base + os.sep)
        return (path[len(self.base) + 1 :] if inside else path).replace(os.sep, "/")

    def about_images(self, message: str, indexes: Iterable[int], detail: Detail = "", **more: Any) -> Finding:
        """A finding about images, by index."""
        found = [int(i) for i in indexes]
        say = detail if callable(detail) else (lambda i: detail)
        shown = tuple(Example(self.name(self.images[i]), None, say(i), i) for i in found[:EXAMPLES])
        return Finding(message, len(found), shown, **more)

    def about_labels(self, message: str, indexes: Iterable[int], detail: Detail = "", **more: Any) -> Finding:
        """A finding about label files, by the index of their image."""
        found = [int(i) for i in indexes]
        say = detail if callable(detail) else (lambda i: detail)
        shown = tuple(Example(self.name(self.labels[i]), None, say(i), i) for i in found[:EXAMPLES])
        return Finding(message, len(found), shown, **more)

    def about_rows(self, message: str, rows: Mask | Ints | Sequence[int], detail: Detail = "", **more: Any) -> Finding:
        """A finding about label rows, by mask or index."""
        chosen = np.asarray(rows)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        say = detail if callable(detail) else (lambda row: detail)
        shown = tuple(self.row_example(int(row), say(int(row))) for row in chosen[:EXAMPLES])
        return Finding(message, len(chosen), shown, **more)

    def about_twins(self, message: str, twins: Mapping[int, int], *, labels: bool = False, **more: Any) -> Finding:
        """A finding about images, or label files, that are like another: by the index of each, that of the other."""
        paths = self.labels if labels else self.images
        shown = tuple(
            Example(self.name(paths[i]), None, f"as {self.name(paths[twins[i]])}", i, other=twins[i])
            for i in list(twins)[:EXAMPLES]
        )
        return Finding(message, len(twins), shown, **more)

    def about_files(self, message: str, paths: Sequence[str], detail: Callable[[str], str] | str = "") -> Finding:
        """A finding about files of any kind."""
        say = detail if callable(detail) else (lambda path: detail)
        return Finding(message, len(paths), tuple(Example(self.name(p), None, say(p)) for p in paths[:EXAMPLES]))

    def row_example(self, row: int, detail: str = "", *others: int) -> Example:
        """An example that shows a row, and perhaps others of the same image."""
        image = int(self.rows.image[row])
        if self.places is not None:
            detail = f"{self.places[row]}: {detail}" if detail else self.places[row]
            return Example(self.name(self.labels[image]), None, detail, image, (row, *others))
        return Example(self.name(self.labels[image]), int(self.rows.line[row]), detail, image, (row, *others))

    def class_name(self, class_id: float) -> str:
        """The name of a class, or its number where it has none."""
        known = float(class_id).is_integer() and 0 <= class_id < len(self.names)
        return self.names[int(class_id)] if known else f"{class_id:g}"

    # Facts about images.

    @cached_property
    def state(self) -> NDArray[np.int8]:
        """(N,) `State` of each image file."""
        return np.array([p.state for p in self.probes], np.int8)

    @cached_property
    def size(self) -> Ints:
        """(N, 2) width and height in px, upright; 0 where unknown."""
        return np.array([p.size for p in self.probes], np.int64).reshape(-1, 2)

    @cached_property
    def counts(self) -> Ints:
        """(N,) rows of each image."""
        return np.bincount(self.rows.image, minlength=len(self))

    @cached_property
    def content(self) -> Ints:
        """(N,) for each image the index of the first with the same bytes; its own where there is none.

        Files of equal size, beginning and end are read whole, unless they are one file by several names.
        """
        first = np.arange(len(self))
        alike: dict[int, list[int]] = {}
        for i, p in enumerate(self.probes):
            if p.bytes:
                alike.setdefault(p.sketch, []).append(i)
        for group in alike.values():
            if len(group) < 2:
                continue
            digests: dict[tuple[int, int], bytes] = {}
            known: dict[bytes, int] = {}
            for i in group:
                file = self.probes[i].file
                if file not in digests:
                    one = not digests and all(self.probes[j].file == file for j in group)
                    digests[file] = b"" if one else _digest(self.images[i])
                first[i] = known.setdefault(digests[file], i)
        return first

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` makes, made once and kept: for what several checks need."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def pixels(self, workers: int = 1) -> Thumbs:
        """Every image decoded once and shrunk."""
        return self.once("pixels", lambda: thumbs([Path(image) for image in self.images], workers=workers))

    # Facts about rows.

    @cached_property
    def sides(self) -> NDArray[np.float64]:
        """(M, 2) width and height of each row's box in px; NaN where the image or the box is unknown."""
        size = self.size[self.rows.image].astype(np.float64)
        size[size == 0] = np.nan
        sides: NDArray[np.float64] = self.rows.box[:, 2:] * size
        return sides

    @cached_property
    def good(self) -> Mask:
        """(M,) rows with a known class and a box that has an area and lies about in the image."""
        rows, box = self.rows, self.rows.box
        with np.errstate(invalid="ignore"):
            known = (rows.class_id >= 0) & (rows.class_id < len(self.names)) & (rows.class_id % 1 == 0)
            placed = (box[:, 2:] > 0).all(axis=1) & (np.abs(box) <= 1.5).all(axis=1)
        good: Mask = known & placed & (rows.kind != Kind.ODD)
        return good

    @cached_property
    def instances(self) -> Ints:
        """(splits, classes) good rows; a split the data set lacks has none."""
        found = np.zeros((len(SPLITS), len(self.names)), np.int64)
        split = self.split[self.rows.image]
        kept = self.good & (split >= 0)
        np.add.at(found, (split[kept].astype(np.int64), self.rows.class_id[kept].astype(np.int64)), 1)
        return found

    @cached_property
    def class_counts(self) -> Ints:
        """(classes,) good rows of each class in all splits."""
        return np.bincount(self.rows.class_id[self.good].astype(np.int64), minlength=len(self.names))

    @cached_property
    def present(self) -> list[str]:
        """The splits that hold images."""
        return [split for i, split in enumerate(SPLITS) if (self.split == i).any()]

    def of_split(self, split: str) -> Mask:
        """(N,) the images of a split."""
        mask: Mask = self.split == SPLITS.index(split)
        return mask

    @cached_property
    def quads(self) -> Ints:
        """Rows of four corners, which may be oriented boxes."""
        return np.flatnonzero((self.rows.kind == Kind.POLYGON) & (self.rows.columns == 9))

    @cached_property
    def skew(self) -> NDArray[np.float64]:
        """How far each of `quads` is from a rectangle: the mismatch of its diagonals and of their middles.

        As a share of the longer diagonal, in px where the image size is known; 0 for a rectangle.
        """
        rows = self.rows
        points, _ = polygon_points(rows.values, rows.start[self.quads], rows.columns[self.quads])
        corners = points.reshape(-1, 4, 2) * np.maximum(self.size[rows.image[self.quads]], 1)[:, None, :]
        corners = np.nan_to_num(corners, nan=0, posinf=0, neginf=0)
        one, other = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
        lengths = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
        apart = np.linalg.norm(corners[:, 0] + corners[:, 2] - corners[:, 1] - corners[:, 3], axis=1) / 2
        skew: NDArray[np.float64] = np.maximum(np.abs(lengths[0] - lengths[1]), apart) / np.maximum(
            np.maximum(*lengths), 1e-12
        )
        return skew

    @cached_property
    def task(self) -> str:
        """What the data set is for: as stated, else by its yaml and rows."""
        if self.stated_task:
            return self.stated_task
        content = self.config.content if self.config else {}
        if content.get("kpt_shape") is not None:
            return "pose"
        if content.get("task") in ("detect", "segment", "obb"):
            return str(content["task"])
        polygons = int((self.rows.kind == Kind.POLYGON).sum())
        if not polygons:
            return "detect"
        if len(self.quads) == polygons and (self.skew <= _RECTANGLE).mean() >= _MOST:
            return "obb"
        return "segment"


def scan(config: ConfigFile, *, task: str | None = None, workers: int = 1) -> Snapshot:
    """Read every label file of a data set and the header of every image. Nothing is raised: it becomes a finding."""
    listings = {split: list_split(places, config.root) for split, places in config.places.items()}
    images = [image for listing in listings.values() for image in listing.images]
    split = np.array([SPLITS.index(s) for s, listing in listings.items() for _ in listing.images], np.int8)
    for listing in listings.values():
        if not listing.others:  # the folders of a list of images were not walked
            known = set(listing.images)
            listing.others = [p for folder in listing.folders for p in files_in(folder) if p not in known]
    labels = [label_file(image) for image in images]
    shape = config.keypoint_shape
    reader = RowReader(config.names, 5 + shape[0] * shape[1] if shape else 0)
    for label in labels:
        reader.read(label)
    return Snapshot(
        base=os.path.abspath(config.file.parent),
        config=config,
        names=config.names,
        images=images,
        labels=labels,
        split=split,
        probes=list(each(probe, images, workers=workers)),
        label_state=np.array(reader.states, np.int8),
        digests=reader.digests,
        rows=reader.rows(),
        bad=reader.bad,
        encodings=reader.encodings,
        label_errors=reader.errors,
        listings=listings,
        stated_task=task,
    )


def _digest(path: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    except OSError:
        return path.encode("utf-8", "surrogateescape")
    return digest.digest()
