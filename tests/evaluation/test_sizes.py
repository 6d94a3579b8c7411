"""Average precision by size beside pycocotools, on the same boxes."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.bootstrap import Resampling, scores
from yolo_tl.evaluation.ranking import rank
from yolo_tl.evaluation.sizes import (
    ALL,
    COCO_BANDS,
    Band,
    by_size,
    original_areas,
    rank_band,
    terciles,
    truth_areas,
)

NAMES = ["red", "white", "platelet"]


def their_scores(results: list[ImageResult], names: list[str]) -> list[float]:
    """AP, AP50, APs, APm and APl by pycocotools; -1 where there is nothing."""
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    def boxes(result: ImageResult, xyxy: np.ndarray) -> list[list[float]]:
        found = result.in_original(xyxy).astype(float)
        return np.hstack([found[:, :2], found[:, 2:] - found[:, :2]]).tolist()

    truths: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        for box, kind in zip(boxes(result, result.truth_xyxy), result.truth_class.tolist(), strict=True):
            at = {"image_id": number, "category_id": kind, "bbox": box}
            truths.append({**at, "id": len(truths) + 1, "area": box[2] * box[3], "iscrowd": 0})
        found = result.detections
        for box, kind, score in zip(
            boxes(result, found.xyxy), found.class_id.tolist(), found.confidence.tolist(), strict=True
        ):
            said.append({"image_id": number, "category_id": kind, "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco.COCO()
        known.dataset = {
            "images": [{"id": number} for number in range(len(results))],
            "annotations": truths,
            "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        }
        known.createIndex()
        judged = COCOeval(known, known.loadRes(said), "bbox")
        judged.params.maxDets = [1, 10, 300]
        judged.evaluate()
        judged.accumulate()
    precision = judged.eval["precision"][..., -1]  # (T, R, K, A)
    chosen = [precision[..., 0], precision[0, ..., 0], *(precision[..., area] for area in (1, 2, 3))]
    return [float(part[part > -1].mean()) if (part > -1).any() else -1.0 for part in chosen]


def our_scores(results: list[ImageResult], names: list[str]) -> list[float]:
    whole, *sizes = by_size(results, names, (ALL, *COCO_BANDS))
    found = [whole.map50_95, whole.map50, *(size.map50_95 for size in sizes)]
    return [-1.0 if value is None else value for value in found]


def upright(result: ImageResult) -> ImageResult:
    """Without boxes turned inside out, which the sample has some of, and pycocotools leaves out."""
    found = result.detections
    low, high = (ends(found.xyxy[:, :2], found.xyxy[:, 2:]) for ends in (np.minimum, np.maximum))
    return replace(result, detections=replace(found, xyxy=np.hstack([low, high])))


def of_many_sizes(sample: Any, seed: int, *, detections: int = 30, **options: Any) -> list[ImageResult]:
    """Images at different scales: their boxes are small, medium and large in px of the original."""
    results = [upright(result) for result in sample(seed, detections=detections, truths=8, **options)]
    scales = np.random.default_rng(seed).choice([0.25, 0.5, 1.0, 2.0], len(results)).tolist()
    return [replace(result, ratio=scale, pad=(7.5, 3.0)) for result, scale in zip(results, scales, strict=True)]


def on_a_limit(result: ImageResult) -> bool:
    """Whether a box is within the rounding of areas of a band's end, where pycocotools may decide otherwise."""
    areas = np.concatenate([original_areas(result, xyxy) for xyxy in (result.truth_xyxy, result.detections.xyxy)])
    return bool(np.isclose(areas[:, None], [band.low for band in COCO_BANDS[1:]], rtol=0, atol=0.2).any())


@example(seed=157018, images=2, classes=1, noise=0.05)  # a recall that float64 rounds below its point
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(2, 12),
    classes=st.integers(1, 3),
    noise=st.sampled_from([0.05, 0.2, 0.5]),
)
def test_equal_to_pycocotools(sample, seed: int, images: int, classes: int, noise: float) -> None:
    results = of_many_sizes(sample, seed, images=images, classes=classes, noise=noise)
    assume(not any(on_a_limit(result) for result in results))
    if sum(len(result.detections) for result in results) and sum(len(result.truth_class) for result in results):
        assert our_scores(results, NAMES) == pytest.approx(their_scores(results, NAMES), abs=1e-3)


def test_equal_to_pycocotools_on_many_boxes_of_every_size(sample) -> None:
    results = of_many_sizes(sample, 5, images=40, noise=0.2)
    ours = our_scores(results, NAMES)
    assert ours == pytest.approx(their_scores(results, NAMES), abs=1e-3)
    assert len({round(score, 2) for score in ours}) == 5, "bands that score the same would prove little"


def test_coco_s_average_precision_is_that_of_pycocotools(sample) -> None:
    results = [upright(result) for result in sample(8, images=40, detections=30)]
    found = scores(rank(results, NAMES, rule="coco"), np.ones((1, 40), np.int32))[:2, 0]
    assert found.tolist() == pytest.approx(their_scores(results, NAMES)[:2], abs=1e-3)


