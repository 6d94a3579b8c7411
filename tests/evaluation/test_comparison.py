from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation import ImageResult, Predictions, evaluate, paired_difference
from yolo_tl.evaluation.bootstrap import Resampling, scores
from yolo_tl.evaluation.comparison import Comparison, Delta, compare, corrected
from yolo_tl.evaluation.paired import Difference
from yolo_tl.evaluation.ranking import rank
from yolo_tl.evaluation.seeds import two_way
from yolo_tl.evaluation.standing import standings

Sampler = Callable[..., list[ImageResult]]
NAMES = ("red", "white", "platelet")
SHAPE = {"images": 30, "truth_seed": 9, "detections": 20}


def said(results: Sequence[ImageResult], model: str = "m", names: tuple[str, ...] = NAMES) -> Predictions:
    return Predictions(tuple(results), names, "val", model, "data.yaml")


@pytest.fixture(scope="module")
def runs(sample: Sampler) -> Callable[..., list[Predictions]]:
    """Runs of one recipe: one for each seed, better with less noise."""

    def made(*seeds: int, noise: float = 0.15) -> list[Predictions]:
        return [said(sample(seed, noise=noise, **SHAPE), f"run{seed}") for seed in seeds]

    return made


def quick(a: list[Predictions], b: list[Predictions], **options: object) -> Comparison:
    return compare(a, b, **{"resamples": 200, **options})  # type: ignore[arg-type]


def test_one_run_of_each_agrees_with_the_paired_difference(runs) -> None:
    a, b = runs(1), runs(2)
    found, plain = quick(a, b), paired_difference(a[0].results, b[0].results, NAMES, resamples=200)
    pairs = [(found.map50_95, plain.map50_95), (found.map50, plain.map50)]
    pairs += [(found.by_class[name], plain.ap50_95[name]) for name in NAMES]
    for ours, theirs in pairs:
        assert ours.observed == theirs.observed
        assert ours.low <= theirs.low, "stretched for the number of images"
        assert ours.high >= theirs.high
    for ours, theirs in pairs[:2]:
        stretch = (ours.high - ours.low) / (theirs.high - theirs.low)
        assert 1.06 < stretch < 1.1  # t / z √(30 / 29), at 29 degrees of freedom or somewhat fewer
    assert found.pairing == "one run each"
    assert "not of what another seed would give" in found.notes[0]


def test_scores_are_the_means_over_the_seeds(runs) -> None:
    a, b = runs(1, 2, 3), runs(4, 5, noise=0.4)
    found = quick(a, b)
    of_a, of_b = ([evaluate(run.results, NAMES) for run in recipe] for recipe in (a, b))
    assert found.seeds_a == pytest.approx([metrics.map50_95 for metrics in of_a])
    assert found.map50_95.a == pytest.approx(np.mean([metrics.map50_95 for metrics in of_a]))
    assert found.map50.b == pytest.approx(np.mean([metrics.map50 for metrics in of_b]))
    white = [metrics.per_class[1].ap50_95 for metrics in of_a]
    assert found.by_class["white"].a == pytest.approx(np.mean(white))
    assert found.map50_95.observed == pytest.approx(found.map50_95.a - found.map50_95.b)
    assert found.pairing == "drawn separately"
    assert "Two runs say little" in found.notes[0]
    assert "Two runs" not in quick(a, runs(6, 7, 8)).notes[0]
    assert "the single run is not in it" in quick(a, runs(6)).notes[0]
    assert found.models == (("run1", "run2", "run3"), ("run4", "run5"))


def test_a_better_recipe_is_better_and_the_other_worse(runs) -> None:
    good, bad = runs(1, 2, 3, noise=0.02), runs(4, 5, 6, noise=0.5)
    forth, back = quick(good, bad), quick(bad, good)
    assert (forth.verdict, back.verdict) == ("better", "worse")
    assert forth.pairing == "paired by position"
    assert forth.map50_95.low == pytest.approx(-back.map50_95.high)
    assert forth.map50_95.p == 2 / 200
    assert forth.describe().startswith("A is better than B: mAP50-95 0.")
    assert "p ≤ 0.01" in forth.describe()
    assert quick(runs(1), runs(2)).verdict == "not distinguishable"


def test_more_seeds_are_seen_in_the_interval(runs) -> None:
    a, b = runs(1), runs(2)
    scattered = [a[0], *runs(3, noise=0.6), *runs(4, noise=0.02)]
    assert quick(scattered, b).detectable > 2 * quick(a, b).detectable


