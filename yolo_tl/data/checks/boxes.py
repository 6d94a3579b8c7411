"""Checks of the geometry of boxes: sizes that cannot be learned, and objects labelled twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.checks.base import CheckOptions, amount, check
from yolo_tl.data.checks.finding import EXAMPLES, Finding, Severity
from yolo_tl.data.checks.rows import Ints
from yolo_tl.data.checks.snapshot import Mask, Snapshot

_TINY = 3.0  # px at imgsz; the augmentation of Ultralytics drops boxes of 2
_HUGE = 0.8  # share of the image's area
_WHOLE = 0.99  # share of each side
_ELONGATED = 20.0
_CROWD = 300  # detections that Ultralytics returns of one image
_SAME = 0.9  # IoU from which two boxes of a class are one object
_TWIN = 0.95  # IoU from which two boxes of two classes are one object
_OUTLIER = 6.0  # robust standard deviations of the logarithm of the size
_ENOUGH = 30


@check(
    "boxes.tiny_at_imgsz",
    severity=Severity.WARNING,
    hint="train with a larger --imgsz, or on tiles",
    ultralytics="drops boxes of 2 px or less in its augmentation; smaller than a stride of 8 px is hardly found",
)
def tiny_at_imgsz(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box is narrower than 3 px once its image is scaled to imgsz."""
    longest = np.maximum(snapshot.size.max(axis=1, initial=0), 1)
    sides = snapshot.sides * (options.imgsz / longest[snapshot.rows.image])[:, None]
    with np.errstate(invalid="ignore"):
        found = snapshot.good & (sides.min(axis=1, initial=np.inf) < _TINY)
    if found.any():
        message = f"{amount(int(found.sum()), 'box')} narrower than {_TINY:g} px at imgsz {options.imgsz}"
        yield snapshot.about_rows(message, found, lambda r: f"{sides[r, 0]:.1f} x {sides[r, 1]:.1f} px")


