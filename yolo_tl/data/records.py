"""What a reader yields: images with their boxes, and everything else the source says.

A reader is a stream of events. Each annotation of the source appears in it exactly once,
either inside an `ImageRecord` or as a `Dropped`; the ledger counts on that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

XYXY = tuple[float, float, float, float]
Size = tuple[int, int]


@dataclass(frozen=True)
class Annotation:
    """One object of one image, as the source states it.

    Attributes:
        name: class name (or the token that stands for it in the source).
        box: x1, y1, x2, y2 with x2, y2 exclusive and the origin at the upper left corner;
            px of the upright image, or shares of its sides where the record is `relative`.
        place: where in the source file, for people: ``object 3``, ``line 12``, ``annotation 51``.
        crowd: one box around many objects (COCO ``iscrowd``).
        difficult: hard to see; VOC leaves such objects out of its scores.
        repair: what the reader had to mend to get the box, or "".
    """

    name: str
    box: XYXY
    place: str
    crowd: bool = False
    difficult: bool = False
    repair: str = ""


@dataclass(frozen=True)
class ImageRecord:
    """One image and its annotations.

    Attributes:
        path: the image file; it may turn out to be missing.
        source: the annotation file that speaks of it.
        annotations: none for a background.
        split: train, val or test where the source says so.
        size: width, height in px: as declared by the source, and as the file has it once cleaned.
        relative: the boxes are shares of the image's width and height.
    """

    path: Path
    source: Path
    annotations: tuple[Annotation, ...] = ()
    split: str | None = None
    size: Size | None = None
    relative: bool = False


@dataclass(frozen=True)
class Dropped:
    """An annotation of the source from which no box could be made.

    Attributes:
        reason: a short word, the key it is counted under.
        source: the annotation file.
        place: where in that file.
        detail: what was found.
    """

    reason: str
    source: Path
    place: str
    detail: str = ""


@dataclass(frozen=True)
class ClassOrder:
    """The class names in the order the source gives them."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Note:
    """A decision or an observation about the whole source that a reader should know of."""

    text: str


Event = ImageRecord | Dropped | ClassOrder | Note
