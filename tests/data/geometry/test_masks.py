from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from yolo_tl.data.geometry.masks import MAX_PIXELS, coco_runs, read_values, rings_of, rings_of_runs
from yolo_tl.data.geometry.transform import area
from yolo_tl.data.records import Ring
from yolo_tl.errors import ParseError

masks = st.tuples(st.integers(0, 9), st.integers(0, 9)).flatmap(lambda shape: arrays(bool, shape))


def points_of(ring: Ring) -> list[tuple[float, float]]:
    return list(zip(ring[::2], ring[1::2], strict=True))


def filled(rings: tuple[Ring, ...], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels whose centre lies within an odd number of rings."""
    inside = np.zeros((height, width), bool)
    for ring in rings:
        points = points_of(ring)
        for (x1, y1), (x2, y2) in pairwise([*points, points[0]]):
            if x1 == x2:  # all to the right of each vertical edge
                inside[int(min(y1, y2)) : int(max(y1, y2)), int(x1) :] ^= True
    return inside


def runs_of(flat: NDArray[np.bool_]) -> list[int]:
    runs, value = [0], False
    for pixel in flat:
        if pixel != value:
            runs.append(0)
            value = not value
        runs[-1] += 1
    return runs


def test_a_square_keeps_its_size() -> None:
    mask = np.zeros((60, 70), np.uint8)
    mask[5:55, 10:60] = 255
    assert rings_of(mask) == (((10, 5, 60, 5, 60, 55, 10, 55),), ())
    assert rings_of(mask[5:55, 10:60], offset=(10, 5)) == rings_of(mask)


def test_several_parts_and_a_hole_with_an_island() -> None:
    mask = np.ones((7, 7), bool)
    mask[1:6, 1:6] = False
    mask[3, 3] = True
    parts, holes = rings_of(mask)
    assert parts == ((0, 0, 7, 0, 7, 7, 0, 7), (3, 3, 4, 3, 4, 4, 3, 4))
    assert holes == ((1, 1, 1, 6, 6, 6, 6, 1),)


@pytest.mark.parametrize(
    ("rows", "parts", "holes"),
    [
        (["10", "01"], 2, 0),
        (["01", "10"], 2, 0),
        (["111", "101", "110"], 1, 1),  # the hole touches the outside at a corner
        (["1111", "1011", "1101", "1111"], 1, 2),
        (["1111", "1101", "1011", "1111"], 1, 2),
    ],
)
def test_where_pixels_touch_at_a_corner_every_ring_is_simple(rows: list[str], parts: int, holes: int) -> None:
    mask = np.array([[character == "1" for character in row] for row in rows])
    found = rings_of(mask)
    assert tuple(map(len, found)) == (parts, holes)
    assert all(len(set(points_of(ring))) == len(points_of(ring)) for rings in found for ring in rings)


@given(masks)
def test_rings_hold_exactly_the_pixels(mask: NDArray[np.bool_]) -> None:
    parts, holes = rings_of(mask)
    assert sum(map(area, parts)) - sum(map(area, holes)) == mask.sum()
    assert np.array_equal(filled((*parts, *holes), *mask.shape), mask)
    for ring in (*parts, *holes):
        points = points_of(ring)
        assert len(set(points)) == len(points) >= 4
        assert points[0] == min(points, key=lambda point: point[::-1])
        for (x1, y1), (x2, y2), (x3, y3) in zip(points, points[1:] + points[:1], points[2:] + points[:2], strict=True):
            assert (x1 == x2) != (y1 == y2)  # along pixel edges
            assert (x1 == x2) != (x2 == x3)  # and round a corner at each point
            assert (y1 == y2) != (y2 == y3)


def test_parts_and_holes_are_valid_polygons() -> None:
    shapely = pytest.importorskip("shapely")
    mask = np.random.default_rng(3).random((40, 40)) < 0.6
    parts, holes = rings_of(mask)
    polygons = [shapely.Polygon(points_of(ring)) for ring in (*parts, *holes)]
    assert all(polygon.is_valid for polygon in polygons)


def test_a_large_mask_is_quick() -> None:
    y, x = np.mgrid[:2000, :3000]
    mask = (x - 1500) ** 2 + (y - 1000) ** 2 < 800**2
    start = time.process_time()
    (ring,), holes = rings_of(mask)
    assert time.process_time() - start < 1
    assert holes == ()
    assert area(ring) == mask.sum()


@given(masks.filter(lambda mask: mask.size > 0), st.booleans())
def test_run_lengths(mask: NDArray[np.bool_], by_rows: bool) -> None:
    height, width = mask.shape
    runs = runs_of(mask.ravel(order="C" if by_rows else "F"))
    assert rings_of_runs(runs, width, height, by_rows=by_rows) == rings_of(mask)


@given(masks.filter(lambda mask: mask.size > 0))
def test_compressed_run_lengths_as_pycocotools_writes_them(mask: NDArray[np.bool_]) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    text = coco.encode(np.asfortranarray(mask, np.uint8))["counts"]
    assert coco_runs(text).tolist() == coco_runs(text.decode()).tolist() == runs_of(mask.ravel(order="F"))


def test_long_compressed_run_lengths() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    runs = [70_000, 5, 130_000, 1, 3_000_000, 2_000_000, 0, 7, 799_987 + 1_000_000]
    height, width = 1000, sum(runs) // 1000
    assert height * width == sum(runs)
    text = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)["counts"]
    assert coco_runs(text).tolist() == runs


@pytest.mark.parametrize(
    "runs",
    [[3, 2], [3, 2, 2], [-1, 7], [2, 2.5, 1.5, "x"], [1e999], [10**30], [[6]], [None], [2**62, 2**62, 2**62], []],
)
def test_runs_that_are_none(runs: list[object]) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        rings_of_runs(runs, 2, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["é", "\x00", "p", "P", "oooooooooooooooo0", " "])
def test_text_that_is_no_run_lengths(text: str) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        rings_of_runs(coco_runs(text), 2, 3)


def test_an_absurd_mask_is_refused_and_a_small_object_in_it_is_not() -> None:
    side = MAX_PIXELS
    with pytest.raises(ValueError, match="megapixels"):
        rings_of_runs([0, side * side], side, side)
    assert rings_of_runs([side * 7 + 5, 3, side * side - side * 7 - 8], side, side) == (
        ((7, 5, 8, 5, 8, 8, 7, 8),),
        (),
    )


def test_values_of_grey_images(tmp_path: Path) -> None:
    for kind, top in ((np.uint8, 255), (np.uint16, 65535)):
        values = np.array([[0, 1, 2], [7, 255, top]], kind)
        path = tmp_path / f"{top}.png"
        path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
        assert np.array_equal(read_values(path), values)
    path.write_bytes(cv2.imencode(".png", cv2.merge([values] * 3))[1].tobytes())
    assert np.array_equal(read_values(path), values)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_values_of_palette_images(tmp_path: Path, bits: int) -> None:
    image = pytest.importorskip("PIL.Image")
    values = np.random.default_rng(bits).integers(0, 2**bits, (9, 13)).astype(np.uint8)
    picture = image.fromarray(values, "P")
    picture.putpalette([90, 1, 200, *([0, 0, 0] * 255)])
    picture.save(tmp_path / "a.png", bits=bits)
    assert np.array_equal(read_values(tmp_path / "a.png"), values)


def test_images_that_are_no_masks(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    colour = np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8)
    content = cv2.imencode(".png", colour)[1].tobytes()
    bomb = bytearray(content)
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2
    for wrong, message in (
        (content, "one channel"),
        (content[:60], "cannot be decoded"),
        (bytes(bomb), "claims"),
        (b"", "mask image"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(ParseError, match=message):
            read_values(path)
    with pytest.raises(ParseError, match="missing"):
        read_values(tmp_path / "none.png")
