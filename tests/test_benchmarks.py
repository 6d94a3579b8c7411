"""The fine-tuning benchmark: its data, its records, its verdicts; not its figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.data import read_dataset
from yolo_tl.evaluation import ImageResult, paired_difference
from yolo_tl.presets import presets

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import finetune
from corruptions import CORRUPTIONS, corrupted_copy
from finetuning import estimates, results, table
from finetuning.contestants import contestants
from finetuning.process import Failed, Outcome
from finetuning.results import Results, Run, Scores
from label_subsets import label_subset

NAMES = ("cell", "clot")


def split_of(images: int, skill: float, seed: int = 0) -> list[ImageResult]:
    """Predictions of a made-up detector that finds a share of the objects; the objects depend on no argument."""
    truth, chance = np.random.default_rng(7), np.random.default_rng(seed)
    found = []
    for number in range(images):
        boxes = truth.uniform(0, 200, (4, 2)).astype(np.float32).repeat(2, 0).reshape(-1, 4) + np.float32(
            [0, 0, 20, 20]
        )
        kinds = truth.integers(0, 2, 4)
        hit = chance.random(4) < skill
        guessed = boxes + chance.normal(0, 1.5, boxes.shape).astype(np.float32) + 100 * ~hit[:, None]
        confidence = (0.5 * hit + chance.uniform(0, 0.5, 4)).astype(np.float32)
        found.append(ImageResult(f"/x/{number:03d}.jpg", Detections(guessed, confidence, kinds), boxes, kinds))
    return found


def scores_of(value: float) -> Scores:
    """A score that every resample repeats."""
    draws = np.full(results.RESAMPLES, value * 65_534).round().astype("<u2").tobytes()
    return Scores(value, value, "same images", draws)


def run_of(name: str, *, val: float, cpu: float = 100.0, seed: int = 0, worse: float | None = None, **more) -> Run:
    """A record with made-up figures; `worse` is the score on corrupted images."""
    splits = {"val": val, "test": val} | (dict.fromkeys(CORRUPTIONS, worse) if worse is not None else {})
    common = {"data": "bccd", "fingerprint": "f", "weights": "w.pt", "images": 205, "epochs": 20, "steps": 9}
    config = {"epochs": 20, "imgsz": 320, "threads": 2}
    kept = {"scores": {split: scores_of(value) for split, value in splits.items()}, "versions": {"torch": "2"}}
    return Run(**common | {"config": config} | kept | {"name": name, "seed": seed, "cpu": cpu} | more)


def page_of(folder: Path, *runs: Run) -> str:
    kept = Results(folder / "r.jsonl")
    for run in runs:
        kept.append(run)
    return table.page(Results(folder / "r.jsonl"))


def verdict(page: str, text: str) -> str:
    """The verdict on the one target whose line holds `text`."""
    (line,) = (line for line in page.splitlines() if line.startswith("- target") and text in line)
    return line.split("**")[1]


def test_every_recipe_takes_part_under_a_name_of_its_own():
    listed = contestants()
    assert len({contestant.name for contestant in listed}) == len(listed)
    assert set(presets("train")) <= {contestant.preset for contestant in listed}


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_corrupted_copy_has_other_pixels_and_the_same_labels(sample, tmp_path, kind):
    before = read_dataset(sample).split("val")
    made = corrupted_copy(sample, tmp_path / "a", kind)
    after = read_dataset(made).split("val")
    assert after.class_ids.tolist() == before.class_ids.tolist()
    assert after.boxes.tolist() == before.boxes.tolist()
    assert after.image_index.tolist() == before.image_index.tolist()
    pairs = [(cv2.imread(str(old)), cv2.imread(str(new))) for old, new in zip(before.images, after.images, strict=True)]
    assert all(old.shape == new.shape and (old != new).mean() > 0.3 for old, new in pairs)
    detail = [tuple(cv2.Laplacian(image, cv2.CV_32F).std() for image in pair) for pair in pairs]
    light = [tuple(image.mean() for image in pair) for pair in pairs]
    if kind == "gamma":
        assert all(new < old for old, new in light)
    else:
        assert all(new < old for old, new in detail)
    again = corrupted_copy(sample, tmp_path / "b", kind)
    first, second = (sorted((folder / "images" / "val").iterdir()) for folder in (made, again))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_each_image_has_its_own_fog():
    grey = np.full((60, 80, 3), 90, np.uint8)
    one, other = (CORRUPTIONS["fog"](grey, np.random.default_rng((0, number))) for number in (0, 1))
    assert (one != other).mean() > 0.5


def test_label_subsets_of_one_seed_are_nested_and_keep_val(sample, tmp_path):
    five = label_subset(sample, tmp_path / "5", 5, seed=1)
    ten = label_subset(sample, tmp_path / "10", 10, seed=1)
    assert ten[:5] == five
    assert label_subset(sample, tmp_path / "other", 5, seed=2) != five
    whole, some = read_dataset(sample), read_dataset(tmp_path / "5")
    assert sorted(path.name for path in some.split("train").images) == sorted(five)
    assert sum(some.split("train").instances) > 0, "the labels of the images were not found"
    for name in ("val", "test"):
        assert some.split(name).images == whole.split(name).images
    with pytest.raises(ValueError, match="expected 500 or more training images, found"):
        label_subset(sample, tmp_path / "500", 500, seed=1)


def test_the_kept_resamples_give_the_paired_difference():
    ours, theirs = split_of(30, 0.8), split_of(30, 0.5, seed=1)
    expected = paired_difference(ours, theirs, NAMES).map50_95
    a, b = ({0: run_of("x", val=0, scores={"val": Scores.of(part, NAMES)})} for part in (ours, theirs))
    found = estimates.difference(a, b)
    assert found.value == pytest.approx(expected.observed, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=5e-5)
    assert found.low < found.value < found.high


def test_resamples_without_an_object_are_kept_as_such():
    lone = split_of(1, 1.0)
    empty = [ImageResult(f"/x/e{n}.jpg", Detections.empty(), np.zeros((0, 4)), np.zeros(0, int)) for n in range(2)]
    drawn = Scores.of(lone + empty, NAMES).resampled()
    assert 0.2 < np.isnan(drawn).mean() < 0.4  # (2 / 3) ** 3


def test_seeds_are_pooled_and_paired():
    a = {seed: run_of("a", val=value, seed=seed) for seed, value in ((0, 0.5), (1, 0.7), (2, 0.9))}
    b = {seed: run_of("b", val=value, seed=seed) for seed, value in ((0, 0.4), (1, 0.4))}
    assert estimates.score(a).value == pytest.approx(0.7)
    found = estimates.difference(a, b)
    assert found.by_seed == pytest.approx({0: 0.1, 1: 0.3})
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.2, 0.2), abs=5e-5)
    assert estimates.difference(a, {5: b[0]}) is None


def test_scores_of_other_images_are_not_compared():
    other = Scores(0.5, 0.5, "other images", scores_of(0.5).draws)
    a, b = {0: run_of("a", val=0.5)}, {0: run_of("b", val=0.5, scores={"val": other})}
    with pytest.raises(ValueError, match="the same images"):
        estimates.difference(a, b)


def test_what_a_killed_process_left_does_not_stop_the_next(tmp_path):
    file = tmp_path / "r.jsonl"
    Results(file).append(run_of("B0", val=0.5))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:100])
    kept = Results(file)
    assert [run.name for run in kept.all] == ["B0"]
    kept.append(run_of("B1", val=0.6))
    assert [run.name for run in Results(file).all] == ["B0", "B1"]


def test_only_the_newest_settings_of_a_contestant_count(tmp_path):
    longer = {"config": {"epochs": 30, "imgsz": 320, "threads": 2}}
    old = [run_of("small-data", val=0.1, seed=seed) for seed in (0, 1)]
    kept = Results(tmp_path / "r.jsonl")
    for run in (*old, run_of("B0", val=0.4), run_of("small-data", val=0.6, **longer)):
        kept.append(run)
    found = kept.of("bccd")
    assert {name: list(seeds) for name, seeds in found.items()} == {"B0": [0], "small-data": [0]}
    assert found["small-data"][0].scores["val"].map50_95 == 0.6
    kept.append(run_of("B0", val=0.2, fingerprint="other data"))
    assert list(kept.of("bccd")) == ["B0"]


def test_what_was_not_run_says_so(tmp_path):
    page = page_of(tmp_path, run_of("B0", val=0.46, cpu=350))
    assert "| small-data | not run |" in page
    assert "| B0 | 20 | 9 | 0.460 [0.460, 0.460] |" in page
    assert {line.split("**")[1] for line in page.splitlines() if line.startswith("- target")} == {"not run"}


@pytest.mark.parametrize(("val", "cpu", "expected"), [(0.64, 350, "met"), (0.62, 350, "missed"), (0.64, 351, "missed")])
def test_small_data_has_to_be_good_in_the_time_of_b0(tmp_path, val, cpu, expected):
    page = page_of(tmp_path, run_of("B0", val=0.46, cpu=350), run_of("small-data", val=val, cpu=cpu))
    assert verdict(page, "0.63 val in the CPU-s of B0") == expected


@pytest.mark.parametrize(
    ("base", "val", "cpu", "expected"),
    [
        (0.46, 0.48, 87, "met"),
        (0.46, 0.47, 87, "missed"),  # above B0 as it is, below B0 as it was
        (0.50, 0.49, 87, "missed"),
        (0.46, 0.60, 88, "not run"),  # not short enough to say anything
    ],
)
def test_the_score_of_b0_has_to_be_reached_in_a_quarter(tmp_path, base, val, cpu, expected):
    page = page_of(tmp_path, run_of("B0", val=base, cpu=350), run_of("small-data quarter", val=val, cpu=cpu))
    assert verdict(page, "val score of B0 in at most 25%") == expected


def test_few_labels_need_three_samples_each_in_the_time_of_b0(tmp_path):
    base = run_of("B0", val=0.46, cpu=350)
    name = "small-data on slides 25 labels"
    samples = [run_of(name, val=value, seed=seed) for seed, value in enumerate((0.5, 0.57, 0.64))]
    late = run_of(name, val=0.64, cpu=400, seed=2)
    assert verdict(page_of(tmp_path / "2", base, *samples[:2]), "25 images") == "not run"
    assert verdict(page_of(tmp_path / "3", base, *samples), "25 images") == "met"
    assert verdict(page_of(tmp_path / "late", base, *samples[:2], late), "25 images") == "missed"


def test_one_staged_recipe_has_to_win_at_two_sizes(tmp_path):
    base = [run_of(f"B1 {n} labels", val=0.5, worse=0.3) for n in (25, 50, 100)]

    def recipe(name: str, *gains: tuple[float, float]) -> list[Run]:
        pairs = zip((25, 50, 100), gains, strict=True)
        return [run_of(f"{name} {n} labels", val=0.5 + clean, worse=0.3 + worse) for n, (clean, worse) in pairs]

    lost = recipe("gradual", (0.02, 0), (0, 0), (0, 0)) + recipe("discriminative", (0, 0), (0.02, 0.1), (0, 0))
    won = recipe("lp-ft", (0.02, 0.03), (0.01, 0.01), (0.016, 0.03))
    one = recipe("lp-ft", (0.01, 0.01), (0.01, 0.01), (0.016, 0.03))
    clean, corrupted = "by 0.015 or more", "by 0.02 or more on corrupted val"
    for place, runs, expected in (("won", won, "met"), ("one", one, "missed"), ("some", won[:1], "not run")):
        page = page_of(tmp_path / place, *base, *lost, *runs)
        assert (verdict(page, clean), verdict(page, corrupted)) == (expected, expected)


def test_other_data_are_not_held_to_the_figures_of_bccd(tmp_path):
    runs = [run_of("B0", val=0.46, data="deeppcb"), run_of("small-data", val=0.5, data="deeppcb")]
    page = page_of(tmp_path, *runs)
    assert verdict(page, "small-data beats B0") == "met"
    assert "0.63" not in page
    assert "25 images" not in page


@pytest.fixture
def turns(sample, tmp_path, monkeypatch):
    """The benchmark with made-up trainings: call it with arguments; returns the jobs of that call."""
    jobs = []

    def fake(job, outcome):
        train = read_dataset(job.data).split("train")
        jobs.append((job, len(train), {name: len(read_dataset(d).split("val")) for name, d in job.corrupted.items()}))
        return Outcome(3, 4, 5.0, {"val": scores_of(0.5)}, {"torch": "2"})

    monkeypatch.setattr(finetune, "train", fake)

    def call(*arguments):
        jobs.clear()
        finetune.main([str(sample), "--weights", "yolo26n.yaml", "--results", str(tmp_path / "r.jsonl"), *arguments])
        return list(jobs)

    call.results = lambda: Results(tmp_path / "r.jsonl").all
    return call


def test_contestants_take_turns_and_finished_runs_are_not_repeated(turns):
    asked = ("--only", "B0", "yolo train", "--seeds", "0", "1")
    jobs = turns(*asked)
    assert [(job.preset, job.options["seed"]) for job, *_ in jobs] == [(None, 0), ("plain", 0), ("plain", 1)]
    assert turns(*asked) == []
    (again,) = turns("--only", "B0", "--seeds", "0", "--epochs", "B0=7")
    assert again[0].options["epochs"] == 7
    assert turns("--only", "B?", "--seeds", "0", "--epochs", "B0=7")[0][0].options["nbs"] == 16


def test_label_runs_list_their_images_and_are_scored_on_corrupted_ones(turns, sample, monkeypatch):
    from finetuning.contestants import Contestant

    monkeypatch.setattr(finetune, "contestants", lambda: (Contestant("few", "plain", labels=5, corrupted=True),))
    jobs = turns("--seeds", "0", "1")
    val = len(read_dataset(sample).split("val"))
    assert [(train, worse) for _, train, worse in jobs] == [(5, dict.fromkeys(CORRUPTIONS, val))] * 2
    first, second = turns.results()
    assert len(first.labels) == first.images == 5
    assert first.labels != second.labels
    assert {name for run in (first, second) for name in run.labels} <= {
        path.name for path in read_dataset(sample).split("train").images
    }


def test_a_failed_training_is_no_result_and_stops_nobody(turns, monkeypatch, capsys):
    works = finetune.train

    def fails_for_b0(job, outcome):
        if "nbs" not in job.options:
            raise Failed("out of luck")
        return works(job, outcome)

    monkeypatch.setattr(finetune, "train", fails_for_b0)
    with pytest.raises(SystemExit, match="failed: data, B0, seed 0"):
        turns("--only", "B0", "B1", "--seeds", "0")
    assert "out of luck" in capsys.readouterr().out
    assert [run.name for run in turns.results()] == ["B1"]


@pytest.mark.parametrize("wrong", [("--only", "B7"), ("--epochs", "B7=3"), ("--epochs", "B0")])
def test_names_that_nobody_has_are_refused(turns, wrong):
    with pytest.raises(SystemExit, match=wrong[0]):
        turns(*wrong)


@pytest.mark.slow
def test_a_real_training_leaves_a_line_and_a_table(sample, tmp_path):
    kept = tmp_path / "r.jsonl"
    arguments = ["--weights", "yolo26n.yaml", "--imgsz", "64", "--threads", "1", "--seeds", "0", "--results", str(kept)]
    finetune.main([str(sample), *arguments, "--only", "yolo train", "B0", "--epochs", "yolo train=1", "B0=1"])
    theirs, ours = Results(kept).all
    assert (ours.epochs, ours.images) == (1, 17)
    assert ours.cpu > 0
    assert set(ours.scores) == {"val", "test"}
    assert ours.scores["val"].images == theirs.scores["val"].images
    assert json.loads(kept.read_text().splitlines()[0])["name"] == "yolo train"
    assert "### All training images" in kept.with_suffix(".md").read_text()
