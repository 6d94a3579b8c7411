"""The plan of tiles: every pixel seen, nothing sticking out, objects whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.edge.tiling import Tile, TilePlan
from yolo_tl.errors import ConfigError

SIDES = st.integers(1, 3000)


@st.composite
def plans(draw: st.DrawFn) -> TilePlan:
    """A plan of any image, within reason."""
    tile = draw(st.tuples(st.integers(64, 900), st.integers(64, 900)))
    return TilePlan.of(draw(SIDES), draw(SIDES), tile=tile, overlap=draw(st.integers(1, min(tile) // 2)))


@settings(deadline=None)
@given(plans())
def test_tiles_have_one_size_lie_inside_and_cover_every_pixel(plan: TilePlan) -> None:
    rows, columns = np.zeros(plan.height, int), np.zeros(plan.width, int)
    for tile in plan.tiles:
        assert (tile.height, tile.width) == plan.tile
        left, top, right, bottom = tile.xyxy
        assert left >= 0
        assert top >= 0
        assert right <= plan.width
        assert bottom <= plan.height
        assert tile.inner == (left > 0, top > 0, right < plan.width, bottom < plan.height)
        rows[top:bottom] += 1
        columns[left:right] += 1
    assert rows.all()
    assert columns.all()  # tiles form a grid: what covers both sides covers all
    assert len(plan.tiles) == len({tile.top for tile in plan.tiles}) * len({tile.left for tile in plan.tiles})


@settings(deadline=None)
@given(plans())
def test_tiles_are_evenly_spread_overlap_as_asked_and_are_no_more_than_needed(plan: TilePlan) -> None:
    for starts, side, length in (
        (sorted({tile.left for tile in plan.tiles}), plan.width, plan.tile[1]),
        (sorted({tile.top for tile in plan.tiles}), plan.height, plan.tile[0]),
    ):
        steps = np.diff(starts)
        assert starts[0] == 0
        assert starts[-1] == side - length
        if len(steps):
            assert steps.max() - steps.min() <= 1
            assert (length - steps >= plan.overlap).all()
            assert side > len(steps) * (length - plan.overlap) + plan.overlap  # one tile less would not do


@settings(deadline=None)
@given(st.integers(40, 900), st.data())
def test_an_object_of_the_size_that_was_planned_for_lies_whole_in_a_tile(tile: int, data: st.DataObject) -> None:
    largest = data.draw(st.floats(1, tile * 0.8))
    height, width = data.draw(st.integers(1, 4 * tile)), data.draw(st.integers(1, 4 * tile))
    plan = TilePlan.of(height, width, tile=tile, largest_object=largest)
    wide, tall = (data.draw(st.floats(0.5, min(largest, side))) for side in (width, height))
    left, top = data.draw(st.floats(0, width - wide)), data.draw(st.floats(0, height - tall))
    box = np.array([[left, top, left + wide, top + tall]])
    inside = [
        tile
        for tile in plan.tiles
        if not tile.cuts(box).any() and (box[0, :2] >= tile.xyxy[:2]).all() and (box[0, 2:] <= tile.xyxy[2:]).all()
    ]
    assert inside


@settings(deadline=None)
@given(plans(), st.booleans())
def test_a_plan_survives_being_written(plan: TilePlan, overview: bool) -> None:
    plan = TilePlan(plan.height, plan.width, plan.tile, plan.overlap, overview)
    assert TilePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(("height", "width"), [(1, 1), (640, 640), (480, 640), (640, 3)])
def test_an_image_no_larger_than_a_tile_is_one(height: int, width: int) -> None:
    plan = TilePlan.of(height, width, tile=640, overlap=64, overview=True)
    assert plan.tiles == (Tile(0, 0, height, width),)


def test_the_overview_comes_last_and_has_no_inner_border() -> None:
    plan = TilePlan.of(800, 900, tile=640, overview=True)
    *tiles, overview = plan.tiles
    assert len(tiles) == 4
    assert overview == Tile(0, 0, 800, 900, overview=True)
    assert not any(tile.overview for tile in tiles)


def test_a_side_that_touches_an_inner_border_is_cut_and_an_outer_border_cuts_nothing() -> None:
    left, right = TilePlan.of(100, 150, tile=100, overlap=20).tiles
    boxes = np.array([[0, 0, 50, 100], [20, 5, 99.5, 90], [20, 5, 98, 90]], np.float32)
    assert left.cuts(boxes).tolist() == [[False] * 4, [False, False, True, False], [False] * 4]
    assert right.cuts(boxes + np.float32([50, 0, 50, 0])).tolist() == [
        [True, False, False, False],
        [False] * 4,
        [False] * 4,
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tile": 0}, "tile: expected a positive number of px, found 0"),
        ({"tile": (64, 6.5)}, "tile: expected a positive number"),
        ({"tile": True}, "tile"),
        ({"tile": 64, "overlap": 0}, "overlap: expected a positive number of px, found 0"),
        ({"tile": 64, "overlap": 64}, "overlap: expected less than the tile's 64 px, found 64"),
        ({"tile": 64, "overlap": 8, "largest_object": 8}, "found both"),
        ({"tile": 64, "largest_object": 64}, "largest_object: expected one that a tile of 64x64 px shows whole"),
        ({"tile": 64, "largest_object": float("nan")}, "largest_object"),
        ({"tile": 64, "largest_object": -1}, "largest_object"),
        ({"tile": 2, "overlap": 1}, "tiles: expected at most 10000 an image"),
    ],
)
def test_what_cannot_be_planned_is_said(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TilePlan.of(500, 700, **options)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"height": 9, "width": 9, "tile": 9, "overlap": 1},
        {"height": 9, "width": 9, "tile": [9], "overlap": 1},
        {"height": 9, "width": 9, "tile": [10, 9], "overlap": 1},
        {"height": 9, "width": 9, "tile": [9, 9], "overlap": 1, "colour": 3},
        {"height": 0, "width": 9, "tile": [9, 9], "overlap": 1},
    ],
)
def test_a_plan_that_was_spoilt_is_refused(values: dict) -> None:
    with pytest.raises(ConfigError):
        TilePlan.from_dict(values)