def test_sizes_are_those_of_coco(runs, sample: Sampler) -> None:
    found = quick(runs(1), runs(2))
    assert list(found.by_size) == ["small", "medium", "large"]
    assert found.by_size["large"] is None  # sides are of 20 to 60 px
    assert found.by_size["small"].p is not None
    halved = [[said([replace(r, ratio=0.5) for r in run.results]) for run in runs(seed)] for seed in (1, 2)]
    assert quick(*halved).by_size["large"] is not None


def test_classes_that_are_not_shown_are_not_measurable(sample: Sampler) -> None:
    names = (*NAMES, "rare")
    found = quick([said(sample(1, **SHAPE), "a", names)], [said(sample(2, **SHAPE), "b", names)])
    assert found.by_class["rare"] is None
    assert found.to_json()["by_class"]["rare"] is None
    assert any("Not measurable, because val does not show them: rare." in note for note in found.notes)


def test_a_model_and_itself_are_the_same(runs) -> None:
    found = quick(runs(1, 2), runs(1, 2))
    assert found.identical
    assert found.verdict == "not distinguishable"
    for delta in (found.map50_95, found.map50, *found.by_class.values()):
        assert (delta.observed, delta.low, delta.high, delta.p) == (0, 0, 0, 1)
    assert found.flips == ()
    assert found.describe() == "A and B say exactly the same of every image: no difference"
    assert not quick(runs(1), runs(2)).identical


def test_flips_are_those_of_the_middling_run_at_its_best_threshold(runs) -> None:
    a, b = runs(1, 2, noise=0.1) + runs(3, noise=0.5), runs(4)
    found = quick(a, b)
    middle = np.argsort(found.seeds_a)[1]
    assert found.shown == (middle, 0)
    assert found.thresholds[0] == evaluate(a[middle].results, NAMES).confidence
    assert found.thresholds[1] == evaluate(b[0].results, NAMES).confidence
    changes = [flip.changed for flip in found.flips]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0
    assert quick(a, b, confidence=0.999).flips == ()
    with pytest.raises(UsageError, match="expected a number from 0 to 1"):
        quick(a, b, confidence=25)


def test_one_image_has_no_interval(runs) -> None:
    truth = next(i for i, result in enumerate(runs(1)[0].results) if len(result.truth_class))
    a, b = ([said([run.results[truth]], run.model) for run in runs(seed)] for seed in (1, 2))
    found = compare(a, b)
    assert (found.map50_95.low, found.map50_95.p, found.map50_95.p_holm) == (None, None, None)
    assert found.map50_95.observed == pytest.approx(found.map50_95.a - found.map50_95.b)
    assert (found.verdict, found.detectable, found.resamples) == ("not distinguishable", None, 0)
    assert "no interval" in found.describe()
    assert any("There is no interval" in note for note in found.notes)
    assert json.loads(json.dumps(found.to_json()))["map50_95"]["low"] is None


def test_a_class_that_one_image_shows_has_no_interval(runs) -> None:
    place = next(i for i, result in enumerate(runs(1)[0].results) if len(result.truth_class) > 1)
    a, b = (
        [
            replace(
                run,
                names=(*NAMES, "rare"),
                results=tuple(
                    replace(r, truth_class=np.append(r.truth_class[1:], 3)) if i == place else r
                    for i, r in enumerate(run.results)
                ),
            )
            for run in runs(seed)
        ]
        for seed in (1, 2)
    )
    found = quick(a, b)
    assert found.by_class["rare"].observed is not None
    assert (found.by_class["rare"].low, found.by_class["rare"].p_holm) == (None, None)
    assert found.by_class["white"].low is not None
    assert any(note == "No interval, because one image shows all there is: rare." for note in found.notes)


def test_images_of_one_group_are_drawn_together(runs) -> None:
    a, b = runs(1), runs(2)
    double = [
        [said([*run.results, *(replace(r, image=f"again-{r.image}") for r in run.results)], run.model) for run in pair]
        for pair in (a, b)
    ]
    groups = [*range(30), *range(30)]
    alone, apart, together = quick(a, b), quick(*double), quick(*double, groups=groups)
    assert apart.detectable < 0.85 * alone.detectable, "copies pass for evidence"
    assert together.detectable == pytest.approx(alone.detectable, rel=0.15)
    assert together.groups == 30
    assert "these 60 images in 30 groups" in together.notes[1]
    assert quick(a, b, groups=["one"] * 30).detectable is None
    with pytest.raises(DataError, match="a group for each of 30 images, found 2"):
        quick(a, b, groups=["x", "y"])


def test_the_order_of_the_images_does_not_matter(runs) -> None:
    a, b = runs(1, 2), runs(3, 4)
    turned = [replace(b[0], results=b[0].results[::-1]), b[1]]
    assert quick(a, turned) == quick(a, b)


