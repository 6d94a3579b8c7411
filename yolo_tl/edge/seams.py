"""Which detections of overlapping tiles are one object.

Two neighbours see the strip that they share alike: what one says of an object there, the other says, too, wherever
their borders cut it. So two detections of different tiles are views of one object if they agree on the strip: inside
it, their boxes overlap. And two detections of one tile are two objects, for that tile saw both.

Pairs that agree are joined, the surest first, unless two views of one tile would meet. What a perfect detector says of
tiles is thereby put together without a fault: it says the same of every strip, so each view finds its own others before
anything else is tried, and afterwards each object has a view in every tile that shows it, and can take no more. That
holds for objects of any size, cut any number of times, touching or overlapping, as long as no two look the same on a
whole strip.

What a real detector says of tiles disagrees at times. Then the tile decides that sees more: a detection that ends at a
border goes if another tile shows all of it and what lies beyond, and says nothing of the kind; or if it lies inside
a larger one that goes on beyond that border.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats, area
from yolo_tl.edge.tiling import Tile

AGREEMENT = 0.5
"""Intersection over union on the shared strip above which two boxes of a class are one object."""

OTHERWISE_NAMED = 0.7
"""The same of two boxes of different classes."""

COVERED = 0.8
"""Share of a cut box inside a larger one above which it is a part of it."""

_SAME = 1 - 1e-6  # agreement up to rounding


@dataclass(frozen=True, eq=False)
class Views:
    """What was found in the tiles of an image: N detections, in px of it.

    Attributes:
        tiles: the tiles.
        tile: (N,) the tile of each, as a place in `tiles`.
        boxes: (N, 4) upright corners; of a turned box its extent.
        corners: (N, 4, 2) of turned boxes, or None.
        confidence: (N,).
        class_id: (N,).
    """

    tiles: Sequence[Tile]
    tile: NDArray[np.intp]
    boxes: Floats
    corners: Floats | None
    confidence: Floats
    class_id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tile)

    @cached_property
    def cut(self) -> NDArray[np.bool_]:
        """Which sides (N, 4) end at an inner border of the tile."""
        cut = np.zeros((len(self), 4), np.bool_)
        for number, tile in enumerate(self.tiles):
            mine = self.tile == number
            cut[mine] = tile.cuts(self.boxes[mine])
        return cut


@dataclass(eq=False)
class Group:
    """Views of one object, as places in `Views`, best first, and the tiles they are from; no tile twice.

    Best is one that no border cuts, then one that is no overview, then the one of highest confidence.
    """

    members: list[int]
    tiles: set[int]


def groups_of(views: Views) -> list[Group]:
    """The objects, each as its views.

    Of the overview only what no tile shows whole is taken.
    """
    groups = [Group([i], {int(views.tile[i])}) for i in range(len(views))]
    passed_over = _left_to_tiles(views)
    for i, j in _links(views, passed_over):
        one, other = groups[i], groups[j]
        if one.tiles.isdisjoint(other.tiles):
            one.members += other.members
            one.tiles |= other.tiles
            for member in other.members:
                groups[member] = one
    found = [group for i, group in enumerate(groups) if group.members[0] == i and not passed_over[i]]
    overview = np.array([tile.overview for tile in views.tiles], np.bool_)[views.tile]
    rank = np.empty(len(views), np.intp)
    rank[np.lexsort((-views.confidence, overview, views.cut.any(axis=1)))] = np.arange(len(views))
    for group in found:
        group.members.sort(key=rank.__getitem__)
    return _without_parts(found, views)


def _left_to_tiles(views: Views) -> NDArray[np.bool_]:
    """Detections (N,) of the overview that some tile shows whole."""
    of_overview = np.array([tile.overview for tile in views.tiles], np.bool_)[views.tile]
    left = np.zeros(len(views), np.bool_)
    left[of_overview] = _shown_whole(views.tiles, views.boxes[of_overview]).any(axis=1)
    return left


def _shown_whole(tiles: Sequence[Tile], boxes: Floats) -> NDArray[np.bool_]:
    """Whether each box (N, 4) lies in each tile (N, T), clear of its inner borders; the overview is no tile."""
    shown = [np.zeros(len(boxes), np.bool_) if tile.overview else ~tile.cuts(boxes).any(axis=1) for tile in tiles]
    return np.stack(shown, axis=1)


def _links(views: Views, passed_over: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Pairs of detections of different tiles that agree, the surest first.

    First those that agree to the last digit, then those of one class, then those of different classes. Within a kind a
    pair counts for its agreement times the lower of its confidences, lest a faint box takes the place of a sure one.
    """
    firsts, seconds, agreements, areas = [], [], [], []
    places = [np.flatnonzero((views.tile == number) & ~passed_over) for number in range(len(views.tiles))]
    for a, b, strip in _strips(views.tiles):
        i, j = (_reaching(views, places[number], strip) for number in (a, b))
        if not len(i) or not len(j):
            continue
        agreement, evidence = _agreement(views, i, j, strip)
        same = views.class_id[i][:, None] == views.class_id[j][None]
        row, column = np.nonzero(agreement >= np.where(same, AGREEMENT, OTHERWISE_NAMED))
        firsts.append(i[row])
        seconds.append(j[column])
        agreements.append(agreement[row, column])
        areas.append(evidence[row])
    if not firsts:
        return
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    agreement, evidence = np.concatenate(agreements), np.concatenate(areas)
    kind = 2 - (views.class_id[first] == views.class_id[second]).astype(int)
    exact = (kind == 1) & (agreement >= _SAME)
    kind[exact] = 0
    weight = agreement * np.minimum(views.confidence[first], views.confidence[second])
    # Of pairs that agree alike, the one that agrees on more says more.
    order = np.lexsort((-np.where(exact, evidence, weight), kind))
    yield from zip(first[order].tolist(), second[order].tolist(), strict=True)


