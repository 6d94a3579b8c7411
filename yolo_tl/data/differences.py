"""What is different between two data sets: images, their places, and every object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.boxes import iou_matrix
from yolo_tl.data.pictures.pixels import pixel_digest
from yolo_tl.data.records import Annotation
from yolo_tl.data.yolo.labelled import LabelledImage, box_of, read_labelled
from yolo_tl.errors import ImageError
from yolo_tl.files import sha256

KINDS = (
    "images added",
    "images removed",
    "images moved",
    "images renamed",
    "images repainted",
    "objects added",
    "objects removed",
    "objects changed",
    "objects relabelled",
    "classes added",
    "classes removed",
    "classes reordered",
)
_DIGITS = 6  # of coordinates, as in the fingerprint
_SAME = 0.5  # IoU of two boxes that are meant for one object


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: one of `KINDS`.
        image: the name of the image, below its split; "" for a class.
        detail: what was before, and what is now.
    """

    kind: str
    image: str
    detail: str


@dataclass(frozen=True)
class Differences:
    """What turns data set A into B.

    Attributes:
        images: images in A and in B.
        objects: objects in A and in B.
        changes: in the order of `KINDS`.
    """

    images: tuple[int, int]
    objects: tuple[int, int]
    changes: tuple[Change, ...] = field(default=())

    @property
    def same(self) -> bool:
        """There is no difference."""
        return not self.changes

    @property
    def counts(self) -> dict[str, int]:
        """Changes of each kind there is."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS if found[kind]}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with every change."""
        return {
            "same": self.same,
            "images": list(self.images),
            "objects": list(self.objects),
            "counts": self.counts,
            "changes": [{"kind": c.kind, "image": c.image, "detail": c.detail} for c in self.changes],
        }


def diff(a: Path | str, b: Path | str) -> Differences:
    """Compare two data sets, each a data.yaml or the folder that holds it.

    Images are paired by their content first: the file, then the decoded pixels, so that a renamed,
    moved or losslessly converted image is recognised; those left over by their names. Objects
    are equal if class and coordinates (to 1e-6 of the side) are; of the others those of one class
    that overlap with an IoU of 0.5 were changed, those of two classes relabelled.

    Raises:
        DataNotFound: a data set does not exist.
        ParseError: a data.yaml or a label file is malformed.
    """
    left, right = read_labelled(a), read_labelled(b)
    changes = [*_classes(left.names, right.names)]
    pairs = _paired(left.images, right.images)
    for before, after, repainted in pairs:
        if before is None or after is None:
            lone = after or before
            assert lone is not None
            kind = "added" if before is None else "removed"
            changes.append(Change(f"images {kind}", lone.name, f"{lone.split}, {len(lone.objects)} objects"))
            changes += (Change(f"objects {kind}", lone.name, _described(item)) for item in lone.objects)
            continue
        if before.split != after.split:
            changes.append(Change("images moved", after.name, f"{before.split} → {after.split}"))
        if before.name != after.name:
            changes.append(Change("images renamed", after.name, f"{before.name} → {after.name}"))
        if repainted:
            changes.append(Change("images repainted", after.name, "same name, other pixels"))
        changes += _objects(before, after)
    changes.sort(key=lambda change: (KINDS.index(change.kind), change.image))
    sizes = [(len(s.images), sum(len(image.objects) for image in s.images)) for s in (left, right)]
    return Differences((sizes[0][0], sizes[1][0]), (sizes[0][1], sizes[1][1]), tuple(changes))


def _classes(before: Sequence[str], after: Sequence[str]) -> Iterable[Change]:
    yield from (Change("classes added", "", name) for name in after if name not in before)
    yield from (Change("classes removed", "", name) for name in before if name not in after)
    common = [name for name in before if name in after], [name for name in after if name in before]
    if common[0] != common[1]:
        yield Change("classes reordered", "", f"{', '.join(common[0])} → {', '.join(common[1])}")


Pair = tuple[LabelledImage | None, LabelledImage | None, bool]


def _paired(left: Sequence[LabelledImage], right: Sequence[LabelledImage]) -> list[Pair]:
    """Each image with its counterpart, and whether only the name says so."""
    pairs: list[Pair] = []
    rest = list(left), list(right)
    for digest, by_name in ((_file_digest, False), (_pixel_digest, False), (lambda image: image.name, True)):
        found, rest = _matched(*rest, digest)
        pairs += ((before, after, by_name) for before, after in found)
    return [*pairs, *((image, None, False) for image in rest[0]), *((None, image, False) for image in rest[1])]


