"""Each level breaks alone when it should, and none where nothing differs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import grey_images, raw, scripted

from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.errors import ExportError, ParityError
from yolo_tl.exporting.gate import Rule, Sample, Samples, judge, judge_all

BOXES = ((16, 16, 8, 8), (40, 40, 10, 10), (50, 10, 8, 8))
SCORES = ((0.9, 0.1), (0.2, 0.6), (0.01, 0.02))
OUTPUT = raw(BOXES, SCORES)
FREE = {"tensor_box": None, "tensor_score": None, "box": None, "score": None, "flips": None, "map_loss": None}


def changed(row: int, column: int, value: float) -> np.ndarray:
    """`OUTPUT` with one number in place of another: row 0 to 3 of a box, 4 and 5 the scores; column of an anchor."""
    other = OUTPUT.copy()
    other[row, column] = value
    return other


def broken(result) -> set[str]:
    return {failure.limit for failure in result.failures}


def test_a_model_agrees_with_itself(run, labelled):
    result = run(OUTPUT, OUTPUT, on=labelled)
    assert result.passed
    assert result.stages == ()
    assert (result.tensors.box, result.tensors.score, result.tensors.missing_rows) == (0, 0, 0)
    assert (result.matched.detections, result.matched.unmatched, result.matched.box, result.matched.score) == (
        12, 0, 0, 0,
    )  # fmt: skip
    assert (result.share.flipped, result.share.units, result.flips) == (0, 6, ())
    assert (result.scores.a, result.scores.loss, result.scores.high) == (pytest.approx(0.995), 0, 0)
    assert "agrees with the checkpoint on 6 images, 0 flipped" in result.describe()
    result.require_passed()


@pytest.mark.parametrize(
    ("other", "limits", "breaks"),
    [
        # Level 1: an anchor whose scores nobody looks at.
        (changed(0, 2, 50.2), {}, {"tensor_box"}),
        (changed(4, 2, 0.012), {}, {"tensor_score"}),
        # Level 2, where outputs are not judged.
        (changed(0, 0, 16.1), {"tensor_box": None}, {"box"}),
        (changed(4, 0, 0.91), {"tensor_score": None}, {"score"}),
        # Level 3: a score falls below the threshold, by no more than scores may differ.
        (changed(5, 1, 0.24), {"tensor_score": 0.5, "score": 0.5}, {"flips"}),
        # Level 4: the box loses what is true, and nothing else is judged.
        (changed(0, 1, 46), {**FREE, "map_loss": 0.001}, {"map_loss"}),
    ],
)
def test_each_level_breaks_alone(run, labelled, other, limits, breaks):
    assert broken(run(OUTPUT, other, on=labelled, limits=limits)) == breaks
    assert run(OUTPUT, other, on=labelled, limits=FREE).passed


def test_a_detection_that_only_one_has_breaks_two_levels(run):
    result = run(OUTPUT, changed(5, 1, 0.2), limits={"tensor_score": None})
    assert broken(result) == {"unmatched", "flips"}
    assert result.matched.unmatched == 6
    assert (result.flips[0].a, result.flips[0].b) == ({"b": 1}, {"b": 0})
    assert result.culprits == ("engine",)
    assert "DISAGREES" in result.describe()
    with pytest.raises(ParityError, match="share of images that flip: 1"):
        result.require_passed()


def test_only_the_images_that_flip_are_named(run):
    result = run([OUTPUT] * 6, [OUTPUT] * 2 + [changed(5, 1, 0.2)] + [OUTPUT] * 3)
    assert [flip.image.name for flip in result.flips] == ["2.png"]
    assert (result.share.flipped, result.share.units) == (1, 6)
    assert result.share.low < 1 / 6 < result.share.high


def test_rounding_across_the_threshold_is_no_flip(run):
    a, b = changed(5, 1, 0.2504), changed(5, 1, 0.2496)
    result = run(a, b)
    assert result.passed
    assert (result.share.flipped, result.at_threshold, result.matched.unmatched) == (0, 6, 0)
    assert run(b, a).at_threshold == 6
    beyond = run(a, changed(5, 1, 0.2480), limits={"tensor_score": None})
    assert (beyond.share.flipped, beyond.at_threshold) == (6, 0)


def test_a_full_list_hides_nothing_that_rounding_decides(run):
    """Two of class b that do not count, but nearly, have better scores than the one of class a that does."""
    own = Thresholds(0.25, max_det=2, by_class=((1, 0.8),))
    boxes, strong = ((16, 16, 8, 8), (40, 40, 10, 10), (50, 10, 8, 8)), [(0, 0.79), (0, 0.78)]
    a, b = (raw(boxes, [(score, 0), *strong]) for score in (0.2504, 0.2496))
    result = run(a, b, thresholds=own)
    assert (result.share.flipped, result.at_threshold, result.matched.detections) == (0, 6, 6)


def test_each_class_has_its_threshold(run):
    """0.6 is below the threshold of class b: only what crosses that flips."""
    own = Thresholds(0.25, by_class=((1, 0.8),))
    limits = {"tensor_score": None, "score": None}
    assert run(changed(5, 1, 0.5), changed(5, 1, 0.2), thresholds=own, limits=limits).share.flipped == 0
    assert run(changed(5, 1, 0.85), changed(5, 1, 0.75), thresholds=own, limits=limits).share.flipped == 6
    assert run(changed(5, 1, 0.85), changed(5, 1, 0.75), limits=limits).share.flipped == 0


def test_two_that_count_alike_may_find_different_things(run):
    """One object less of a and one more of b is a flip; the same class elsewhere is none, but is not matched."""
    result = run(OUTPUT, raw(BOXES, ((0.1, 0.9), SCORES[1], SCORES[2])))
    assert result.flips[0].a == {"a": 1, "b": 1}
    assert result.flips[0].b == {"a": 0, "b": 2}
    assert result.flips[0].changed == 2
    moved = run(OUTPUT, changed(0, 0, 40))
    assert (moved.share.flipped, moved.matched.unmatched) == (0, 12)
    assert broken(moved) == {"tensor_box", "unmatched"}


def test_swapped_class_names_are_found(run):
    result = run(OUTPUT, OUTPUT, names=("a", "b"), other={"names": ("b", "a")})
    assert result.culprits == ("postprocess",)
    assert (result.tensors.box, result.tensors.score) == (0, 0)
    assert result.matched.unmatched == 24
    assert any("class names differ" in note for note in result.notes)
    # The same network with its classes in another order says the same, and its outputs do not.
    reordered = OUTPUT[[0, 1, 2, 3, 5, 4]]
    result = run(OUTPUT, reordered, names=("a", "b"), other={"names": ("b", "a")})
    assert (result.share.flipped, result.matched.unmatched) == (0, 0)
    assert broken(result) == {"tensor_score"}


def test_a_threshold_is_of_a_class_and_not_of_a_number(run):
    own = Thresholds(0.25, by_class=((1, 0.7),))
    reordered = OUTPUT[[0, 1, 2, 3, 5, 4]]
    result = run(OUTPUT, reordered, thresholds=own, names=("a", "b"), other={"names": ("b", "a")})
    assert (result.matched.detections, result.share.flipped, result.matched.unmatched) == (6, 0, 0)


def test_reordered_rows_of_a_head_that_chooses_are_the_same_set(run):
    rows = np.array([[1, 1, 9, 9, 0.8, 0], [20, 20, 30, 30, 0.8, 1], [0, 0, 1, 1, 0.01, 1]], np.float32)
    assert run(rows, rows[[1, 0, 2]], head="nms-free").passed
    lost = run(rows, rows[[1, 1, 2]], head="nms-free")
    assert {"missing_rows", "unmatched", "flips"} <= broken(lost)
    low = rows * np.float32([1, 1, 1, 1, 0.01, 1])
    assert not run(low, low + np.float32([0.2, 0, 0, 0, 0, 0]), head="nms-free").passed


def test_heads_of_two_kinds_are_compared_by_what_they_find(run):
    rows = np.array([[12, 12, 20, 20, 0.9, 0], [35, 35, 45, 45, 0.6, 1], [0, 0, 0, 0, 0, 0]], np.float32)
    result = run(OUTPUT, rows, other={"head": "nms-free"})
    assert result.passed
    assert "heads raw and nms-free" in result.tensors.reason
    wrong = run(OUTPUT, rows[[0, 2]], other={"head": "nms-free"})
    assert wrong.culprits == ("postprocess",)
    assert broken(wrong) == {"unmatched", "flips"}


def test_nms_inside_a_graph_is_scored_from_its_own_threshold_on(run, labelled):
    """The raw head finds more below the threshold; that must not count against the other."""
    rows = np.array([[12, 12, 20, 20, 0.9, 0], [35, 35, 45, 45, 0.6, 1], [0, 0, 0, 0, 0, 0]], np.float32)
    missed = replace(
        labelled,
        images=tuple(
            Sample(one.image, ("a", "b", "b"), np.concatenate([one.boxes, [[46 / 64, 6 / 64, 54 / 64, 14 / 64]]]))
            for one in labelled.images
        ),
    )
    result = run(OUTPUT, rows, other={"head": "nms"}, on=missed)
    assert result.passed
    assert (result.scores.loss, result.scores.note[:28]) == (0, "counted from confidence 0.25")
    assert run(OUTPUT, rows, other={"head": "nms-free"}, on=missed).scores.loss > 0


def test_nothing_to_compare_proves_nothing(run):
    none = np.zeros((3, 6), np.float32)
    with pytest.raises(ExportError, match="nothing to compare"):
        run(raw(BOXES, ((0.1, 0), (0, 0.1), (0, 0))), none, other={"head": "nms"})


def test_what_answers_another_question_is_refused(run):
    with pytest.raises(ExportError, match="models of one task"):
        run(OUTPUT, np.float32([0.2, 0.8]), other={"task": "classify"})


def test_numbers_that_are_none_are_within_no_limit(run):
    result = run(OUTPUT, changed(0, 2, np.nan))
    assert broken(result) == {"tensor_box"}
    assert result.culprits == ("engine",)
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert told["failures"] == [{"limit": "tensor_box", "found": None, "allowed": 0.05}]


def test_margins_are_counted_by_their_distance_from_the_threshold(run):
    result = run(changed(5, 1, 0.27), changed(5, 1, 0.23), limits=FREE)
    edges = np.array(result.margins.edges)
    assert sum(result.margins.a) == sum(result.margins.b) == 6
    assert edges[np.argmax(result.margins.a)] <= 0.02 < edges[np.argmax(result.margins.a) + 1] + 1e-9
    assert edges[np.argmax(result.margins.b)] <= -0.02 + 1e-9


def test_without_labels_there_is_no_score(run, samples, labelled):
    assert run(OUTPUT, OUTPUT).scores.reason == "nobody says"
    one = replace(labelled, images=labelled.images[:1])
    assert "two or more images" in run(OUTPUT, OUTPUT, on=one).scores.reason


def test_classes_that_no_model_knows_are_left_out(run, samples):
    boxes = np.array([[12, 12, 20, 20]]) / 64
    images = tuple(Sample(s.image, ("a" if i else "z",), boxes) for i, s in enumerate(samples.images))
    result = run(OUTPUT, OUTPUT, on=Samples(samples.data, samples.root, "val", images))
    assert result.scores.a > 0.8
    assert any("no model knows were left out: z" in note for note in result.notes)


@pytest.mark.parametrize(("parts", "units"), [({}, 6), ({f"{i}.png": str(i // 3) for i in range(6)}, 2)])
def test_what_a_line_would_reject(run, samples, parts, units):
    """Only class b is inspected: of the first image it is lost, and another one of class a is of no interest."""
    rule = Rule(("b",), {s.image: parts.get(s.image.name) for s in samples.images} if parts else {})
    lost = changed(5, 1, 0.2)
    seen = run([OUTPUT] * 6, [lost] + [OUTPUT] * 5, rule=rule, limits=FREE)
    assert (seen.verdicts.flipped, seen.verdicts.units) == (0 if parts else 1, units)
    seen = run([OUTPUT] * 6, [lost] * 3 + [OUTPUT] * 3, rule=rule, limits=FREE)
    assert (seen.verdicts.flipped, seen.verdicts.units) == (1 if parts else 3, units)
    seen = run([OUTPUT] * 6, [OUTPUT] * 5 + [lost], rule=rule, limits=FREE)
    assert seen.verdicts.flipped == (0 if parts else 1)
    seen = run(OUTPUT, changed(4, 0, 0.2), rule=rule, limits=FREE)
    assert (seen.share.flipped, seen.verdicts.flipped) == (6, 0)
    just = run(changed(5, 1, 0.2504), changed(5, 1, 0.2496), rule=rule)
    assert just.verdicts.flipped == 0


def test_probabilities_are_compared_by_class(run, samples):
    names = ("cat", "dog", "fox")
    shown = replace(samples, images=tuple(Sample(s.image, ("dog",)) for s in samples.images), unlabelled="")
    options = {"task": "classify", "names": names, "on": shown}
    first = np.float32([0.3, 0.6, 0.1])
    result = run(first, first, **options)
    assert result.passed
    assert (result.scores.metric, result.scores.a, result.scores.b) == ("accuracy", 1.0, 1.0)
    result = run(first, np.float32([0.29, 0.61, 0.1]), **options)
    assert broken(result) == {"tensor_score", "score"}
    assert result.matched.score == pytest.approx(0.01, rel=1e-4)
    result = run([first] * 6, [np.float32([0.5, 0.4, 0.1])] + [first] * 5, **options)
    assert broken(result) == {"tensor_score", "score", "flips", "map_loss"}
    assert (result.flips[0].a, result.flips[0].b) == ({"dog": 1}, {"cat": 1})
    assert result.scores.loss == pytest.approx(1 / 6)
    assert result.scores.low <= result.scores.loss <= result.scores.high
    result = run(first, first, **options, other={"names": ("dog", "cat", "fox")})
    assert result.culprits == ("postprocess",)
    near = run(np.float32([0.4501, 0.4499, 0.1]), np.float32([0.4499, 0.4501, 0.1]), **options)
    assert (near.share.flipped, near.at_threshold) == (0, 6)


def test_several_are_judged_as_each_alone(samples):
    pipelines = [
        scripted([OUTPUT]),
        scripted([changed(0, 0, 16.1)]),
        scripted([OUTPUT[[0, 1, 2, 3, 5, 4]]], names="ba"),
    ]
    terms = {"limits": GateLimits(), "thresholds": Thresholds()}
    together = judge_all(pipelines[0], pipelines[1:], samples, called=("r", "x", "y"), **terms)
    for pipeline, name, one in zip(pipelines[1:], "xy", together, strict=True):
        assert judge(pipelines[0], pipeline, samples, called=("r", name), **terms) == one


def test_a_fixed_batch_changes_nothing(samples):
    outputs = [OUTPUT, changed(5, 1, 0.2), OUTPUT, changed(0, 0, 16.1), OUTPUT, OUTPUT]
    terms = {"limits": GateLimits(), "thresholds": Thresholds()}
    alone = judge(scripted([OUTPUT]), scripted(outputs), samples, **terms)
    batched = judge(scripted([OUTPUT]), scripted(outputs, batch=4), samples, **terms)
    assert batched == alone


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Samples:
    folder = tmp_path_factory.mktemp("images")
    return Samples(folder, folder, "", tuple(map(Sample, grey_images(folder, 3))), "nobody says")


@st.composite
def outputs(draw, anchors: int = 8) -> list[np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return [
        raw(
            np.column_stack([rng.uniform(5, 59, (anchors, 2)), rng.uniform(2, 20, (anchors, 2))]),
            rng.uniform(0, 1, (anchors, 2)),
        )
        for _ in range(3)
    ]


@settings(max_examples=30)
@given(outputs(), outputs())
def test_flips_do_not_depend_on_who_is_the_reference(three, a, b):
    terms = {"limits": GateLimits(**FREE), "thresholds": Thresholds(0.5)}
    first = judge(scripted(a), scripted(b), three, **terms)
    second = judge(scripted(b), scripted(a), three, **terms)
    assert first.share == second.share
    assert first.at_threshold == second.at_threshold
    assert {flip.image: (flip.a, flip.b) for flip in first.flips} == {f.image: (f.b, f.a) for f in second.flips}
    assert first.tensors == second.tensors
    assert first.matched.unmatched == second.matched.unmatched
    assert (first.margins.a, first.margins.b) == (second.margins.b, second.margins.a)


@settings(max_examples=30)
@given(outputs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_says_nothing(three, a, random):
    """Of a head that chooses its rows; equal scores, as rounding makes them, included."""
    rows = []
    for one in a:
        corners = np.concatenate([one[:2] - one[2:4] / 2, one[:2] + one[2:4] / 2]).T
        rows.append(np.column_stack([corners, one[4].round(1), one[5] > 0.5]).astype(np.float32))
    order = list(range(len(rows[0])))
    random.shuffle(order)
    terms = {"limits": GateLimits(), "thresholds": Thresholds(0.45)}
    result = judge(
        scripted(rows, head="nms-free"), scripted([one[order] for one in rows], head="nms-free"), three, **terms
    )
    assert result.passed
    assert (result.tensors.box, result.tensors.score, result.matched.box, result.matched.score) == (0, 0, 0, 0)