def test_json_is_plain(runs) -> None:
    found = quick(runs(1, 2), runs(3, 4))
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["verdict"] == found.verdict
    assert plain["detectable"] == found.detectable
    assert plain["by_class"]["white"]["p_holm"] == found.by_class["white"].p_holm
    assert plain["flips"][0]["lost"] == found.flips[0].lost


def test_a_run_given_twice_is_refused(runs) -> None:
    with pytest.raises(DataError, match="the same predictions in run1 and other"):
        quick([*runs(1), replace(runs(1)[0], model="other")], runs(2, 3))
    with pytest.raises(DataError, match="the same predictions in run1 and run1"):
        quick(runs(1, 2), runs(1, 3))


def test_runs_that_find_nothing_are_no_copies(runs) -> None:
    blind = [
        said([replace(r, detections=Detections.empty()) for r in runs(1)[0].results], model) for model in ("x", "y")
    ]
    assert quick(blind, runs(1, 2)).verdict == "worse"


def test_what_cannot_be_compared_is_refused(runs, sample: Sampler) -> None:
    (one,) = runs(1)
    with pytest.raises(DataError, match="the same classes in A and B, found red, white, platelet and a, b, c"):
        quick([one], [replace(one, names=("a", "b", "c"))])
    with pytest.raises(DataError, match=r"the same images in A \(run1\) and B \(run3\), found 1 in one of them only"):
        quick(runs(1, 2), [replace(run, results=run.results[1:]) for run in runs(3)])
    with pytest.raises(DataError, match="expected the same truths in A and B"):
        quick([one], [said(sample(5, images=30, truth_seed=10))])
    with pytest.raises(DataError, match="at least one labelled object"):
        quick([said(sample(1, truths=0))], [said(sample(2, truths=0, truth_seed=1))])
    with pytest.raises(UsageError, match="found none"):
        quick([], [one])
    with pytest.raises(UsageError, match="level between 0 and 1, found 95"):
        quick([one], runs(2), level=95)


def test_holm_steps_down() -> None:
    # As R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") has it.
    found = corrected({"a": 0.01, "b": 0.04, "none": None, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "none": None, "c": 0.06, "d": 0.02})
    assert corrected({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_too_few_resamples_for_many_classes_are_said(runs) -> None:
    names = tuple(f"class {i}" for i in range(12))

    def many(seed: int) -> list[Predictions]:
        (run,) = runs(seed)
        results = [replace(r, truth_class=r.truth_class + 3 * (i % 4)) for i, r in enumerate(run.results)]
        return [replace(run, results=tuple(results), names=names)]

    assert any("cannot fall below" in note for note in quick(many(1), many(2), resamples=100).notes)
    assert not any("cannot fall below" in note for note in quick(runs(1), runs(2)).notes)


def test_models_of_equal_skill_differ_in_at_most_5_percent(sample: Sampler) -> None:
    """By the steps of `compare` that the verdict rests on, because the others take ten times as long."""
    drawn = Resampling.draw(40, resamples=200)
    found = 0
    for i in range(200):
        pair = [sample(1000 + 2 * i + k, truth_seed=i, images=40, detections=8, truths=3) for k in (0, 1)]
        a, b = (scores(rank(results, NAMES), drawn.weights)[None, :1] for results in pair)
        change = two_way(a, b, paired=True, draws=drawn.draws, units=[40], level=0.95, seed=0)[0]
        difference = Difference.of(change[0], change[1:], level=0.95)
        found += difference.low > 0 or difference.high < 0
    assert 0 < found <= 10


def test_standings_are_best_first_with_the_verdict_of_the_first(runs) -> None:
    first, good, same = runs(1, 2), runs(3, 4, noise=0.02), runs(5)
    found = [quick(first, other, called=("first", name)) for name, other in (("same", same), ("good", good))]
    rows = standings(found)
    assert rows[0].name == "good"
    assert (rows[0].first, rows[0].seeds) == ("worse", 2)
    assert rows[0].p_holm == 2 * found[1].map50_95.p
    own = next(row for row in rows if row.name == "first")
    assert (own.first, own.p_holm) == (None, None)
    assert own.spread == pytest.approx(np.std(found[0].seeds_a, ddof=1))
    assert next(row for row in rows if row.name == "same").spread is None
    assert [row.map50_95 for row in rows] == sorted((row.map50_95 for row in rows), reverse=True)


def test_the_verdict_is_where_the_interval_lies() -> None:
    assert Delta(0.5, 0.4, 0.1, 0.01, 0.2).verdict == "better"
    assert Delta(0.4, 0.5, -0.1, -0.2, -0.01).verdict == "worse"
    assert Delta(0.5, 0.4, 0.1, 0.0, 0.2).verdict == "not distinguishable"
    assert Delta(0.5, 0.4, 0.1).verdict == "not distinguishable"
