"""What an annotation format is: how it is recognised, how it is read, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Event, ImageRecord
from yolo_tl.data.tree import Tree


@dataclass(frozen=True)
class Output:
    """A data set about to be written: what a format's `write` gets.

    Attributes:
        folder: the new folder. The images are in their places already.
        records: cleaned (`yolo_tl.data.clean`): every `size` is that of the upright file, every
            `split` is set, and every coordinate is in px and lies in the image.
        images: the place of each record's image below `folder`, ``images/<split>/<name>``; no two
            in one split share a stem.
        classes: the class names; the index of each is its id.
        keypoints: the names of the keypoints, where there are any.
        task: detect, segment, obb, pose or classify: the geometry that the annotations hold.
            `box` is always set, but for tags.
    """

    folder: Path
    records: Sequence[ImageRecord]
    images: Sequence[PurePosixPath]
    classes: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    task: str = "detect"


@dataclass(frozen=True)
class Format:
    """One annotation format; one module makes one.

    Attributes:
        name: how the user asks for it.
        looks_for: what its sniffer looks for, in words.
        suffixes: of its annotation files, to name the nearest format when none fits.
        sniff: why a source is of this format, in words and with numbers, or None. It must not
            raise on a malformed file: that is for the reader to report.
        read: the events of a source (see `yolo_tl.data.records`); must not decode an image.
        write: writes the annotations of an `Output` and returns how many it wrote; None where the
            format can only be read.
        tasks: the geometry that `write` can express.
    """

    name: str
    looks_for: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Tree], str | None]
    read: Callable[[Tree, ReadOptions], Iterator[Event]]
    write: Callable[[Output], int] | None = None
    tasks: tuple[str, ...] = ("detect",)
