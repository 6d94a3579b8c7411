"""What a reader yields: images with their objects, and everything else the source says.

A reader is a stream of events. Each annotation of the source appears in it exactly once,
either inside an `ImageRecord` or as a `Dropped`; the ledger counts on that.

Records are `msgspec.Struct`: a data set may hold a million of them, and these cost a fifth
of a dataclass to make. Coordinates are plain tuples, so that records can be compared.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

XYXY = tuple[float, float, float, float]
Size = tuple[int, int]
Ring = tuple[float, ...]  # x1, y1, x2, y2, ...; closed without repeating the first point

__all__ = [
    "XYXY",
    "Annotation",
    "ClassOrder",
    "Dropped",
    "Event",
    "ImageRecord",
    "KeypointOrder",
    "Note",
    "Ring",
    "Size",
    "replace",
]


class Annotation(Struct, frozen=True, gc=False):
    """One object of one image, as the source states it.

    All coordinates are in px, or shares of the image's sides where the record is `relative`,
    with the origin at the upper left corner of the upper left pixel. An annotation without
    any geometry is a label of the whole image (a tag, for classification).

    Attributes:
        name: class name (or the token that stands for it in the source).
        box: x1, y1, x2, y2 with x2, y2 exclusive; None where the source gives a shape only
            (the box is then the extent of the shape).
        place: where in the source file, for people: ``object 3``, ``line 12``, ``annotation 51``.
        parts: outer rings of the object, three points or more each; several where it is hidden in part.
        holes: inner rings, cut out of the parts.
        corners: the four corners of an oriented box, in order around it; 8 numbers.
        keypoints: x, y, visibility for each point in the order of `KeypointOrder`; visibility is
            0 not labelled, 1 hidden, 2 visible (COCO). Coordinates of points with 0 mean nothing.
        crowd: one shape around many objects (COCO ``iscrowd``, OpenImages ``IsGroupOf``).
        difficult: hard to see; VOC and DOTA leave such objects out of their scores.
        ignore: a region that is neither object nor background (KITTI ``DontCare``, VisDrone 0).
        repair: what the reader had to mend to get the geometry, a short word, or "".
    """

    name: str
    box: XYXY | None
    place: str
    crowd: bool = False
    difficult: bool = False
    ignore: bool = False
    repair: str = ""
    parts: tuple[Ring, ...] = ()
    holes: tuple[Ring, ...] = ()
    corners: Ring = ()
    keypoints: Ring = ()

    @property
    def is_tag(self) -> bool:
        """It labels the image as a whole."""
        return self.box is None and not (self.parts or self.corners or self.keypoints)


class ImageRecord(Struct, frozen=True):
    """One image and its annotations.

    Attributes:
        path: the image file; it may turn out to be missing.
        source: the annotation file that speaks of it.
        annotations: none for a background.
        split: train, val or test where the source says so.
        size: width, height in px: as declared by the source, and as the upright file has it once cleaned.
        relative: the coordinates are shares of the image's width and height.
        labelled: the source speaks of this image; False for an image that merely lies there.
        group: images of one group belong on the same side of a split (frames of one video), where
            the source says so.
    """

    path: Path
    source: Path
    annotations: tuple[Annotation, ...] = ()
    split: str | None = None
    size: Size | None = None
    relative: bool = False
    labelled: bool = True
    group: str | None = None


class Dropped(Struct, frozen=True):
    """An annotation of the source from which nothing could be made.

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


class ClassOrder(Struct, frozen=True):
    """The class names in the order the source gives them."""

    names: tuple[str, ...]


class KeypointOrder(Struct, frozen=True):
    """The names of the keypoints, in the order of their coordinates; the same for every class."""

    names: tuple[str, ...]


class Note(Struct, frozen=True):
    """A decision or an observation about the whole source that a reader should know of."""

    text: str


Event = ImageRecord | Dropped | ClassOrder | KeypointOrder | Note
