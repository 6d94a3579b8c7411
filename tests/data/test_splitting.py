from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.datasets import dataset
from support.scenes import COPIES, copy, scene, video

from yolo_tl.data.dataset import read_dataset
from yolo_tl.data.splitting import split
from yolo_tl.errors import ConfigError, DataNotFound, UsageError

NAMES = ("common", "often", "rare")


def rows(rng: np.random.Generator) -> list[str]:
    """Up to six boxes of unequal classes; one image in ten is a background."""
    if rng.random() < 0.1:
        return []
    kinds = rng.choice(3, rng.integers(1, 7), p=[0.6, 0.3, 0.1])
    return [f"{kind} 0.5 0.5 {rng.uniform(0.05, 0.9):.3f} {rng.uniform(0.05, 0.9):.3f}" for kind in kinds]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """200 scenes; 30 of them with three copies each, under names that say nothing; 6 videos of 12 frames.

    Also the truth: which original each file comes from. The splits are drawn by lot, so that they leak.
    """
    rng = np.random.default_rng(0)
    images, truth = {}, {}

    def add(picture: np.ndarray, original: str) -> None:
        name = f"{rng.choice(['train', 'val'], p=[0.8, 0.2])}/{rng.integers(1 << 40):010x}.jpg"
        images[name] = (picture, rows(rng))
        truth[Path(name).name] = original

    for i in range(200):
        add(scene(i), f"scene {i}")
        for how in rng.choice(COPIES, 3, replace=False) if i < 30 else ():
            add(copy(scene(i), how, rng), f"scene {i}")
    for v in range(6):
        for frame in video(1000 + v, 12):
            add(frame, f"video {v}")
    return dataset(tmp_path_factory.mktemp("planted") / "data", images, NAMES), truth


def sides(out: Path, truth: dict[str, str]) -> dict[str, set[str]]:
    """The splits that each original is in."""
    found: dict[str, set[str]] = {}
    for name, part in read_dataset(out).splits.items():
        for image in part.images:
            found.setdefault(truth[image.name], set()).add(name)
    return found


