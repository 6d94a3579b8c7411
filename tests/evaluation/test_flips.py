from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.flips import Flip, flips

Sampler = Callable[..., list[ImageResult]]
TRUTH = np.float32([[0, 0, 10, 10], [50, 50, 70, 70], [100, 0, 120, 20]])
AWAY = np.float32([[200, 200, 220, 220]])


def result(*rows: tuple[float, ...], image: str = "a.png") -> ImageResult:
    """One image with three truths of classes 0, 1, 0; rows are x1, y1, x2, y2, confidence, class."""
    return ImageResult(image, Detections.from_rows(list(rows)), TRUTH, np.int64([0, 1, 0]))


def test_what_only_one_of_them_finds_and_raises() -> None:
    a = result((0, 0, 10, 10, 0.9, 0), (50, 50, 70, 70, 0.8, 0), (200, 200, 220, 220, 0.7, 1))
    b = result((100, 0, 120, 20, 0.9, 0), (0, 0, 10, 10, 0.2, 0), (201, 200, 221, 220, 0.6, 1), (9, 90, 29, 99, 0.8, 0))
    (flip,) = flips([a], [b], (0.5, 0.5))
    # The first truth: only a, because b is not sure enough. The second: a names it wrong. The third: only b.
    # (200, 200): both raise it. (50, 50) and (9, 90): each of one only.
    assert flip == Flip("a.png", lost_truths=(2,), gained_truths=(0,), false_a_boxes=(1,), false_b_boxes=(3,))
    assert (flip.lost, flip.gained, flip.false_a, flip.false_b, flip.changed) == (1, 1, 1, 1, 4)
    assert flip.to_json() == {
        "image": "a.png",
        "lost_truths": (2,),
        "gained_truths": (0,),
        "false_a_boxes": (1,),
        "false_b_boxes": (3,),
        "lost": 1,
        "gained": 1,
        "false_a": 1,
        "false_b": 1,
    }


def test_each_model_has_its_own_threshold() -> None:
    a, b = result((0, 0, 10, 10, 0.6, 0)), result((0, 0, 10, 10, 0.3, 0))
    assert flips([a], [b], (0.5, 0.2)) == ()
    assert flips([a], [b], (0.5, 0.5))[0].gained == 1
    assert flips([a], [b], (0.7, 0.2))[0].lost == 1


def test_false_alarms_of_another_class_or_place_are_others() -> None:
    here = result((200, 200, 220, 220, 0.9, 0))
    for other in ((200, 200, 220, 220, 0.9, 1), (212, 200, 232, 220, 0.9, 0)):
        (flip,) = flips([here], [result(other)], (0.5, 0.5))
        assert (flip.false_a, flip.false_b) == (1, 1)
    assert flips([here], [result((203, 200, 223, 220, 0.5, 0))], (0.4, 0.4)) == ()


def test_the_most_changed_image_is_first_and_missed_objects_before_false_alarms() -> None:
    hit, alarm = (0, 0, 10, 10, 0.9, 0), (200, 200, 220, 220, 0.9, 0)
    a = [result(image="same.png"), result(alarm, image="alarm.png"), result(hit, image="hit.png")]
    a += [result(hit, alarm, image="both.png")]
    found = flips(a, [result(image=one.image) for one in a], (0.5, 0.5))
    assert [flip.image for flip in found] == ["both.png", "hit.png", "alarm.png"]


@given(seed=st.integers(0, 10_000), threshold=st.floats(0, 0.9))
def test_swapping_the_models_swaps_the_sides(sample: Sampler, seed: int, threshold: float) -> None:
    a, b = (sample(seed + k, images=4, truth_seed=seed, noise=0.05) for k in range(2))
    forth, back = (flips(*pair, (threshold, threshold)) for pair in ((a, b), (b, a)))
    swapped = {f.image: (f.gained_truths, f.lost_truths) for f in back}
    assert {f.image: (f.lost_truths, f.gained_truths) for f in forth} == swapped
    assert flips(a, a, (threshold, threshold)) == ()


def test_frames_and_orders_of_truths_may_differ(sample: Sampler) -> None:
    a, b = sample(1), sample(2, truth_seed=1)
    turned = [
        replace(
            one,
            detections=replace(one.detections, xyxy=one.detections.xyxy / 2 + np.float32([3, 5, 3, 5])),
            truth_xyxy=one.truth_xyxy[::-1] / 2 + np.float32([3, 5, 3, 5]),
            truth_class=one.truth_class[::-1],
            ratio=0.5,
            pad=(3.0, 5.0),
        )
        for one in b
    ]
    expected = flips(a, b, (0.3, 0.4))
    assert len(expected) > 5
    assert flips(a, turned, (0.3, 0.4)) == expected


def test_truths_in_other_places_are_refused() -> None:
    a = result()
    moved = replace(a, truth_xyxy=TRUTH + np.float32([0, 30, 0, 30]))
    with pytest.raises(
        DataError, match=r"a\.png: expected the same truths for both models, found none .* \[0\.0, 0\.0"
    ):
        flips([a], [moved], (0.5, 0.5))


def test_nothing_true_and_nothing_found() -> None:
    empty = ImageResult("e.png", Detections.empty(), TRUTH[:0], np.zeros(0, np.int64))
    alarm = replace(empty, detections=Detections.from_rows([[*AWAY[0], 0.9, 0]]))
    assert flips([empty], [empty], (0.5, 0.5)) == ()
    assert flips([alarm], [empty], (0.5, 0.5))[0].false_a == 1
