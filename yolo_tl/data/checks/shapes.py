"""Checks of polygons, oriented boxes and keypoints."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.config_file import shown
from yolo_tl.data.checks.finding import Example, Finding, Severity
from yolo_tl.data.checks.labels import IGNORED, finite, keypoints
from yolo_tl.data.checks.rows import Kind, polygon_points
from yolo_tl.data.checks.snapshot import Mask, Snapshot

_RECTANGLE = 0.05  # of the diagonal: from here on the quadrilateral is something else
_OUTSIDE = 0.1  # of the box's side
_POINTS = 1000  # corners beyond which a polygon is not tested for crossings
_FLAT = 1e-9  # area, as a share of the image


def _polygons(snapshot: Snapshot) -> NDArray[np.int64]:
    return np.flatnonzero((snapshot.rows.kind == Kind.POLYGON) & finite(snapshot))


@check(
    "shapes.self_intersection",
    severity=Severity.WARNING,
    hint="draw it anew: its points are out of order, or one is off",
    ultralytics="fills it by the even-odd rule: the mask has holes",
)
def self_intersection(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The outline of a polygon crosses itself."""
    found = [int(row) for row in _suspects(snapshot) if crosses_itself(snapshot.rows.points(row))]
    if found:
        yield snapshot.about_rows(f"{amount(len(found), 'polygon')} crossing themselves", found)