def _strips(tiles: Sequence[Tile]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Every two tiles that share pixels, and the corners of what they share."""
    corners = np.array([tile.xyxy for tile in tiles], np.int64).reshape(-1, 4)
    for a in range(len(tiles) - 1):
        low = np.maximum(corners[a, :2], corners[a + 1 :, :2])
        high = np.minimum(corners[a, 2:], corners[a + 1 :, 2:])
        for b in np.flatnonzero((low < high).all(axis=1)).tolist():
            yield a, a + 1 + b, np.concatenate([low[b], high[b]])


def _reaching(views: Views, places: NDArray[np.intp], strip: NDArray[np.int64]) -> NDArray[np.intp]:
    return places[area(_inside(views.boxes[places], strip)) > 0]


def _inside(boxes: Floats, strip: NDArray[np.int64]) -> Floats:
    """The parts of corner boxes (..., 4) inside a rectangle; of one that lies outside, sides in the wrong order."""
    low, high = np.maximum(boxes[..., :2], strip[:2]), np.minimum(boxes[..., 2:], strip[2:])
    inside: Floats = np.concatenate([low, high], axis=-1)
    return inside


def _agreement(
    views: Views, i: NDArray[np.intp], j: NDArray[np.intp], strip: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Intersection over union (I, J) on a strip, and the area (I,) of the first ones there."""
    if views.corners is not None:
        return _turned_agreement(views.corners[i], views.corners[j], strip)
    a, b = _inside(views.boxes[i], strip), _inside(views.boxes[j], strip)
    common = area(np.concatenate([np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])], axis=-1))
    areas = area(a)
    # Without a small number below the line, so that what is equal is 1; no area is 0 here.
    return common / (areas[:, None] + area(b) - common), areas


def _turned_agreement(a: Floats, b: Floats, strip: NDArray[np.int64]) -> tuple[Floats, Floats]:
    x1, y1, x2, y2 = strip.tolist()
    frame = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
    ours, theirs = ([_overlap(frame, one) for one in corners] for corners in (a, b))
    agreement = np.zeros((len(a), len(b)))
    for row, (own, mine) in enumerate(ours):
        for column, (other, yours) in enumerate(theirs):
            common = _overlap(mine, yours)[0] if own > 0 and other > 0 else 0.0
            agreement[row, column] = common / max(own + other - common, 1e-9)
    return agreement, np.array([own for own, _ in ours])


def _overlap(a: Floats, b: Floats) -> tuple[float, NDArray[np.float32]]:
    """Area and outline (K, 2) of what two convex outlines share."""
    size, outline = cv2.intersectConvexConvex(a.astype(np.float32), b.astype(np.float32))
    return float(size), np.zeros((0, 2), np.float32) if outline is None else outline.reshape(-1, 2)


def _without_parts(groups: list[Group], views: Views) -> list[Group]:
    """Without what ends at a border and is not confirmed by who sees more."""
    cut = views.cut
    ends = np.array([cut[group.members].all(axis=0) for group in groups], np.bool_).reshape(-1, 4)
    boxes = np.array([_around(views.boxes[group.members]) for group in groups]).reshape(-1, 4)
    number = np.array([views.class_id[group.members[0]] for group in groups])
    doubtful = np.flatnonzero(ends.any(axis=1))
    shown = _shown_whole(views.tiles, boxes[doubtful]) if len(doubtful) else np.zeros((0, 0), np.bool_)
    gone = {
        int(i)
        for i, whole_in in zip(doubtful, shown, strict=True)
        if any(tile not in groups[i].tiles for tile in np.flatnonzero(whole_in))
    }
    sizes = area(boxes)
    for i in doubtful[np.argsort(sizes[doubtful], kind="stable")].tolist():
        if i in gone:
            continue
        beyond = ((boxes - boxes[i]) * np.array([-1, -1, 1, 1]) > 0)[:, ends[i]].any(axis=1)
        covers = area(_inside(boxes, boxes[i])) >= COVERED * sizes[i]
        # Of two parts that cover one another the larger stays: it is looked at when the other has gone.
        larger = np.flatnonzero(beyond & covers & (number == number[i])).tolist()
        if any(j not in gone and groups[i].tiles.isdisjoint(groups[j].tiles) for j in larger):
            gone.add(i)
    return [group for i, group in enumerate(groups) if i not in gone]


def _around(boxes: Floats) -> Floats:
    """The smallest box (4,) around boxes (N, 4)."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