@check(
    "boxes.huge",
    severity=Severity.INFO,
    hint="fine for close-ups; elsewhere a slip of the hand",
)
def huge(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box covers over 80 % of its image."""
    share = snapshot.rows.box[:, 2] * snapshot.rows.box[:, 3]
    with np.errstate(invalid="ignore"):
        found = snapshot.good & (share > _HUGE) & ~_whole(snapshot)
    if found.any():
        message = f"{amount(int(found.sum()), 'box')} covering over {100 * _HUGE:.0f} % of the image"
        yield snapshot.about_rows(message, found, lambda r: f"{100 * share[r]:.0f} %")


@check(
    "boxes.whole_image",
    severity=Severity.WARNING,
    hint="a label of the image, not of an object in it: use classification, or draw the object",
)
def whole_image(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box is the whole image."""
    found = _whole(snapshot)
    if found.any():
        name = lambda r: snapshot.class_name(float(snapshot.rows.class_id[r]))  # noqa: E731
        yield snapshot.about_rows(f"{amount(int(found.sum()), 'box')} as large as the image", found, name)


@check(
    "boxes.extreme_aspect",
    severity=Severity.WARNING,
    hint="check that it was not cut at the border or drawn by accident",
    ultralytics="drops boxes beyond 100 to 1 in its augmentation",
)
def extreme_aspect(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box is over 20 times as long as wide."""
    sides = snapshot.sides
    with np.errstate(invalid="ignore", divide="ignore"):
        aspect = sides.max(axis=1, initial=0) / sides.min(axis=1, initial=np.inf)
        found = snapshot.good & (aspect > _ELONGATED)
    if found.any():
        message = f"{amount(int(found.sum()), 'box')} longer than {_ELONGATED:g} times the width"
        yield snapshot.about_rows(message, found, lambda r: f"{sides[r, 0]:.0f} x {sides[r, 1]:.0f} px")


@check(
    "boxes.crowded_image",
    severity=Severity.WARNING,
    hint="cut it into tiles, or raise max_det",
    ultralytics=f"returns {_CROWD} detections of an image at most: the others count as missed",
)
def crowded_image(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image has more than 300 objects."""
    found = np.flatnonzero(snapshot.counts > _CROWD)
    if len(found):
        message = f"{amount(len(found), 'image')} with more than {_CROWD} objects"
        yield snapshot.about_images(message, found, lambda i: amount(int(snapshot.counts[i]), "object"))


@check(
    "boxes.overlap_same_class",
    severity=Severity.WARNING,
    hint="one object labelled twice: remove one",
    ultralytics="keeps both; NMS finds one of them, so the other counts as missed",
)
def overlap_same_class(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two boxes of a class overlap by over 90 %."""
    pairs, overlap = overlapping(snapshot)
    rows = snapshot.rows
    same = rows.class_id[pairs[:, 0]] == rows.class_id[pairs[:, 1]]
    different = (rows.box[pairs[:, 0]] != rows.box[pairs[:, 1]]).any(axis=1)  # else labels.duplicate_row
    yield from _pairs(snapshot, pairs, overlap, same & different & (overlap > _SAME), "of one class")


@check(
    "boxes.cross_class_twins",
    severity=Severity.WARNING,
    hint="one object labelled as two things: decide for one",
)
def cross_class_twins(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two boxes of two classes overlap by over 95 %."""
    pairs, overlap = overlapping(snapshot)
    other = snapshot.rows.class_id[pairs[:, 0]] != snapshot.rows.class_id[pairs[:, 1]]
    yield from _pairs(snapshot, pairs, overlap, other & (overlap > _TWIN), "of two classes")


@check(
    "boxes.size_outlier",
    severity=Severity.INFO,
    hint="look at it: often a slip of the hand or the wrong class",
)
def size_outlier(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box is far smaller or larger than the others of its class."""
    good = np.flatnonzero(snapshot.good & np.isfinite(snapshot.sides).all(axis=1))
    if not len(good):
        return
    size = np.log(snapshot.sides[good].prod(axis=1)) / 2
    classes = snapshot.rows.class_id[good].astype(np.int64)
    order = np.argsort(classes, kind="stable")
    found = []
    for members in np.split(order, np.flatnonzero(np.diff(classes[order])) + 1):
        if len(members) < _ENOUGH:
            continue
        middle = np.median(size[members])
        spread = 1.4826 * np.median(np.abs(size[members] - middle))
        far = np.abs(size[members] - middle) / max(spread, 0.1)
        found += [(float(d), int(good[m]), float(middle)) for d, m in zip(far, members, strict=True) if d > _OUTLIER]
    if found:
        found.sort(key=lambda item: (-item[0], item[1]))
        middles = {row: middle for _, row, middle in found}
        yield snapshot.about_rows(
            f"{amount(len(found), 'box')} of unusual size for the class",
            [row for _, row, _ in found],
            lambda r: (
                f"{_side(snapshot, r):.0f} px, of {snapshot.class_name(snapshot.rows.class_id[r])} "
                f"usually {np.exp(middles[r]):.0f} px"
            ),
        )


def overlapping(snapshot: Snapshot) -> tuple[Ints, NDArray[np.float64]]:
    """(P, 2) rows of one image whose boxes overlap by more than `_SAME`, and (P,) their IoU."""
    return snapshot.once("overlapping", lambda: _overlapping(snapshot))


def _overlapping(snapshot: Snapshot) -> tuple[Ints, NDArray[np.float64]]:
    rows = np.flatnonzero(snapshot.good)
    image, box = snapshot.rows.image[rows], snapshot.rows.box[rows]
    # By area, so that of an image only neighbours whose areas differ by less than the overlap can fit.
    area = box[:, 2] * box[:, 3]
    order = np.lexsort((area, image))
    rows, image, box, area = rows[order], image[order], box[order], area[order]
    low, high = box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2
    first = np.arange(len(rows))
    pairs, overlaps = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    for step in range(1, len(rows)):
        first = first[first + step < len(rows)]
        second = first + step
        near = (image[first] == image[second]) & (area[first] > _SAME * area[second])
        first, second = first[near], second[near]
        if not len(first):
            break
        inside = (np.minimum(high[first], high[second]) - np.maximum(low[first], low[second])).clip(0).prod(axis=1)
        overlap = inside / (area[first] + area[second] - inside)
        close = overlap > _SAME
        pairs.append(np.stack([rows[first[close]], rows[second[close]]], axis=1))
        overlaps.append(overlap[close])
    return np.sort(np.concatenate(pairs), axis=1), np.concatenate(overlaps)


def _pairs(snapshot: Snapshot, pairs: Ints, overlap: NDArray[np.float64], kept: Mask, what: str) -> Iterator[Finding]:
    chosen = np.flatnonzero(kept)
    if not len(chosen):
        return
    chosen = chosen[np.lexsort((pairs[chosen, 0], -overlap[chosen].round(3)))]
    examples = []
    for k in chosen[:EXAMPLES]:
        a, b = (int(row) for row in pairs[k])
        names = " and ".join(snapshot.class_name(snapshot.rows.class_id[row]) for row in (a, b))
        other = snapshot.places[b] if snapshot.places else f"line {snapshot.rows.line[b]}"
        said = f"{names}, IoU {overlap[k]:.2f}, with {other}"
        examples.append(snapshot.row_example(a, said, b))
    yield Finding(f"{amount(len(chosen), 'pair')} of boxes {what} on the same spot", len(chosen), tuple(examples))


def _whole(snapshot: Snapshot) -> Mask:
    with np.errstate(invalid="ignore"):
        mask: Mask = snapshot.good & (snapshot.rows.box[:, 2:] >= _WHOLE).all(axis=1)
    return mask


def _side(snapshot: Snapshot, row: int) -> float:
    return float(np.sqrt(snapshot.sides[row].prod()))