def _suspects(snapshot: Snapshot) -> NDArray[np.int64]:
    """Polygons worth the slow test: those that Shapely, where it is there, holds for invalid."""
    rows, chosen = snapshot.rows, _polygons(snapshot)
    chosen = chosen[(rows.columns[chosen] > 7) & (rows.columns[chosen] < 2 * _POINTS)]  # a triangle cannot cross
    try:
        import shapely
    except ImportError:
        return chosen
    suspects = [np.zeros(0, np.int64)]
    for block in np.array_split(chosen, max(1, len(chosen) // 50_000)):
        if not len(block):
            continue
        points, first = polygon_points(rows.values, rows.start[block], rows.columns[block])
        counts = np.diff(np.append(first, len(points)))
        rings = shapely.linearrings(points, indices=np.repeat(np.arange(len(block)), counts))
        suspects.append(block[~shapely.is_valid(shapely.polygons(rings))])
    return np.concatenate(suspects)


def crosses_itself(points: NDArray[np.float64]) -> bool:
    """Two sides of a ring (P, 2) cross; sides that only touch, as the seam of a joined polygon does, do not.

    >>> crosses_itself(np.array([[0, 0], [1, 1], [1, 0], [0, 1]]))
    True
    """
    start, end = points, np.roll(points, -1, axis=0)

    def side(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
        turn: NDArray[np.float64] = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
            c[..., 0] - a[..., 0]
        )
        return turn

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    slack = 1e-12
    ends = side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
    apart = (np.minimum(*(np.abs(e) for e in ends[:2])) > slack) & (np.minimum(*(np.abs(e) for e in ends[2:])) > slack)
    crossing = (ends[0] * ends[1] < 0) & (ends[2] * ends[3] < 0) & apart
    return bool(crossing.any())


@check(
    "shapes.few_points",
    severity=Severity.ERROR,
    hint="draw it anew, or remove the row",
    ultralytics="takes two points for the centre and size of a box; keeps one point as a box without an area",
)
def few_points(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A polygon has fewer than three different points."""
    rows = snapshot.rows
    if snapshot.config and snapshot.config.keypoint_shape:
        return
    with_polygons = np.zeros(len(snapshot), np.bool_)
    with_polygons[rows.image[rows.columns > 6]] = True
    found = np.flatnonzero((rows.columns == 3) & with_polygons[rows.image]).tolist()
    short = np.flatnonzero((rows.kind == Kind.POLYGON) & (rows.columns <= 2 * 10 + 1))
    found += [int(row) for row in short if len(set(map(tuple, rows.points(int(row)).tolist()))) < 3]
    if found:
        yield snapshot.about_rows(f"{amount(len(found), 'polygon')} of fewer than 3 points", sorted(found))


@check(
    "shapes.no_area",
    severity=Severity.WARNING,
    hint="draw it anew, or remove the row: yolo-tl fix",
    ultralytics="keeps it, with an empty mask",
)
def no_area(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """All points of a polygon lie on a line."""
    rows, chosen = snapshot.rows, _polygons(snapshot)
    if not len(chosen):
        return
    points, first = polygon_points(rows.values, rows.start[chosen], rows.columns[chosen])
    after = np.arange(1, len(points) + 1)
    after[np.append(first[1:], len(points)) - 1] = first
    cross = points[:, 0] * points[after, 1] - points[after, 0] * points[:, 1]
    area = np.abs(np.add.reduceat(cross, first)) / 2
    sides = rows.box[chosen, 2:]
    found = chosen[(area < _FLAT) & (sides > 1e-6).all(axis=1)]  # else labels.degenerate_box
    if len(found):
        yield snapshot.about_rows(f"{amount(len(found), 'polygon')} without an area", found)


@check(
    "shapes.box_rows_in_polygons",
    severity=Severity.ERROR,
    hint="outline these objects, too; or train boxes only: convert --task detect",
    ultralytics="refuses to train masks, and for boxes throws all polygons away",
)
def box_rows_in_polygons(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Some images of a polygon data set are labelled with boxes."""
    rows = snapshot.rows
    if snapshot.task not in ("segment", "obb"):
        return
    with_polygons = np.zeros(len(snapshot), np.bool_)
    with_polygons[rows.image[rows.columns > 6]] = True
    found = (rows.columns == 5) & ~with_polygons[rows.image]
    if found.any():
        images = len(np.unique(rows.image[found]))
        total = int((rows.kind == Kind.POLYGON).sum())
        message = f"{amount(int(found.sum()), 'box')} in {amount(images, 'image')} beside {amount(total, 'polygon')}"
        yield snapshot.about_rows(message, found)


@check(
    "shapes.not_a_rectangle",
    severity=Severity.WARNING,
    hint="check the order of its corners, and that it was not cut at the border",
    ultralytics="trains on the smallest rectangle around it",
)
def not_a_rectangle(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An oriented box is not a rectangle."""
    if snapshot.task != "obb":
        return
    found = snapshot.quads[snapshot.skew > _RECTANGLE]
    if len(found):
        off = dict(zip(snapshot.quads.tolist(), snapshot.skew.tolist(), strict=True))
        message = f"{amount(len(found), 'oriented box')} more than {100 * _RECTANGLE:.0f} % off a rectangle"
        yield snapshot.about_rows(message, found, lambda row: f"{100 * off[row]:.0f} % of the diagonal")


@check(
    "shapes.obb_columns",
    severity=Severity.ERROR,
    hint="9 columns: the class and four corners",
    ultralytics="takes any polygon, and trains on the smallest rectangle around it",
)
def obb_columns(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A row of oriented boxes does not have four corners."""
    if snapshot.task != "obb":
        return
    found = (snapshot.rows.kind == Kind.POLYGON) & (snapshot.rows.columns != 9)
    if found.any():
        yield snapshot.about_rows(f"{amount(int(found.sum()), 'row')} without exactly four corners", found)


@check(
    "shapes.keypoints_shape",
    severity=Severity.ERROR,
    hint="for example kpt_shape: [17, 3]",
    ultralytics="training does not start",
)
def keypoints_shape(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """`kpt_shape` is not two whole numbers: how many keypoints, and 2 or 3 values of each."""
    config = snapshot.config
    if config and config.content.get("kpt_shape") is not None and config.keypoint_shape is None:
        value = config.content["kpt_shape"]
        yield Finding(f"kpt_shape: found {shown(value)}", 1, (Example(config.file.name, None, shown(value)),))


@check(
    "shapes.keypoints_count",
    severity=Severity.ERROR,
    hint="a row is class cx cy w h and the values of every keypoint, also of those not seen (0 0 0)",
    ultralytics=IGNORED,
)
def keypoints_count(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A row does not have the keypoints that `kpt_shape` says."""
    shape = snapshot.config.keypoint_shape if snapshot.config else None
    if shape is None:
        return
    rows, wanted = snapshot.rows, 5 + shape[0] * shape[1]
    found = rows.columns != wanted
    if found.any():
        counts = listed(sorted({int(count) for count in rows.columns[found]}))
        message = f"{amount(int(found.sum()), 'row')} of {counts} columns, expected {wanted}"
        yield snapshot.about_rows(message, found, lambda row: f"{rows.columns[row]} columns")


@check(
    "shapes.keypoint_outside_box",
    severity=Severity.WARNING,
    hint="check the box, and the order of the keypoints",
    ultralytics="keeps it; the score of keypoints is measured by the size of the box",
)
def keypoint_outside_box(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A visible keypoint lies far outside its box."""
    posed, points, seen = _poses(snapshot)
    if not len(posed):
        return
    box = snapshot.rows.box[posed]
    with np.errstate(invalid="ignore"):
        away = np.abs(points[:, :, :2] - box[:, None, :2]) - box[:, None, 2:] * (0.5 + _OUTSIDE)
        out = ((away > 0).any(axis=2) & seen).sum(axis=1)
    found = {int(row): int(count) for row, count in zip(posed[out > 0], out[out > 0], strict=True)}
    if found:
        message = f"{amount(len(found), 'object')} with keypoints outside of the box"
        yield snapshot.about_rows(message, list(found), lambda row: amount(found[row], "keypoint"))


@check(
    "shapes.keypoint_visibility",
    severity=Severity.WARNING,
    hint="0 is not labelled (and then x and y are 0), 1 hidden, 2 visible",
    ultralytics="takes everything but 0 for visible",
)
def keypoint_visibility(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The visibility of a keypoint is not 0, 1 or 2, or contradicts its place."""
    posed, points, _ = _poses(snapshot)
    if not len(posed) or points.shape[2] < 3:
        return
    value = points[:, :, 2]
    odd = ~np.isin(value, (0, 1, 2)).all(axis=1)
    nowhere = ((value > 0) & (points[:, :, :2] == 0).all(axis=2)).any(axis=1)
    found = posed[odd | nowhere]
    if len(found):
        yield snapshot.about_rows(f"{amount(len(found), 'object')} with odd visibilities", found)


@check(
    "shapes.flip_idx",
    severity=Severity.ERROR,
    hint="for each keypoint the index of its mirror image; its own where it has none",
    ultralytics="without it, leaves mirroring out; of another length, training does not start; "
    "otherwise it mixes the keypoints up",
)
def flip_idx(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """`flip_idx` is not a way to swap the keypoints, left and right."""
    config = snapshot.config
    if config is None or config.keypoint_shape is None:
        return
    count, order = config.keypoint_shape[0], config.content.get("flip_idx")
    example = (Example(config.file.name, None, shown(order)),)
    if order is None or order == []:
        if count > 1:
            yield Finding("there is no flip_idx", 1, example, severity=Severity.WARNING)
    elif not is_order(order, count):
        yield Finding(f"flip_idx holds not each of 0 to {count - 1} once: {shown(order)}", 1, example)
    elif any(order[order[i]] != i for i in range(count)):
        yield Finding(f"flip_idx, done twice, does not give the keypoints back: {shown(order)}", 1, example)


def is_order(value: object, count: int) -> bool:
    """A list that holds each of 0 to `count` - 1 once.

    >>> is_order([1, 0], 2), is_order(["1", "0"], 2)
    (True, False)
    """
    return isinstance(value, list) and all(type(i) is int for i in value) and sorted(value) == list(range(count))


def _poses(snapshot: Snapshot) -> tuple[NDArray[np.int64], NDArray[np.float64], Mask]:
    """Rows with keypoints, their (R, K, D) values, and (R, K) which are labelled."""
    if not (snapshot.config and snapshot.config.keypoint_shape):
        return np.zeros(0, np.int64), np.zeros((0, 0, 0)), np.zeros((0, 0), np.bool_)
    posed = np.flatnonzero((snapshot.rows.kind == Kind.POSE) & finite(snapshot))
    points = keypoints(snapshot, posed)
    labelled = (
        points[:, :, 2] > 0 if points.shape[2] == 3 else np.logical_and(points[:, :, 0] >= 0, points[:, :, 1] >= 0)
    )
    return posed, points, labelled