def test_planted_copies_and_frames_are_never_on_both_sides(
    planted: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    data, truth = planted
    leaked = [original for original, parts in sides(data, truth).items() if len(parts) > 1]
    assert len(leaked) > 10  # as it was
    report = split(data, tmp_path / "out", ratios=(0.7, 0.2, 0.1), seed=1)
    torn = [original for original, parts in sides(tmp_path / "out", truth).items() if len(parts) > 1]
    assert len(torn) <= 0.05 * 36
    assert report.leaks == 0
    assert report.groups >= 34
    assert report.deviation < 2
    for name in NAMES:
        for part, share in zip(("train", "val", "test"), (0.7, 0.2, 0.1), strict=True):
            assert abs(report.shares[name][part] - share) < 0.02
    before, after = read_dataset(data), read_dataset(tmp_path / "out")
    assert sum(len(s) for s in after.splits.values()) == len(truth)
    assert sum(sum(s.instances) for s in after.splits.values()) == sum(sum(s.instances) for s in before.splits.values())
    assert json.loads((tmp_path / "out" / "split.json").read_text())["leaks"] == 0


def test_without_looking_for_near_duplicates_they_leak(planted: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    data, truth = planted
    report = split(data, tmp_path / "out", near_duplicates=False)
    assert report.near_duplicates is None
    assert sum(len(parts) > 1 for parts in sides(tmp_path / "out", truth).values()) > 10


def test_each_image_is_in_exactly_one_fold(planted: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    data, truth = planted
    report = split(data, tmp_path / "out", folds=4)
    assert report.data == tmp_path / "out" / "fold_0.yaml"
    assert list(report.images) == ["fold 0", "fold 1", "fold 2", "fold 3"]
    assert report.deviation < 2
    seen: Counter[str] = Counter()
    for k in range(4):
        fold = read_dataset(tmp_path / "out" / f"fold_{k}.yaml")
        train, val = ({image.name for image in fold.splits[name].images} for name in ("train", "val"))
        assert not train & val
        assert train | val == set(truth)
        assert not {truth[name] for name in train} & {truth[name] for name in val}
        assert len(val) == report.images[f"fold {k}"]
        seen.update(val)
    assert set(seen.values()) == {1}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    images = {f"train/lot{i % 5}_{i}.jpg": (scene(i), [f"{i % 2} 0.5 0.5 0.2 0.2"]) for i in range(20)}
    images |= {f"test/lot9_{i}.jpg": (scene(i), ["0 0.5 0.5 0.2 0.2"]) for i in range(100, 104)}
    return dataset(tmp_path / "data", images, path=".")


def test_groups_by_name_stay_together(small: Path, tmp_path: Path) -> None:
    split(small, tmp_path / "out", group_by=[r"regex:(lot\d)"])
    lots = {}
    for name, part in read_dataset(tmp_path / "out").splits.items():
        for image in part.images:
            lots.setdefault(image.name[:4], set()).add(name)
    assert all(len(parts) == 1 for parts in lots.values())


def test_a_kept_split_stays_and_draws_its_group_in(small: Path, tmp_path: Path) -> None:
    kept = sorted(p.name for p in (small / "images/test").iterdir())
    report = split(small, tmp_path / "out", keep=["test"])
    assert sorted(p.name for p in (tmp_path / "out/images/test").iterdir()) == kept
    assert report.images == {"train": 16, "val": 4, "test": 4}
    # A copy of a test image in train joins it.
    (small / "images/train/twin.jpg").write_bytes((small / "images/test/lot9_100.jpg").read_bytes())
    (small / "labels/train/twin.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    report = split(small, tmp_path / "again", keep=["test"])
    assert (tmp_path / "again/images/test/twin.jpg").is_file()
    assert report.leaks == 0
    assert any("1 images joined a kept split" in note for note in report.notes)
    folds = split(small, tmp_path / "folds", folds=3, keep=["test"])
    assert folds.images["test"] == 5
    assert len(read_dataset(tmp_path / "folds" / "fold_1.yaml").splits["test"]) == 5


def test_labels_of_any_task_are_copied_as_they_are(tmp_path: Path) -> None:
    row = "0 0.5 0.5 0.2 0.2 0.5 0.5 2 0.4 0.4 1"
    images = {f"train/{i}.jpg": (scene(i), [row]) for i in range(6)}
    data = dataset(
        tmp_path / "data", images, kpt_shape=[2, 3], flip_idx=[1, 0], kpt_names={0: ["l", "r"], 1: ["l", "r"]}
    )
    report = split(data, tmp_path / "out", ratios=(0.5, 0.5, 0.0))
    assert report.images == {"train": 3, "val": 3}
    for label in (tmp_path / "out/labels").rglob("*.txt"):
        assert label.read_text() == row + "\n"
    written = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert written["kpt_shape"] == [2, 3]
    assert written["flip_idx"] == [1, 0]
    assert written["kpt_names"][0] == ["l", "r"]


def test_equal_names_of_several_splits_do_not_collide(tmp_path: Path) -> None:
    images = {f"{part}/same.jpg": (scene(i), [f"{i} 0.5 0.5 0.2 0.2"]) for i, part in enumerate(("train", "val"))}
    images["train/same.png"] = (scene(5), ["0 0.1 0.1 0.1 0.1"])
    data = dataset(tmp_path / "data", images)
    (data / "labels/train/same.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    split(data, tmp_path / "out", ratios=(0.6, 0.4, 0.0))
    out = read_dataset(tmp_path / "out")
    assert sum(len(part) for part in out.splits.values()) == 3
    assert sum(sum(part.instances) for part in out.splits.values()) == 3


def test_a_dry_run_and_a_failure_write_nothing(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert split(small, tmp_path / "out", dry_run=True).images == {"train": 19, "val": 5}
    monkeypatch.setattr("yolo_tl.data.splitting.write_json", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        split(small, tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_links_and_overwriting(small: Path, tmp_path: Path) -> None:
    split(small, tmp_path / "out", link="symlink")
    assert all(os.path.islink(p) for p in (tmp_path / "out/images").rglob("*.jpg"))
    with pytest.raises(UsageError, match="already holds files"):
        split(small, tmp_path / "out")
    assert split(small, tmp_path / "out", overwrite=True).images["val"] == 5
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("x")
    with pytest.raises(UsageError, match="found other files"):
        split(small, tmp_path / "mine", overwrite=True)


def test_one_large_group_is_named(tmp_path: Path) -> None:
    images = {f"train/a_{i}.jpg": (scene(i), ["0 0.5 0.5 0.2 0.2"]) for i in range(10)}
    report = split(dataset(tmp_path / "data", images), tmp_path / "out", group_by=["regex:a"])
    assert report.images == {"train": 10, "val": 0}
    assert any("10 of 10 images" in note for note in report.notes)
    assert any("only 1 groups" in note for note in report.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratios": (0.5, 0.6, 0.0)}, "add up to 1"),
        ({"ratios": (float("nan"), 0.5, 0.5)}, "add up to 1"),
        ({"folds": 1}, "2 or more"),
        ({"folds": 99}, "at most"),
        ({"keep": ["val"]}, "no split 'val'"),
        ({"keep": ["train", "test"]}, "nothing left"),
        ({"keep": ["train"], "folds": 2}, "only test can be kept"),
        ({"group_by": ["moon"]}, "group_by"),
    ],
)
def test_what_makes_no_sense_is_refused(small: Path, tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split(small, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_source_is_safe(small: Path, tmp_path: Path) -> None:
    for out in (small, small / "new", tmp_path):
        with pytest.raises(UsageError):
            split(small, out)
    with pytest.raises(DataNotFound):
        split(tmp_path / "none", tmp_path / "out")
