"""Putting together what tiles show: what a perfect detector says of them, and where a real one contradicts itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.edge.mosaic import Seen, merge
from yolo_tl.edge.tiling import Tile, TilePlan

Planted = tuple[float, float, float, float, float, int]
"""Corners, confidence, class."""


def clipped(box: Sequence[float], tile: Tile) -> list[float]:
    left, top, right, bottom = tile.xyxy
    return [max(box[0], left), max(box[1], top), min(box[2], right), min(box[3], bottom)]


def look(tile: Tile, objects: Sequence[Planted]) -> Seen:
    """What a perfect detector says of a tile: every object in it, cut off at its borders."""
    rows = []
    for *box, confidence, number in objects:
        x1, y1, x2, y2 = clipped(box, tile)
        if x2 > x1 and y2 > y1:
            rows.append([x1 - tile.left, y1 - tile.top, x2 - tile.left, y2 - tile.top, confidence, number])
    rows.sort(key=lambda row: -row[4])
    return Seen.of(tile, Detections.from_rows(rows))


def rows(found: Detections) -> list[tuple[float, ...]]:
    return sorted(
        (*box, float(np.float32(score)), number)
        for box, score, number in zip(
            found.xyxy.tolist(), found.confidence.tolist(), found.class_id.tolist(), strict=True
        )
    )


def put_together(plan: TilePlan, objects: Sequence[Planted], **options) -> list[tuple[float, ...]]:
    size = (plan.height, plan.width)
    found = merge([look(tile, objects) for tile in plan.tiles], size, **{"iou": None, "limit": 10_000, **options})
    assert (np.diff(found.confidence) <= 0).all()
    return rows(found)


def planted(objects: Sequence[Planted]) -> list[tuple[float, ...]]:
    return sorted((*box, float(np.float32(score)), number) for *box, score, number in objects)


def alike_on_a_strip(plan: TilePlan, objects: Sequence[Planted]) -> bool:
    """Whether two objects of a class look the same on all that two tiles share: then nothing can tell them apart."""
    tiles = plan.tiles
    for a in range(len(tiles)):
        for b in range(a + 1, len(tiles)):
            strip = np.array(clipped(tiles[a].xyxy, tiles[b]))
            if (strip[:2] >= strip[2:]).any():
                continue
            shared = Tile(strip[1], strip[0], strip[3] - strip[1], strip[2] - strip[0])
            shown = [(*clipped(box, shared), number) for *box, _, number in objects]
            shown = [box for box in shown if box[0] < box[2] and box[1] < box[3]]
            if len(set(shown)) < len(shown):
                return True
    return False


@st.composite
def scenes(draw: st.DrawFn, apart: bool) -> tuple[TilePlan, list[Planted]]:
    """A plan, and objects in eighths of a px, so that sums are exact: of any size, across any number of tiles."""
    tile = draw(st.tuples(st.integers(40, 100), st.integers(40, 100)))
    height, width = draw(st.integers(20, 330)), draw(st.integers(20, 330))
    overlap = draw(st.integers(1, min(tile) - 20))
    plan = TilePlan.of(height, width, tile=tile, overlap=overlap, overview=draw(st.booleans()))
    objects: list[Planted] = []
    for number in range(draw(st.integers(0, 12))):
        x1, y1 = draw(st.integers(0, width * 8 - 1)), draw(st.integers(0, height * 8 - 1))
        x2 = min(x1 + draw(st.integers(1, 8 * 120)), width * 8)
        y2 = min(y1 + draw(st.integers(1, 8 * 120)), height * 8)
        if objects and draw(st.booleans()):  # side by side with the one before
            x1, x2 = int(objects[-1][2] * 8), int(objects[-1][2] * 8) + x2 - x1
            y1, y2 = int(objects[-1][1] * 8), int(objects[-1][3] * 8)
        if x2 > width * 8:
            continue
        box = (x1 / 8, y1 / 8, x2 / 8, y2 / 8)
        if apart and any(
            min(box[2], o[2]) > max(box[0], o[0]) and min(box[3], o[3]) > max(box[1], o[1]) for o in objects
        ):
            continue
        objects.append((*box, (number + 20) / 64, draw(st.integers(0, 1))))
    return plan, objects


@settings(max_examples=80, deadline=None)
@given(scenes(apart=True))
def test_objects_apart_or_touching_come_out_as_they_were_planted(scene: tuple[TilePlan, list[Planted]]) -> None:
    plan, objects = scene
    assert put_together(plan, objects) == planted(objects)
    assert put_together(plan, objects, iou=0.7) == planted(objects)


@settings(max_examples=80, deadline=None)
@given(scenes(apart=False))
def test_overlapping_objects_too_if_any_strip_tells_them_apart(scene: tuple[TilePlan, list[Planted]]) -> None:
    plan, objects = scene
    assume(not alike_on_a_strip(plan, objects))
    assert put_together(plan, objects) == planted(objects)
    # How sure a tile is of what it sees has no say, as long as it sees well.
    seen = []
    for place, tile in enumerate(plan.tiles):
        unsure = [(*box, score / (1 + (place + i) % 3), number) for i, (*box, score, number) in enumerate(objects)]
        seen.append(look(tile, unsure))
    found = rows(merge(seen, (plan.height, plan.width), iou=None, limit=999))
    assert sorted((*row[:4], row[5]) for row in found) == sorted((*row[:4], row[5]) for row in planted(objects))


@settings(max_examples=30, deadline=None)
@given(scenes(apart=True), st.randoms(use_true_random=False))
def test_the_order_of_tiles_and_of_detections_does_not_matter(scene, random) -> None:
    plan, objects = scene
    seen = [look(tile, objects) for tile in plan.tiles]
    random.shuffle(seen)
    shuffled = []
    for one in seen:
        order = list(range(len(one.found)))
        random.shuffle(order)
        shuffled.append(Seen.of(one.tile, one.found[order]))
    assert rows(merge(shuffled, (plan.height, plan.width), iou=None, limit=999)) == planted(objects)


# What a real detector says: three tiles of 100 px in a row, each sharing 40 px with the next.
PLAN = TilePlan.of(100, 220, tile=100, overlap=40)
LEFT, MIDDLE, RIGHT = PLAN.tiles


def seen(tile: Tile, *found: Planted) -> Seen:
    """Detections in px of the image, as the tile says them."""
    moved = np.array(found, np.float32).reshape(-1, 6) - np.float32([tile.left, tile.top, tile.left, tile.top, 0, 0])
    return Seen.of(tile, Detections.from_rows(moved))


def together(*tiles: Seen, iou: float | None = 0.7) -> list[list[float]]:
    found = merge(tiles, (100, 220), iou=iou, limit=99)
    return np.concatenate(
        [found.xyxy, found.confidence[:, None].round(3), found.class_id[:, None]], axis=1, dtype=np.float64
    ).tolist()


def same(found: list[list[float]], *expected: Planted) -> None:
    assert found == [pytest.approx(row, abs=1e-3) for row in expected]


def test_the_tiles_of_these_tests() -> None:
    assert [tile.left for tile in PLAN.tiles] == [0, 60, 120]


def test_of_two_views_the_whole_one_stands_even_if_a_cut_one_is_surer() -> None:
    same(
        together(seen(LEFT, (70, 10, 99, 40, 0.9, 0)), seen(MIDDLE, (69, 11, 108, 41, 0.6, 0))),
        (69, 11, 108, 41, 0.6, 0),
    )


def test_of_two_whole_views_the_surer_one_stands() -> None:
    same(together(seen(LEFT, (70, 10, 95, 40, 0.6, 0)), seen(MIDDLE, (71, 9, 97, 42, 0.8, 0))), (71, 9, 97, 42, 0.8, 0))


def test_a_cut_view_of_another_class_is_a_view_of_the_same_object() -> None:
    same(
        together(seen(LEFT, (70, 10, 99, 40, 0.9, 1)), seen(MIDDLE, (70, 10, 101, 40, 0.5, 0))),
        (70, 10, 101, 40, 0.5, 0),
    )


def test_what_goes_on_beyond_several_borders_is_put_together() -> None:
    found = together(
        seen(LEFT, (20, 10, 99.5, 40, 0.5, 0)),
        seen(MIDDLE, (60.2, 11, 159.8, 41, 0.9, 0)),
        seen(RIGHT, (120.5, 12, 200, 43, 0.7, 0)),
    )
    same(found, (20, 11, 200, 41, 0.9, 0))  # each side from the surest view that does not end there


def test_neighbours_that_touch_at_a_seam_stay_two() -> None:
    one, other = (60, 10, 80, 40, 0.9, 0), (80, 10, 98, 40, 0.8, 0)
    same(together(seen(LEFT, one, other), seen(MIDDLE, one, other)), one, other)


def test_two_of_one_tile_are_two_even_if_the_next_tile_sees_one() -> None:
    one, other, both = (62, 10, 82, 40, 0.9, 0), (72, 10, 95, 40, 0.7, 0), (62, 10, 84, 40, 0.8, 0)
    same(together(seen(LEFT, one, other), seen(MIDDLE, both)), one, other)


def test_a_faint_box_does_not_take_the_place_of_a_sure_one() -> None:
    sure, twin, faint = (62, 10, 90, 40, 0.9, 0), (62, 11, 90, 43, 0.8, 0), (62, 10, 90, 40.5, 0.01, 0)
    same(together(seen(LEFT, sure), seen(MIDDLE, twin, faint), iou=None), sure, faint)


def test_what_agrees_to_the_last_digit_belongs_together_however_unsure() -> None:
    one, other = (62, 10, 82, 40), (67, 10, 87, 40)
    found = together(
        seen(LEFT, (*one, 0.9, 0), (*other, 0.1, 0)), seen(MIDDLE, (*one, 0.2, 0), (*other, 0.8, 0)), iou=None
    )
    same(found, (*one, 0.9, 0), (*other, 0.8, 0))


def test_what_ends_at_a_border_goes_if_another_tile_sees_more_and_finds_nothing() -> None:
    same(together(seen(LEFT, (70, 10, 99, 40, 0.9, 0)), seen(MIDDLE)))


@pytest.mark.parametrize(
    "alone",
    [
        (70, 10, 95, 40, 0.9, 0),  # no border cuts it
        (50, 10, 99, 40, 0.9, 0),  # the next tile does not see all of it
        (0, 10, 30, 40, 0.9, 0),  # it ends where the image ends
    ],
)
def test_what_nobody_sees_better_stays(alone: Planted) -> None:
    same(together(seen(LEFT, alone), seen(MIDDLE)), alone)


def test_a_part_inside_a_larger_one_that_goes_on_is_no_object() -> None:
    part, larger = (55, 10, 99, 40, 0.9, 0), (61, 0, 119, 70, 0.6, 0)
    same(together(seen(LEFT, part), seen(MIDDLE, larger)), larger)
    other = (*larger[:5], 1)
    same(together(seen(LEFT, part), seen(MIDDLE, other)), part, other)


def test_of_two_parts_that_cover_one_another_one_stays() -> None:
    one, other = (58, 10, 99, 30, 0.9, 0), (60.5, 8, 159, 90, 0.6, 0)
    assert len(together(seen(LEFT, one), seen(MIDDLE, other))) == 1


def test_boxes_of_a_class_that_overlap_more_than_the_limit_are_one_across_tiles_too() -> None:
    one, other = (10, 10, 80, 40, 0.9, 0), (12, 10, 82, 40, 0.8, 0)
    assert len(together(seen(LEFT, one, other), seen(MIDDLE), iou=0.5)) == 1
    assert len(together(seen(LEFT, one, other), seen(MIDDLE), iou=None)) == 2
    assert len(together(seen(LEFT, one, (*other[:5], 1)), seen(MIDDLE), iou=0.5)) == 2


def test_at_most_so_many_the_best_first() -> None:
    objects = [(10 * i, 10, 10 * i + 8, 20, 0.1 + i / 100, 0) for i in range(22)]
    found = merge([look(tile, objects) for tile in PLAN.tiles], (100, 220), iou=0.7, limit=5)
    assert found.confidence.tolist() == pytest.approx([0.31, 0.30, 0.29, 0.28, 0.27])


def test_the_overview_counts_for_what_no_tile_shows_whole() -> None:
    plan = TilePlan.of(100, 220, tile=100, overlap=40, overview=True)
    overview = plan.tiles[-1]
    large, small, cut = (20, 5, 190, 60, 0.5, 0), (70, 70, 90, 90, 0.9, 0), (20, 5, 99, 60, 0.8, 1)
    found = together(seen(LEFT, cut), seen(MIDDLE), seen(RIGHT), seen(overview, large, small))
    same(found, large)  # the small one is for the tiles to say, and they say nothing


def masked(tile: Tile, *found: Planted) -> Seen:
    """The same with masks that fill the boxes."""
    one = seen(tile, *found).found
    masks = np.zeros((len(found), 100, 220), np.bool_)
    for mask, (x1, y1, x2, y2, *_) in zip(masks, found, strict=True):
        mask[y1:y2, x1:x2] = True
    cut = masks[:, :, tile.left : tile.left + tile.width]
    return Seen.of(tile, Detections(one.xyxy, one.confidence, one.class_id, masks=cut))


def test_masks_of_parts_are_united_and_of_whole_views_taken_as_they_are() -> None:
    large, small = (20, 10, 200, 40, 0.5, 0), (70, 60, 90, 90, 0.9, 1)
    parts = [
        masked(LEFT, (20, 10, 100, 40, 0.5, 0), small),
        masked(MIDDLE, (60, 10, 160, 40, 0.5, 0), small),
        masked(RIGHT, (120, 10, 200, 40, 0.5, 0)),
    ]
    found = merge(parts, (100, 220), iou=0.7, limit=99)
    expected = np.zeros((2, 100, 220), np.bool_)
    expected[0, 60:90, 70:90] = True
    expected[1, 10:40, 20:200] = True
    assert found.class_id.tolist() == [1, 0]
    assert np.array_equal(found.masks, expected)
    outlined = merge(parts, (100, 220), iou=0.7, limit=99, outlines="polygons")
    assert outlined.masks is None
    for polygon, (x1, y1, x2, y2) in zip(outlined.polygons, found.xyxy.tolist(), strict=True):
        assert polygon.min(0).tolist() == [x1, y1]
        assert polygon.max(0).tolist() == [x2 - 1, y2 - 1]
    assert large[:4] == tuple(found.xyxy[1].tolist())


def test_of_a_whole_view_the_mask_is_its_own() -> None:
    parts = [masked(LEFT, (70, 8, 100, 42, 0.9, 0)), masked(MIDDLE, (70, 10, 110, 40, 0.5, 0))]
    (mask,) = merge(parts, (100, 220), iou=0.7, limit=99).masks
    expected = np.zeros((100, 220), np.bool_)
    expected[10:40, 70:110] = True
    assert np.array_equal(mask, expected)


def test_masks_without_a_pixel_do_no_harm() -> None:
    one = seen(LEFT, (10, 10, 30, 40, 0.5, 0)).found
    empty = Detections(one.xyxy, one.confidence, one.class_id, masks=np.zeros((1, 100, 100), np.bool_))
    parts = [Seen.of(LEFT, empty), masked(MIDDLE)]
    assert not merge(parts, (100, 220), iou=0.7, limit=9).masks.any()
    assert len(merge(parts, (100, 220), iou=0.7, limit=9, outlines="polygons").polygons[0]) == 0


def test_a_keypoint_is_taken_from_the_view_whose_borders_are_farthest() -> None:
    def posed(tile: Tile, box: Planted, points: list[list[float]]) -> Seen:
        one = seen(tile, box).found
        moved = np.float32([points]) - np.float32([tile.left, tile.top, 0])
        return Seen.of(tile, Detections(one.xyxy, one.confidence, one.class_id, keypoints=moved))

    found = merge(
        [
            posed(LEFT, (30, 10, 99, 40, 0.5, 0), [[40, 20, 0.9], [99, 30, 0.2]]),
            posed(MIDDLE, (60, 10, 159, 40, 0.6, 0), [[60, 21, 0.3], [110, 31, 0.8]]),
            posed(RIGHT, (120, 10, 170, 40, 0.4, 0), [[121, 22, 0.1], [125, 32, 0.1]]),
        ],
        (100, 220),
        iou=0.7,
        limit=9,
    )
    assert found.xyxy.tolist() == [[30, 10, 170, 40]]
    assert found.keypoints == pytest.approx(np.array([[[40, 20, 0.9], [110, 31, 0.8]]]))


def turned(tile: Tile, *found: tuple[float, ...]) -> Seen:
    """Turned boxes: centre, width, height, angle, confidence, class."""
    rows = np.array(found, np.float32).reshape(-1, 7)
    centre = rows[:, :2] - np.float32([tile.left, tile.top])
    boxes = np.concatenate([centre - rows[:, 2:4] / 2, centre + rows[:, 2:4] / 2], axis=1)
    return Seen.of(tile, Detections(boxes, rows[:, 5], rows[:, 6].astype(np.int64), angle=rows[:, 4]))


def test_turned_boxes_are_matched_as_they_lie() -> None:
    one, crossing = (80, 50, 30, 6, 0.7, 0.9, 0), (80, 50, 30, 6, -0.7, 0.8, 0)
    found = merge([turned(LEFT, one, crossing), turned(MIDDLE, one, crossing)], (100, 220), iou=0.7, limit=9)
    assert found.angle.tolist() == pytest.approx([0.7, -0.7])
    # Upright, both would have the same extent; one tile saw only one of them, the other only the other.
    found = merge([turned(LEFT, one), turned(MIDDLE, crossing)], (100, 220), iou=0.7, limit=9)
    assert len(found) == 2


def test_a_turned_box_that_no_tile_shows_whole_is_the_smallest_around_its_views() -> None:
    found = merge(
        [turned(LEFT, (65, 30, 70, 10, 0, 0.9, 0)), turned(MIDDLE, (105, 30, 94, 10, 0, 0.8, 0)), turned(RIGHT)],
        (100, 220),
        iou=0.7,
        limit=9,
    )
    corners = found.corners[0]
    assert corners.min(0) == pytest.approx(np.array([30, 25]), abs=0.01)
    assert corners.max(0) == pytest.approx(np.array([152, 35]), abs=0.01)
    slanted = merge(
        [turned(LEFT, (90, 40, 60, 10, 0.5, 0.9, 0)), turned(MIDDLE, (90, 40, 60, 10, 0.5, 0.9, 0))],
        (100, 220),
        iou=0.7,
        limit=9,
    )
    again = turned(LEFT, (90, 40, 60, 10, 0.5, 0.9, 0)).found
    ours, theirs = (np.array(sorted(one.corners[0].round(1).tolist())) for one in (slanted, again))
    assert ours == pytest.approx(theirs, abs=0.11)


def test_nothing_found_is_nothing() -> None:
    assert len(merge([seen(tile) for tile in PLAN.tiles], (100, 220), iou=0.7, limit=9)) == 0
