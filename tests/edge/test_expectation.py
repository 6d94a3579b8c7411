"""Expected and found, compared as sets."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yolo_tl.boxes import Detections, run_lengths
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.expectation import (
    Deviation,
    Tolerance,
    compare,
    from_json,
    from_run_lengths,
    to_json,
)

LIMITS = Tolerance(box=0.5, score=0.01, mask=0.1)
HEIGHT, WIDTH = 40, 60


def found(count: int = 5, *, seed: int = 0, rotated: bool = False, points: int = 0, masks: bool = False) -> Detections:
    rng = np.random.default_rng(seed)
    # One box to a cell of a grid, so that none is near another of its class.
    corner = np.stack([np.arange(count) % 5 * 12.0, np.arange(count) // 5 * 12.0], 1) + rng.uniform(0, 2, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 9, (count, 2))], 1).astype(np.float32)
    inside = rng.random((count, HEIGHT, WIDTH)) < 0.5
    return Detections(
        boxes,
        np.sort(rng.uniform(0.3, 1, count))[::-1].astype(np.float32),
        rng.integers(0, 3, count),
        masks=inside if masks else None,
        keypoints=rng.uniform(0, 30, (count, points, 3)).astype(np.float32) if points else None,
        angle=rng.uniform(-math.pi, math.pi, count).astype(np.float32) if rotated else None,
    )


def deviation(a: Detections, b: Detections, *, gain: float = 1.0, **thresholds: object) -> Deviation:
    return compare(a, b, thresholds=(Thresholds(**thresholds),) * 2, tolerance=LIMITS, gain=gain)  # type: ignore[arg-type]


def moved(one: Detections, **fields: object) -> Detections:
    values = {name: getattr(one, name) for name in ("xyxy", "confidence", "class_id", "masks", "keypoints", "angle")}
    return Detections(**{**values, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [{}, {"rotated": True}, {"points": 4}, {"masks": True}], ids=str)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_is_written_comes_back(kind: dict[str, object], count: int) -> None:
    one = found(count, **kind)  # type: ignore[arg-type]
    again = from_json(json.loads(json.dumps(to_json(one))), height=HEIGHT, width=WIDTH)
    for name in ("masks", "keypoints", "angle"):
        assert (getattr(again, name) is None) == (getattr(one, name) is None)
    seen = deviation(one, again)
    assert seen.within(Tolerance(box=1e-3, score=1e-3, mask=0.0))
    order = np.random.default_rng(1).permutation(count)
    assert deviation(one, again[order]) == seen


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_masks_come_back_from_run_lengths(mask: np.ndarray) -> None:
    lengths = run_lengths(mask)
    np.testing.assert_array_equal(from_run_lengths(lengths, *mask.shape), mask)
    assert sum(lengths) == mask.size
    assert min(lengths[1:], default=1) > 0


def test_run_lengths_are_those_of_the_peer() -> None:
    peer = pytest.importorskip("pycocotools.mask")
    masks = found(4, masks=True).masks
    assert masks is not None
    for mask in masks:
        lengths = {"size": list(mask.shape), "counts": run_lengths(mask)}
        np.testing.assert_array_equal(peer.decode(peer.frPyObjects(lengths, *mask.shape)), mask)
    with pytest.raises(ValueError, match="expected run lengths of 4 px, found 5"):
        from_run_lengths([2, 3], 2, 2)


def test_what_differs_is_measured() -> None:
    one = found(points=2, masks=True)
    assert deviation(one, moved(one, xyxy=one.xyxy + np.float32(0.25)), gain=2).box == pytest.approx(0.5, abs=1e-5)
    assert deviation(one, moved(one, confidence=one.confidence - np.float32(0.1))).score == pytest.approx(0.1, abs=1e-6)
    assert one.keypoints is not None
    assert one.masks is not None
    shifted = one.keypoints + np.array([0, 0.75, 0.125], np.float32)
    seen = deviation(one, moved(one, keypoints=shifted))
    assert (seen.box, seen.score) == (pytest.approx(0.75, abs=1e-5), pytest.approx(0.125, abs=1e-5))
    half = one.masks.copy()
    half[2, : HEIGHT // 2] = False
    assert deviation(one, moved(one, masks=half)).mask == pytest.approx(0.5, abs=0.05)
    nan = moved(one, keypoints=np.full_like(one.keypoints, np.nan))
    assert not deviation(one, nan).within(LIMITS)


@given(st.integers(0, 4), st.floats(-8, 8))
def test_a_rotated_box_has_several_names(number: int, turn: float) -> None:
    one = found(rotated=True)
    assert one.angle is not None
    centre, size = (one.xyxy[:, :2] + one.xyxy[:, 2:]) / 2, one.xyxy[:, 2:] - one.xyxy[:, :2]
    swapped = size[:, ::-1] if number % 2 else size
    other = moved(
        one,
        xyxy=np.concatenate([centre - swapped / 2, centre + swapped / 2], 1),
        angle=one.angle + np.float32(number * math.pi / 2),
    )
    assert deviation(one, other).unmatched == 0
    assert deviation(one, other).box < 1e-3
    twisted = deviation(one, moved(one, angle=one.angle + np.float32(turn)))
    if abs(math.remainder(turn, math.pi / 2)) > 0.1:
        assert twisted.box > 0.05 or twisted.unmatched
    if abs(math.remainder(turn, math.pi)) < 1e-5:
        assert twisted.box < 1e-3
        assert not twisted.unmatched


def test_one_that_is_lost_counts_unless_rounding_may_have_lost_it() -> None:
    one = found(4)
    assert deviation(one, one[:3]).unmatched == 1
    assert deviation(one[:3], one).unmatched == 1
    other = moved(one, class_id=(one.class_id + 1) % 3)
    assert deviation(one, other).unmatched == 8
    far = moved(one, xyxy=one.xyxy + np.float32(30))
    assert deviation(one, far).unmatched == 8
    threshold = float(one.confidence[3])
    assert deviation(one, one[:3], confidence=threshold - 0.005).unmatched == 0
    assert deviation(one, one[:3], confidence=threshold - 0.02).unmatched == 1
    own = ((int(one.class_id[3]), threshold - 0.005),)
    assert deviation(one, one[:3], by_class=own).unmatched == 0


def test_the_worst_of_two_images() -> None:
    worst = Deviation(1, 0.5, 0.1, 0.1) | Deviation(2, 0.25, 0.2, 0.05)
    assert worst == Deviation(3, 0.5, 0.2, 0.1)
    assert math.isnan((worst | Deviation(0, math.nan, 0, 0)).box)
