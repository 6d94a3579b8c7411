from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yolo_tl
from yolo_tl.boxes import Detections
from yolo_tl.data import Dataset, read_dataset
from yolo_tl.engine.baseline import Baseline, Change, baseline, compare
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult, Interval, evaluate
from yolo_tl.transfer.classes import ClassMatch, match_classes, names_for_load

NAMES = ("disc", "square", "triangle")
PROTOCOL = {"imgsz": 96, "batch": 16, "device": "cpu"}


def start_of(weights: Path, ours: tuple[str, ...], aliases: list[str]) -> tuple[Any, ClassMatch]:
    """The network a run on classes `ours` starts from, and what it knows."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from yolo_tl.engine.checkpoint import load_checkpoint

    source = load_checkpoint(weights)
    match = match_classes(ours, tuple(source.names.values()), aliases)
    torch.manual_seed(0)
    module = DetectionModel(source.yaml, nc=len(ours), verbose=False)
    module.names, source.names = names_for_load(match)
    module.load(source, verbose=False)
    module.names = dict(enumerate(ours))
    return module.eval(), match


def renamed(data: Path, folder: Path, names: tuple[str, ...], *, index: dict[int, int] | None = None) -> Dataset:
    """A copy of a data set under other class names, each class moved to `index`."""
    shutil.copytree(data, folder)
    for label in folder.glob("labels/*/*.txt"):
        rows = [line.split(" ", 1) for line in label.read_text().splitlines()]
        label.write_text("".join(f"{(index or {}).get(int(c), int(c))} {rest}\n" for c, rest in rows))
    yaml = folder / "data.yaml"
    text = yaml.read_text()
    kept = text[: text.index("names:")]
    yaml.write_text(kept + f"names: {list(names)}\n")
    return read_dataset(folder)


@pytest.fixture(scope="module", params=["one-to-many", "nms-free"])
def evaluated(request, learned) -> tuple[str, list[float]]:
    """A head, and what `evaluate` says of the checkpoint through it: overall, then each class."""
    data, weights = learned
    metrics = yolo_tl.evaluate(weights, data, device="cpu", head=request.param).metrics
    assert [entry.name for entry in metrics.per_class] == list(NAMES)
    return request.param, [metrics.map50_95, *(entry.ap50_95 for entry in metrics.per_class)]


def test_it_is_the_score_of_the_weights_where_the_classes_are_the_same(learned, evaluated):
    data, weights = learned
    head, (overall, *each) = evaluated
    module, match = start_of(weights, NAMES, [])
    before = baseline(module, match, read_dataset(data), head=head, **PROTOCOL)
    assert before.map50_95 == pytest.approx(overall, abs=1e-6)
    assert list(before.ap50_95.values()) == pytest.approx(each, abs=1e-6)
    again = compare(before, before.results)
    assert (again.difference, again.worse, again.interval) == (0, False, Interval(0, 0))


def test_new_and_renamed_classes_leave_the_score_of_the_known_ones_as_it_is(learned, evaluated, tmp_path):
    data, weights = learned
    head, (_, disc, square, _) = evaluated
    ours = ("zap", "square", "plate", "triangular")
    dataset = renamed(data, tmp_path / "data", ours, index={0: 2, 2: 3})
    module, match = start_of(weights, ours, ["plate=disc"])
    assert match.known == {1: 1, 2: 0}
    for branch in ("cv3", "one2one_cv3"):
        for parts in getattr(module.model[-1], branch):
            parts[-1].bias.data[[0, 3]] = 9  # would take every place among the detections
            parts[-1].weight.data[[0, 3]] = 1000
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    before = baseline(module, match, dataset, head=head, **PROTOCOL)
    assert before.ap50_95 == pytest.approx({"square": square, "plate": disc}, abs=1e-6)
    assert before.map50_95 == pytest.approx((square + disc) / 2, abs=1e-6)
    assert before.classes == (1, 2)
    for result in before.results:
        assert set(result.detections.class_id) | set(result.truth_class) <= {1, 2}
    assert all(tensor.equal(state[name]) for name, tensor in module.state_dict().items())


def test_there_is_none_where_nothing_known_is_shown(learned, tmp_path):
    data, weights = learned
    module, match = start_of(weights, ("a", "b", "c"), [])
    assert baseline(module, match, read_dataset(data), head="one-to-many", **PROTOCOL) is None
    ours = (*NAMES[1:], "disc", "zap")
    dataset = renamed(data, tmp_path / "data", ours, index={0: 3, 1: 3, 2: 3})
    module, match = start_of(weights, ours, [])
    assert len(match.known) == 3
    assert baseline(module, match, dataset, head="one-to-many", **PROTOCOL) is None


def results(*, hits: float, images: int = 40, seed: int = 0) -> list[ImageResult]:
    """One box of each of three classes an image; a share `hits` of them is found."""
    rng = np.random.default_rng(seed)
    boxes = np.float32([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]])
    kinds = np.arange(3)
    listed = []
    for number in range(images):
        moved = boxes + np.float32(rng.random((3, 1)) > hits) * 100
        found = Detections(moved, rng.random(3).astype(np.float32), kinds)
        listed.append(ImageResult(f"{number}.png", found, boxes, kinds))
    return listed


def test_better_and_worse_are_told_with_an_interval():
    poor, good = results(hits=0.4), results(hits=0.8)
    better = compare(Baseline.of(poor, NAMES, [0, 2]), good[::-1])
    assert not better.worse
    assert 0 < better.interval.low < better.difference < better.interval.high
    assert "+0." in better.describe()
    assert "worse" not in better.describe()
    worse = compare(Baseline.of(good, NAMES, [0, 2]), poor)
    assert worse.worse
    assert worse.difference == -better.difference
    assert worse.interval.low < worse.difference < worse.interval.high < 0
    assert worse.describe().startswith("known classes (disc, triangle): mAP50-95 ")
    assert worse.describe().endswith("; the run ended worse than it began")
    assert worse.to_json()["per_class"].keys() == {"disc", "triangle"}
    assert worse.to_json()["worse"]


def test_only_the_known_classes_count():
    good, poor = results(hits=0.8), results(hits=0.4)
    mixed = [
        ImageResult(a.image, Detections.from_rows(np.vstack([rows(b)[:1], rows(a)[1:]])), a.truth_xyxy, a.truth_class)
        for a, b in zip(good, poor, strict=True)
    ]
    assert evaluate(mixed, NAMES).map50_95 < evaluate(good, NAMES).map50_95
    assert compare(Baseline.of(good, NAMES, [1, 2]), mixed).difference == 0
    assert compare(Baseline.of(good, NAMES, [0]), mixed).worse


def rows(result: ImageResult) -> Any:
    found = result.detections
    return np.column_stack([found.xyxy, found.confidence, found.class_id])


def test_one_image_gives_no_interval_and_other_images_are_refused():
    one = results(hits=1, images=1)
    change = compare(Baseline.of(one, NAMES, [0]), one)
    assert change.interval is None
    assert change.to_json()["ci95"] is None
    assert "[" not in change.describe()
    with pytest.raises(DataError, match="same images"):
        compare(Baseline.of(results(hits=1), NAMES, [0]), [replace(r, image=f"x{r.image}") for r in results(hits=1)])


def test_many_known_classes_are_cut_short():
    listed = {f"kind {i}": (0.1, 0.2) for i in range(10)}
    assert "and 2 more): mAP50-95 0.100 before → 0.200 after (+0.100)" in Change(0.1, 0.2, None, listed).describe()
