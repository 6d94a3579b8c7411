"""Checks of the label files, row by row: what Ultralytics would leave out, change or misread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.finding import Example, Finding, Severity
from yolo_tl.data.checks.rows import Bad, Flaw, Floats, Ints, Kind
from yolo_tl.data.checks.snapshot import Mask, Snapshot

IGNORED = "leaves out the whole image, with one line in a log"
LOW, HIGH = -0.01, 1.01  # what Ultralytics forgives
FLAT = 1e-6  # share of the image's side that counts as nothing


def _bad(snapshot: Snapshot, message: str, bad: list[Bad]) -> Finding:
    examples = (Example(snapshot.name(snapshot.labels[b.image]), b.line, b.detail, b.image) for b in bad[:20])
    return Finding(message, len(bad), tuple(examples))


def finite(snapshot: Snapshot) -> Mask:
    """(M,) rows all of whose numbers are finite."""
    rows = snapshot.rows
    good: Mask = np.ones(len(rows), np.bool_)
    good[np.searchsorted(rows.start, np.flatnonzero(~np.isfinite(rows.values)), side="right") - 1] = False
    return good


def out_of_range(snapshot: Snapshot) -> Mask:
    """(M,) finite rows with a coordinate that Ultralytics does not accept."""
    rows = snapshot.rows
    with np.errstate(invalid="ignore"):
        box: Mask = np.logical_or((rows.box > HIGH).any(axis=1), (rows.box[:, :2] < LOW).any(axis=1))
    shape = snapshot.config.keypoint_shape if snapshot.config else None
    posed = np.flatnonzero(rows.kind == Kind.POSE)
    if shape and len(posed):
        points = keypoints(snapshot, posed)[:, :, :2]
        box[posed] |= (points > HIGH).any(axis=(1, 2)) | (points < LOW).any(axis=(1, 2))
    mask: Mask = box & finite(snapshot)
    return mask


def keypoints(snapshot: Snapshot, rows: Ints) -> Floats:
    """(R, K, D) keypoints of rows that are poses."""
    assert snapshot.config is not None
    assert snapshot.config.keypoint_shape is not None
    count, values = snapshot.config.keypoint_shape
    taken = snapshot.rows.start[rows, None] + np.arange(5, 5 + count * values)
    found: Floats = snapshot.rows.values[taken].reshape(-1, count, values)
    return found


def _row_text(snapshot: Snapshot, row: int) -> str:
    rows = snapshot.rows
    numbers = [
        f"{value:g}" for value in rows.values[rows.start[row] : rows.start[row] + min(int(rows.columns[row]), 7)]
    ]
    return " ".join(numbers) + (" ..." if rows.columns[row] > 7 else "")


@check(
    "labels.syntax",
    severity=Severity.ERROR,
    hint="correct the line; yolo-tl fix puts numbers for class names and leaves out the rest",
    ultralytics=IGNORED,
)
def syntax(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A line of a label file is not a class number and coordinates."""
    if snapshot.bad:
        yield _bad(snapshot, f"{amount(len(snapshot.bad), 'line')} holding something else than numbers", snapshot.bad)
    named = (snapshot.rows.flaw & Flaw.NAME) > 0
    if named.any():
        message = f"{amount(int(named.sum()), 'row')} with a class name in the place of its number"
        yield snapshot.about_rows(message, named, lambda row: snapshot.class_name(snapshot.rows.class_id[row]))


