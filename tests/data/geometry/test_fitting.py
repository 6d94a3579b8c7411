from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.geometry.fitting import Fitted, fit
from yolo_tl.data.geometry.transform import area
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation

SIZE = (100, 50)
SQUARE = (10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0)
OTHER = (50.0, 10.0, 60.0, 10.0, 60.0, 20.0, 50.0, 20.0)
HOLE = (15.0, 15.0, 20.0, 15.0, 20.0, 20.0, 15.0, 20.0)


def fitted(policy: str = "bridge", **values: Any) -> Fitted:
    """`policy` is the option about parts; of the other values, options and fields of an annotation are told apart."""
    options = {key: values.pop(key) for key in ("task", "outside", "min_visible") if key in values}
    annotation = Annotation(**{"name": "a", "box": None, "place": "1", **values})
    return fit(annotation, SIZE, ReadOptions(parts=policy, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("box", "result", "repairs", "reason"),
    [
        ((10, 10, 20, 20), (10, 10, 20, 20), (), ""),
        ((20, 20, 10, 10), (10, 10, 20, 20), ("swapped",), ""),
        ((-5, 10, 20, 60), (0, 10, 20, 50), ("clipped",), ""),
        ((-0.005, 10, 20, 50.005), (0, 10, 20, 50), (), ""),
        ((10, 10, 10, 20), None, (), "zero_area"),
        ((100, 10, 120, 20), None, (), "outside"),
        ((-20, -20, -5, -5), None, (), "outside"),
    ],
)
def test_boxes(box: Any, result: Any, repairs: tuple[str, ...], reason: str) -> None:
    found = fitted(box=box)
    assert (found.repairs, found.reason) == (repairs, reason)
    assert [item.box for item in found.results] == ([result] if result else [])


def test_boxes_at_the_border_by_policy() -> None:
    assert fitted(box=(90, 10, 110, 20), outside="drop").reason == "outside"
    assert fitted(box=(90, 10, 110, 20), min_visible=0.6).reason == "outside"
    assert fitted(box=(90, 10, 110, 20), min_visible=0.5).reason == ""


def test_detect_takes_the_box_of_a_shape_and_says_so() -> None:
    assert fitted(parts=(SQUARE,)).repairs == ("box_from_polygon",)
    assert fitted(corners=SQUARE).repairs == ("box_from_corners",)
    assert fitted(keypoints=(5, 5, 2, 20, 30, 1)).repairs == ("box_from_keypoints",)
    (item,) = fitted(parts=(SQUARE, OTHER)).results
    assert item == Annotation("a", (10, 10, 60, 30), "1")
    assert fitted(box=(1, 1, 5, 5), parts=(SQUARE,)).repairs == ()


def test_keypoints_that_are_not_labelled_make_no_box() -> None:
    assert fitted(keypoints=(5, 5, 0)).reason == "no_box"
    assert fitted(task="classify").results == (Annotation("a", None, "1"),)


def test_segment_makes_one_ring() -> None:
    assert fitted(task="segment", parts=(SQUARE,)) == Fitted((Annotation("a", (10, 10, 30, 30), "1", parts=(SQUARE,)),))
    boxed = fitted(task="segment", box=(1, 2, 5, 6))
    assert (boxed.results[0].parts, boxed.repairs) == (((1, 2, 5, 2, 5, 6, 1, 6),), ("polygon_from_box",))
    assert fitted(task="segment", corners=SQUARE).repairs == ("polygon_from_corners",)


def test_parts_and_holes_by_policy() -> None:
    bridged = fitted(task="segment", parts=(SQUARE, OTHER), holes=(HOLE,))
    assert bridged.repairs == ("holes_bridged", "parts_bridged")
    assert area(bridged.results[0].parts[0]) == pytest.approx(400 + 100 - 25)
    split = fitted(task="segment", parts=(SQUARE, OTHER), holes=(HOLE,), policy="split")
    assert [round(area(item.parts[0])) for item in split.results] == [375, 100]
    assert split.repairs == ("holes_bridged", "parts_split")
    largest = fitted(task="segment", parts=(OTHER, SQUARE), holes=(HOLE,), policy="largest")
    assert round(area(largest.results[0].parts[0])) == 375
    assert largest.repairs == ("holes_bridged", "parts_dropped")
    ringed = Annotation("a", None, "1", parts=(SQUARE,), holes=(HOLE,))
    filled = fit(ringed, SIZE, ReadOptions(task="segment", holes="fill"))
    assert (filled.results[0].parts, filled.repairs) == ((SQUARE,), ("holes_filled",))


def test_polygons_are_cut_at_the_border() -> None:
    ring = (80.0, 10.0, 120.0, 10.0, 120.0, 30.0, 80.0, 30.0)
    found = fitted(task="segment", parts=(ring,))
    assert found.repairs == ("clipped",)
    assert found.results[0].box == (80, 10, 100, 30)
    assert area(found.results[0].parts[0]) == pytest.approx(400)
    # The source's box hides that the polygon sticks out.
    assert fitted(task="segment", box=(80, 10, 100, 30), parts=(ring,)).repairs == ("clipped",)
    assert fitted(task="segment", parts=((10.0, 10.0, 20.0, 10.0, 30.0, 10.0),)).reason == "zero_area"


def test_oriented_boxes() -> None:
    diamond = (50.0, 10.0, 60.0, 20.0, 50.0, 30.0, 40.0, 20.0)
    assert fitted(task="obb", corners=diamond).results == (Annotation("a", (40, 10, 60, 30), "1", corners=diamond),)
    found = fitted(task="obb", parts=(diamond,))
    assert found.repairs == ("corners_from_polygon",)
    assert area(found.results[0].corners) == pytest.approx(200, rel=1e-4)
    assert fitted(task="obb", box=(1, 2, 5, 6)).results[0].corners == (1, 2, 5, 2, 5, 6, 1, 6)
    moved = fitted(task="obb", corners=(90.0, 10.0, 110.0, 20.0, 100.0, 40.0, 80.0, 30.0))
    assert moved.repairs == ("clipped",)
    assert max(moved.results[0].corners[::2]) == 100


def test_keypoints() -> None:
    found = fitted(task="pose", box=(10, 10, 30, 30), keypoints=(12, 12, 2, 140, 20, 2, 0, 0, 0))
    assert found.results[0].keypoints == (12, 12, 2, 0, 0, 0, 0, 0, 0)
    assert found.repairs == ("keypoints_outside",)
    assert fitted(task="pose", box=(10, 10, 30, 30)).repairs == ("keypoints_missing",)


@given(
    st.lists(st.floats(-300, 300), min_size=6, max_size=20).filter(lambda v: len(v) % 2 == 0),
    st.sampled_from(["detect", "segment", "obb", "pose"]),
    st.sampled_from(["bridge", "split", "largest"]),
)
def test_what_comes_out_lies_in_the_image_and_has_area(values: list[float], task: str, policy: str) -> None:
    ring = tuple(values)
    for annotation in (
        Annotation("a", None, "1", parts=(ring, ring[::-1])),
        Annotation("a", None, "1", corners=ring[:6] + ring[:2]),
        Annotation("a", tuple(values[:4]), "1", keypoints=(*values[:2], 2.0)),
    ):
        found = fit(annotation, SIZE, ReadOptions(task=task, parts=policy))  # type: ignore[arg-type]
        assert bool(found.results) != bool(found.reason)
        for item in found.results:
            assert item.box is not None
            rings = (*item.parts, item.corners, item.box)
            assert all(0 <= value <= SIZE[i % 2] for ring in rings for i, value in enumerate(ring))
            assert item.box[0] < item.box[2]
            assert item.box[1] < item.box[3]