def _matched(
    left: Sequence[LabelledImage], right: Sequence[LabelledImage], digest: Callable[[LabelledImage], str]
) -> tuple[list[tuple[LabelledImage, LabelledImage]], tuple[list[LabelledImage], list[LabelledImage]]]:
    """Pairs of equal digests, and what is left; of several equal ones those pair up that lie at the same place."""
    waiting: dict[str, list[LabelledImage]] = {}
    if left and right:
        for image in right:
            waiting.setdefault(digest(image), []).append(image)
    pairs: list[tuple[LabelledImage, LabelledImage]] = []
    digests = [digest(image) for image in left] if waiting else [""] * len(left)
    by_place: list[Callable[[LabelledImage], object]] = [
        lambda image: (image.split, image.name),
        lambda image: image.name,
        lambda image: image.split,
        lambda image: None,
    ]
    open_ = list(zip(left, digests, strict=True))
    for place in by_place:
        rest: list[tuple[LabelledImage, str]] = []
        for image, key in open_:
            candidates = waiting.get(key, [])
            other = next((c for c in candidates if place(c) == place(image)), None)
            if other is None:
                rest.append((image, key))
                continue
            candidates.remove(other)
            pairs.append((image, other))
        open_ = rest
    taken = {id(other) for _, other in pairs}
    return pairs, ([image for image, _ in open_], [image for image in right if id(image) not in taken])


def _file_digest(image: LabelledImage) -> str:
    try:
        return sha256(image.path)
    except OSError:  # a list may name what is not there
        return f"missing {image.name}"


def _pixel_digest(image: LabelledImage) -> str:
    try:
        return pixel_digest(image.path)
    except ImageError:  # then only the file can tell
        return _file_digest(image)


def _objects(before: LabelledImage, after: LabelledImage) -> list[Change]:
    """The differences between the objects of one image."""
    missing, extra = _without_equal(before.objects, after.objects)
    changes = []
    for same_class, kind in ((True, "objects changed"), (False, "objects relabelled")):
        for old, new in _overlapping(missing, extra, same_class=same_class):
            missing.remove(old)
            extra.remove(new)
            changes.append(Change(kind, after.name, f"{_described(old)} → {_described(new)}"))
    changes += (Change("objects removed", after.name, _described(item)) for item in missing)
    changes += (Change("objects added", after.name, _described(item)) for item in extra)
    return changes


def _without_equal(
    before: Sequence[Annotation], after: Sequence[Annotation]
) -> tuple[list[Annotation], list[Annotation]]:
    """What is left of both once equal objects are taken away in pairs."""
    common = Counter(map(_key, before)) & Counter(map(_key, after))
    rests = []
    for objects in (before, after):
        waiting, rest = common.copy(), []
        for item in objects:
            if waiting[_key(item)]:
                waiting[_key(item)] -= 1
            else:
                rest.append(item)
        rests.append(rest)
    return rests[0], rests[1]


def _key(item: Annotation) -> tuple[object, ...]:
    """Class and geometry, rounded; NaN equals itself here."""
    numbers = [*(item.box or ()), *item.corners, *item.keypoints, *(value for part in item.parts for value in part)]
    # 0.0 is added because a rounded -1e-9 is -0.0, which is written otherwise.
    return item.name, bool(item.box), bool(item.corners), *(str(round(value, _DIGITS) + 0.0) for value in numbers)


def _overlapping(
    left: Sequence[Annotation], right: Sequence[Annotation], *, same_class: bool
) -> list[tuple[Annotation, Annotation]]:
    """Pairs of objects whose boxes overlap by enough, the closest first, each object in one pair at most."""
    if not left or not right:
        return []
    boxes = [box_of(item) for item in left], [box_of(item) for item in right]
    overlap = np.nan_to_num(iou_matrix(*boxes, eps=1e-12))  # shares are small numbers
    classes = np.array([[a.name == b.name for b in right] for a in left])
    close = np.argwhere((overlap >= _SAME) & (classes == same_class))
    pairs = []
    used: tuple[set[int], set[int]] = set(), set()
    for i, j in sorted(close.tolist(), key=lambda place: -overlap[tuple(place)]):
        if i not in used[0] and j not in used[1]:
            pairs.append((left[i], right[j]))
            used[0].add(i)
            used[1].add(j)
    return pairs


def _described(item: Annotation) -> str:
    """Class and box in shares of the image's sides, for people."""
    return f"{item.name} " + " ".join(f"{value:.4f}" for value in box_of(item))