def test_areas_are_those_of_the_original_image() -> None:
    box = np.float32([[0, 0, 16, 16]])
    at_half = ImageResult("a.png", Detections.empty(), box, np.int64([0]), ratio=0.5)
    assert truth_areas(at_half).tolist() == [1024.0]
    small, medium, _ = by_size([at_half], NAMES, COCO_BANDS)
    assert (small.instances, medium.instances) == (0, 1), "an object of 32 x 32 px is medium"
    assert (small.map50_95, small.map50, small.interval) == (None, None, None), "nothing to measure is not zero"
    assert medium.map50_95 == 0


@pytest.mark.parametrize(
    ("side", "expected"), [(20.0, 0.5), (60.0, 1.0)], ids=["own size: a false alarm", "another size: ignored"]
)
def test_a_detection_of_nothing_counts_in_its_own_band(side: float, expected: float) -> None:
    box = np.float32([[0, 0, 20, 20]])
    alarm = np.float32([[100, 100, 100 + side, 100 + side]])
    said = Detections(np.concatenate([alarm, box]), np.float32([0.9, 0.8]), np.int64([0, 0]))
    small = by_size([ImageResult("a.png", said, box, np.int64([0]))], NAMES, COCO_BANDS)[0]
    assert small.map50 == pytest.approx(expected)


def test_a_detection_that_claims_a_truth_of_another_size_is_ignored() -> None:
    truth, said = np.float32([[0, 0, 33, 33]]), np.float32([[0, 0, 31, 31]])  # medium, and small itself
    small = np.float32([[200, 200, 220, 220]])
    found = Detections(np.concatenate([said, small]), np.float32([0.9, 0.8]), np.int64([0, 0]))
    result = ImageResult("a.png", found, np.concatenate([truth, small]), np.int64([0, 0]))
    assert by_size([result], NAMES, COCO_BANDS)[0].map50 == pytest.approx(1)


def test_a_truth_of_the_band_is_claimed_before_one_that_fits_better() -> None:
    said, medium = np.float32([[0, 0, 33, 33]]), np.float32([[0, 0, 34, 34]])
    small = np.float32([[0, 0, 31, 31]])
    truths, kinds = np.concatenate([medium, small]), np.int64([0, 0])
    result = ImageResult("a.png", Detections(said, np.float32([0.9]), np.int64([0])), truths, kinds)
    of_small, of_medium, _ = by_size([result], NAMES, COCO_BANDS)
    assert (of_small.map50, of_medium.map50) == (pytest.approx(1), pytest.approx(1))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), weights=st.lists(st.integers(0, 3), min_size=2, max_size=10))
def test_a_weight_is_a_repetition(sample, seed: int, weights: list[int]) -> None:
    results = of_many_sizes(sample, seed, images=len(weights), noise=0.3)
    repeated = [result for result, weight in zip(results, weights, strict=True) for _ in range(weight)]
    for band in COCO_BANDS:
        ours = rank_band(results, NAMES, band)
        again = {ranking.class_id: ranking for ranking in rank_band(repeated, NAMES, band)}
        for ranking in ours:
            found = ranking.average_precision(np.array([weights], np.int32))
            if ranking.class_id in again:
                expected = again[ranking.class_id].average_precision(np.ones((1, len(repeated)), np.int32))
                np.testing.assert_allclose(found, expected, atol=1e-12)
            else:
                assert np.isnan(found).all()


def test_terciles_hold_a_third_each(sample) -> None:
    results = of_many_sizes(sample, 3, images=60)
    counts = [entry.instances for entry in by_size(results, NAMES, terciles(results))]
    assert sum(counts) == sum(len(result.truth_class) for result in results)
    assert max(counts) - min(counts) <= 1
    same = np.float32([0, 0, 9, 9])
    equal = [replace(result, truth_xyxy=result.truth_xyxy * 0 + same, ratio=1.0) for result in results]
    assert [entry.instances for entry in by_size(equal, NAMES, terciles(equal))] == [0, 0, sum(counts)]
    assert terciles([])[1] == Band("middle third", 0.0, 0.0)


def test_intervals_surround_the_scores(sample) -> None:
    results = of_many_sizes(sample, 4, images=40)
    drawn = Resampling.draw(40, resamples=200)
    for entry in by_size(results, NAMES, COCO_BANDS, drawn):
        assert entry.interval.low < entry.map50_95 < entry.interval.high
        plain = entry.to_json()
        assert plain["ci95"] == [entry.interval.low, entry.interval.high]
        assert plain["high"] is None or plain["high"] > plain["low"]


def test_a_class_outside_the_names_is_refused(sample) -> None:
    with pytest.raises(DataError, match="within 0 to 0"):
        rank_band(sample(1), ["only"], ALL)
