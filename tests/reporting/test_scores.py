"""Scores, confusion and calibration as sections: their numbers are those of the evaluation, drawn with intervals."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from support.html import read

from yolo_tl.api.scores import of_predictions
from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.calibration import calibration
from yolo_tl.evaluation.confusion import confusion
from yolo_tl.reporting.bars import difference_bar, reach_of, score_bar
from yolo_tl.reporting.calibration_plot import calibration_plot
from yolo_tl.reporting.confusion_matrix import confusion_matrix
from yolo_tl.reporting.scores import operating, scores, sizes


@pytest.fixture(scope="module")
def drawn(predictions) -> Resampling:
    return Resampling.draw(len(predictions.results), resamples=100)


@pytest.fixture(scope="module")
def metrics(predictions) -> dict:
    """What ``metrics.json`` holds."""
    plain: dict = json.loads(json.dumps(of_predictions(predictions, resamples=100).to_json()))
    return plain


def test_scores_by_class_with_intervals(metrics):
    text = read(scores(metrics, {"disc": 1234})).text
    for name, row in metrics["per_class"].items():
        figures = " ".join(f"{row[key]:.3f}" for key in ("precision", "recall", "ap50", "ap50_95"))
        count = "1,234" if name == "disc" else "–"
        assert f"{name} {count} {row['instances']} {figures} {row['ci95'][0]:.3f} to {row['ci95'][1]:.3f}" in text
    assert f"above {metrics['detectable']:.3f} to another model" in text


def test_what_cannot_be_measured_is_said(metrics):
    row = next(iter(metrics["per_class"].values()))
    told = {
        **metrics,
        "ci95": None,
        "per_class": {"disc": {**row, "ci95": None}},
        "without_interval": "no interval: one image says nothing about the next",
        "not_measurable": ["square", "triangle"],
        "detectable": None,
        "trained_on": ["a.png", "b.png"],
    }
    text = read(scores(told, {})).text
    assert text.count("not measurable") == 2  # of the class and of all
    assert "There is no interval: one image says nothing about the next." in text
    assert "no image of train shows them: square, triangle." in text
    assert "Of train, 2 images are in train, too, such as a.png." in text


def test_sizes(metrics):
    text = read(sizes(metrics)).text
    small, large = metrics["sizes"]["small"], metrics["sizes"]["large"]
    assert (
        f"small 0² to 32² px {small['images']} {small['instances']} {small['map50']:.3f} {small['map50_95']:.3f} "
        f"{small['ci95'][0]:.3f} to {small['ci95'][1]:.3f}"
    ) in text
    assert large["map50_95"] is None
    assert "large from 96² px 0 0 – – not measurable" in text
    for name in metrics["terciles"]:
        assert name in text
    assert sizes({}) == ""


def test_precision_and_recall_have_intervals(metrics):
    point = metrics["operating"]
    text = read(operating(metrics)).text
    assert f"above confidence {point['confidence']:.3f}" in text
    for name, rates in [*point["per_class"].items(), ("all", point)]:
        precision, recall = rates["ci95"]["precision"], rates["ci95"]["recall"]
        assert (
            f"{name} {rates['precision']:.3f} {precision[0]:.3f} to {precision[1]:.3f} "
            f"{rates['recall']:.3f} {recall[0]:.3f} to {recall[1]:.3f}"
        ) in text
    assert operating({}) == ""


def test_the_matrix_is_that_of_the_evaluation(predictions):
    results, names = predictions.results, predictions.names
    matrix = confusion(results, names, 0.3)
    order = np.argsort(-matrix[:, :-1].sum(0), kind="stable").tolist()
    text = read(confusion_matrix(matrix.tolist(), names, 0.3)).text
    for i in order:
        row = " ".join(str(matrix[i, j]) for j in [*order, len(names)])
        assert f"{names[i]} {row}" in text
    assert "missed " + " ".join(str(matrix[-1, j]) for j in order) + " –" in text


def test_of_many_classes_the_rest_is_one(predictions, monkeypatch):
    monkeypatch.setattr("yolo_tl.reporting.confusion_matrix._SHOWN", 1)
    results, names = predictions.results, predictions.names
    matrix = confusion(results, names, 0.3)
    most = int(matrix[:, :-1].sum(0).argmax())
    rest = [i for i in range(3) if i != most]
    text = read(confusion_matrix(matrix.tolist(), names, 0.3)).text
    counts = matrix[np.ix_(rest, [most])].sum(), matrix[np.ix_(rest, rest)].sum(), matrix[rest, 3].sum()
    assert f"2 other classes {counts[0]} {counts[1]} {counts[2]}" in text


def test_calibration_by_bins(predictions, drawn):
    found = calibration(predictions.results, drawn)
    markup = calibration_plot(predictions.results, drawn)
    text = read(markup).text
    assert f"Mean distance of the bins {found.ece:.3f} (ECE, 95 % interval" in text
    assert f"confidence less precision {found.gap:+.3f}, 95 % interval {found.gap_interval.low:+.3f}" in text
    for one in found.bins:
        if one.confidence is not None:
            assert f"{one.count} {one.confidence:.3f} {one.precision:.3f}" in text
            assert f'd="M{one.confidence:.4f} {one.precision:.4f}h0"' in markup
    assert markup.count('class="whisker"') >= 5
    assert 'class="whisker"' not in calibration_plot(predictions.results, None)


@pytest.mark.parametrize(("truth", "words"), [(0, "too sure of itself"), (1, "surer than it says")])
def test_too_sure_or_too_modest(truth, words):
    box = np.float32([[0, 0, 9, 9]])
    results = [
        ImageResult(
            f"{i}.png",
            Detections(box, np.float32([0.5 + 0.01 * i]), np.int64([0])),
            np.repeat(box, truth, 0),
            np.zeros(truth, np.int64),
        )
        for i in range(20)
    ]
    markup = calibration_plot(results, Resampling.draw(20, resamples=100))
    assert words in markup


def test_nothing_said_has_no_calibration(predictions):
    assert calibration_plot([], None) == ""


def test_bars_are_as_long_as_they_say():
    bar = score_bar(0.5, (0.25, 0.75), before=0.1)
    assert 'width="50.0"' in bar
    assert 'd="M25.0 7H75.0' in bar
    assert 'd="M10.0 1V13"' in bar
    assert "not measurable" in score_bar(0.5, None)


@pytest.mark.parametrize(
    ("interval", "tone"), [((0.1, 0.3), "above"), ((-0.1, 0.3), "level"), ((-0.3, -0.1), "below"), (None, "level")]
)
def test_a_difference_is_coloured_where_zero_is_outside(interval, tone):
    assert f'class="{tone}"' in difference_bar(0.1, interval, 0.5)


def test_differences_are_around_the_middle():
    bar = difference_bar(0.1, (0.05, 0.2), 0.2)
    assert re.search(r'class="dot" d="M75.0 7h0"', bar)
    assert 'd="M62.5 7H99.5' in bar  # never outside of the drawing
    assert "not measurable" in difference_bar(None, None, 1.0)
    assert reach_of([(-0.4, 0.1), None]) == pytest.approx(0.42)
    assert reach_of([]) > 0