@check(
    "labels.columns",
    severity=Severity.ERROR,
    hint="5 columns are a box, 7, 9, 11, ... a class and a polygon",
    ultralytics=IGNORED,
)
def columns(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A row has a number of columns that means nothing."""
    rows = snapshot.rows
    if snapshot.config and snapshot.config.keypoint_shape:
        return  # shapes.keypoints_count
    odd = (rows.kind == Kind.ODD) & ~((rows.columns == 3) & _in_polygon_file(snapshot))
    odd |= (rows.columns == 6) & ~_confident(snapshot)
    if odd.any():
        counts = sorted({int(count) for count in rows.columns[odd]})
        message = f"{amount(int(odd.sum()), 'row')} of {listed(counts)} columns"
        yield snapshot.about_rows(message, odd, lambda row: f"{rows.columns[row]} columns: {_row_text(snapshot, row)}")


@check(
    "labels.confidence_column",
    severity=Severity.ERROR,
    hint="remove the last column: yolo-tl fix; and ask whether predictions are to be trained on as truth",
    ultralytics=IGNORED,
)
def confidence_column(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Rows have a sixth column, as predictions with their confidence do."""
    found = (snapshot.rows.columns == 6) & _confident(snapshot)
    if found.any():
        message = f"{amount(int(found.sum()), 'row')} of 6 columns, the last between 0 and 1"
        yield snapshot.about_rows(message, found, lambda row: _row_text(snapshot, row))


@check(
    "labels.comma_separated",
    severity=Severity.ERROR,
    hint="separate them by spaces: yolo-tl fix",
    ultralytics=IGNORED,
)
def comma_separated(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Columns are separated by commas or semicolons."""
    found = (snapshot.rows.flaw & Flaw.SEPARATOR) > 0
    if found.any():
        yield snapshot.about_rows(f"{amount(int(found.sum()), 'row')} with commas or semicolons", found)


@check(
    "labels.bad_encoding",
    severity=Severity.ERROR,
    hint="save it as UTF-8: yolo-tl fix",
    ultralytics=IGNORED,
)
def bad_encoding(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A label file is not UTF-8."""
    if snapshot.encodings:
        names = dict(snapshot.encodings)
        message = f"{amount(len(names), 'label file')} in {listed(sorted(set(names.values())))}"
        yield snapshot.about_labels(message, names, lambda i: f"read as {names[i]}")


@check(
    "labels.class_not_integer",
    severity=Severity.ERROR,
    hint="check the order of the columns: the class comes first",
    ultralytics=IGNORED,
)
def class_not_integer(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class number is not whole."""
    ids = snapshot.rows.class_id
    found = np.isfinite(ids) & (ids != np.floor(ids))
    if found.any():
        message = f"{amount(int(found.sum()), 'row')} whose class is not a whole number"
        yield snapshot.about_rows(message, found, lambda row: f"class {ids[row]:g}")


@check(
    "labels.class_out_of_range",
    severity=Severity.ERROR,
    hint="add the missing names, or correct the rows",
    ultralytics=IGNORED,
)
def class_out_of_range(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class number has no name."""
    ids, count = snapshot.rows.class_id, len(snapshot.names)
    found = np.isfinite(ids) & (ids == np.floor(ids)) & ((ids < 0) | (ids >= count))
    if not found.any() or not count:
        return
    wrong = sorted({int(value) for value in ids[found]})
    message = (
        f"{amount(int(found.sum()), 'row')} of classes that have no name: {listed(wrong)}; known are 0 to {count - 1}"
    )
    hint = ""
    if wrong == [count] and not (ids == 0).any():
        hint = "no row is of class 0: the classes look as though they were counted from 1"
    yield snapshot.about_rows(message, found, lambda row: f"class {ids[row]:g}", hint=hint)


@check(
    "labels.not_finite",
    severity=Severity.ERROR,
    hint="remove the row: yolo-tl fix",
    ultralytics=IGNORED,
)
def not_finite(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A row holds NaN or infinity."""
    found = ~finite(snapshot)
    if found.any():
        message = f"{amount(int(found.sum()), 'row')} with a number that is not finite"
        yield snapshot.about_rows(message, found, lambda row: _row_text(snapshot, row))


@check(
    "labels.coords_out_of_range",
    severity=Severity.ERROR,
    hint="coordinates are divided by the image's width and height; yolo-tl fix clips what reaches out",
    ultralytics=IGNORED + " (it forgives 1 %)",
)
def coords_out_of_range(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A coordinate is not a share of the image's side."""
    found = out_of_range(snapshot)
    if found.any():
        message = f"{amount(int(found.sum()), 'row')} with coordinates beyond 0 to 1"
        pixels = found & (np.nan_to_num(snapshot.rows.box[:, 2:]) > 2).any(axis=1)
        hint = (
            "these look like pixels: divide them by the image's width and height"
            if pixels.sum() * 2 > found.sum()
            else ""
        )
        yield snapshot.about_rows(message, found, lambda row: _row_text(snapshot, row), hint=hint)


@check(
    "labels.negative_size",
    severity=Severity.ERROR,
    hint="the corners were swapped where the box was made; yolo-tl fix turns it around",
    ultralytics=IGNORED,
)
def negative_size(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box has a negative width or height."""
    with np.errstate(invalid="ignore"):
        found = (snapshot.rows.box[:, 2:] < 0).any(axis=1) & finite(snapshot)
    if found.any():
        message = f"{amount(int(found.sum()), 'box')} of negative size"
        yield snapshot.about_rows(message, found, lambda row: _row_text(snapshot, row))


@check(
    "labels.degenerate_box",
    severity=Severity.ERROR,
    hint="remove the row: yolo-tl fix",
    ultralytics="keeps it: nothing can match it, so it counts as missed for ever",
)
def degenerate_box(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box has no area."""
    rows = snapshot.rows
    sides = rows.box[:, 2:]
    with np.errstate(invalid="ignore"):
        found = (sides >= 0).all(axis=1) & (sides <= FLAT).any(axis=1) & (rows.kind != Kind.ODD)
    if found.any():
        message = f"{amount(int(found.sum()), 'box')} without an area"
        yield snapshot.about_rows(message, found, lambda row: _row_text(snapshot, row))


@check(
    "labels.box_outside",
    severity=Severity.WARNING,
    hint="clip it: yolo-tl fix",
    ultralytics="keeps it; the model is taught a size that it cannot see",
)
def box_outside(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A box reaches out of the image by more than a pixel."""
    rows = snapshot.rows
    half = rows.box[:, 2:] / 2
    size = snapshot.size[rows.image].astype(np.float64)
    slack = 1 / np.where(size > 0, size, 1000)
    with np.errstate(invalid="ignore"):
        outside = np.maximum(-(rows.box[:, :2] - half), rows.box[:, :2] + half - 1)
        found = (outside > slack).any(axis=1) & ~out_of_range(snapshot) & (rows.kind != Kind.ODD)
    if found.any():
        by = lambda row: f"by {100 * outside[row].max():.2g} % of the side"  # noqa: E731
        yield snapshot.about_rows(f"{amount(int(found.sum()), 'box')} reaching out of the image", found, by)


@check(
    "labels.duplicate_row",
    severity=Severity.WARNING,
    hint="remove one: yolo-tl fix",
    ultralytics="removes the second, with one line in a log",
)
def duplicate_row(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A row stands twice in a label file."""
    found = duplicates(snapshot)
    if found:
        message = f"{amount(len(found), 'row')} repeating another of the same image"
        yield snapshot.about_rows(message, sorted(found), lambda row: f"as line {snapshot.rows.line[found[row]]}")


def duplicates(snapshot: Snapshot) -> dict[int, int]:
    """Each row that repeats an earlier one of the same image, in the precision of Ultralytics, and that one."""
    rows = snapshot.rows
    if not len(rows):
        return {}
    with np.errstate(over="ignore"):
        bits = rows.values.astype(np.float32).view(np.uint32).astype(np.uint64)
    place = np.arange(len(bits)) - np.repeat(rows.start, rows.columns)
    # A sum that is equal for equal rows, and hardly ever for others.
    factors = np.random.default_rng(0).integers(1 << 62, size=int(rows.columns.max()), dtype=np.uint64) | np.uint64(1)
    keys = np.add.reduceat(bits * factors[place], rows.start) + rows.image.astype(np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    order = np.argsort(keys, kind="stable")
    repeated: dict[int, int] = {}
    first = int(order[0])
    for i, same in zip(order[1:], keys[order[1:]] == keys[order[:-1]], strict=True):
        if same and rows.image[i] == rows.image[first] and _equal(rows.numbers(i), rows.numbers(first)):
            repeated[int(i)] = first
        elif not same:
            first = int(i)
    return repeated


def _equal(one: Floats, other: Floats) -> bool:
    return np.array_equal(one.astype(np.float32), other.astype(np.float32))


@check(
    "labels.mixed_boxes_and_polygons",
    severity=Severity.ERROR,
    hint="make them all polygons (convert --task segment) or all boxes (--task detect)",
    ultralytics=IGNORED,
)
def mixed_boxes_and_polygons(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A label file holds boxes and polygons."""
    rows = snapshot.rows
    if snapshot.config and snapshot.config.keypoint_shape:
        return
    found = (rows.columns == 5) & _in_polygon_file(snapshot)
    if found.any():
        files = np.unique(rows.image[found])
        message = f"{amount(len(files), 'label file')} with boxes and polygons"
        yield snapshot.about_labels(message, files)


@check(
    "labels.identical_files",
    severity=Severity.WARNING,
    hint="look at the pictures: labels copied from one image to another fit one of them only",
)
def identical_files(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Different images have exactly the same labels."""
    groups: dict[int, list[int]] = {}
    seen: set[str] = set()
    for i, digest in enumerate(snapshot.digests):
        if digest and snapshot.counts[i] and snapshot.labels[i] not in seen:
            groups.setdefault(digest, []).append(i)
            seen.add(snapshot.labels[i])
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return
    content = snapshot.content
    twins = {i: group[0] for group in alike for i in group[1:] if len({int(content[j]) for j in group}) > 1}
    if twins:
        message = f"{amount(len(twins), 'label file')} equal to that of another image"
        yield snapshot.about_twins(message, twins, labels=True)


@check(
    "labels.conflict",
    severity=Severity.ERROR,
    hint="keep one of the two",
    ultralytics="trains on both: what is right for one is wrong for the other",
)
def conflict(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """One image is there twice, with different labels."""
    first = snapshot.content
    copies = np.flatnonzero(first != np.arange(len(snapshot)))
    digests = np.array(snapshot.digests, np.int64)
    found = copies[digests[copies] != digests[first[copies]]]
    if len(found):
        message = f"{amount(len(found), 'copy')} of an image labelled differently"
        yield snapshot.about_twins(message, {int(i): int(first[i]) for i in found})


def _in_polygon_file(snapshot: Snapshot) -> Mask:
    """(M,) rows of files that Ultralytics takes for polygons: one of their rows has more than 6 columns."""
    rows = snapshot.rows
    polygons = np.zeros(len(snapshot), np.bool_)
    polygons[rows.image[rows.columns > 6]] = True
    mask: Mask = polygons[rows.image]
    return mask


def _confident(snapshot: Snapshot) -> Mask:
    """(M,) rows whose last number may be a confidence."""
    rows = snapshot.rows
    if not len(rows):
        return np.zeros(0, np.bool_)
    last = rows.values[rows.start + rows.columns - 1]
    mask: Mask = (last >= 0) & (last <= 1)
    return mask
