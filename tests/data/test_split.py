from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.split import assign_splits, split_in, split_of_folder
from yolo_tl.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017", "train"),
        ("valid", "val"),
        ("Test", "test"),
        ("trainval", "train"),
        ("minival", "val"),
        ("_annotations.coco", None),
        ("contest", None),
    ],
)
def test_split_in_a_name(name: str, split: str | None) -> None:
    assert split_in(name) == split


def test_split_of_the_folder_above() -> None:
    assert split_of_folder("train/images/a.jpg") == "train"
    assert split_of_folder("set/val2017/a.jpg") == "val"
    assert split_of_folder("test.jpg") is None


@given(count=st.integers(1, 200), seed=st.integers(0, 9), order=st.randoms(use_true_random=False))
def test_random_splits_do_not_depend_on_the_order(count: int, seed: int, order: random.Random) -> None:
    keys = [f"{i:03d}.jpg" for i in range(count)]
    splits, _ = assign_splits(keys, [None] * count, ratios=(0.7, 0.2, 0.1), seed=seed)
    mixed = keys.copy()
    order.shuffle(mixed)
    again, _ = assign_splits(mixed, [None] * count, ratios=(0.7, 0.2, 0.1), seed=seed)
    assert dict(zip(keys, splits, strict=True)) == dict(zip(mixed, again, strict=True))
    assert "train" in splits
    if count >= 3:
        assert {"val", "test"} <= set(splits)
    for split, share in (("val", 0.2), ("test", 0.1)):
        assert abs(splits.count(split) - share * count) <= 1


def test_the_draw_is_the_same_on_every_machine() -> None:
    splits, notes = assign_splits([f"{i}" for i in range(10)], [None] * 10, seed=3)
    assert [i for i, split in enumerate(splits) if split == "val"] == [1, 5]
    assert "seed 3" in notes[0]


def test_splits_of_the_source_are_kept_and_a_missing_val_is_carved() -> None:
    keys = [f"{i}" for i in range(12)]
    given_splits = ["train"] * 9 + ["test"] * 2 + [None]
    splits, notes = assign_splits(keys, given_splits)
    assert splits[9:11] == ["test", "test"]
    assert splits.count("val") == 2
    assert any("joined train" in note for note in notes)
    assert any("no val" in note for note in notes)
    whole = ["train", "val", "test"]
    assert assign_splits(["a", "b", "c"], whole)[0] == whole


def test_one_image_stays_in_train() -> None:
    assert assign_splits(["a"], [None])[0] == ["train"]
    assert assign_splits(["a"], ["train"])[0] == ["train"]


@pytest.mark.parametrize("ratios", [(0.8, 0.3, 0.0), (0.0, 1.0, 0.0), (1.2, -0.2, 0.0), (0.5, 0.5)])
def test_ratios_must_be_shares(ratios: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        assign_splits(["a"], [None], ratios=ratios)  # type: ignore[arg-type]


def test_labels_balance_the_draw() -> None:
    labels = [[("rare", 50.0)] if i % 10 == 0 else [("common", 50.0)] for i in range(100)]
    keys = [f"{i:03d}" for i in range(100)]
    splits, notes = assign_splits(keys, [None] * 100, ratios=(0.8, 0.2, 0.0), labels=labels)
    assert splits.count("val") == 20
    assert [splits[i] for i in range(0, 100, 10)].count("val") == 2
    assert "classes and object sizes balanced" in notes[0]
    carved, notes = assign_splits(keys, ["train"] * 90 + ["test"] * 10, labels=labels)
    assert carved[90:] == ["test"] * 10
    assert carved.count("val") == 18
    assert [carved[i] for i in range(0, 90, 10)].count("val") in (1, 2)


def test_groups_stay_together() -> None:
    groups = [f"video {i // 10}" if i < 60 else None for i in range(100)]
    keys = [f"{i:03d}" for i in range(100)]
    splits, notes = assign_splits(keys, [None] * 100, ratios=(0.7, 0.2, 0.1), groups=groups)
    assert all(len({splits[k] for k in range(i, i + 10)}) == 1 for i in range(0, 60, 10))
    assert "groups kept together" in notes[0]
    assert set(splits) == {"train", "val", "test"}


def test_stray_images_join_their_group_and_torn_groups_are_named() -> None:
    given_splits = ["train", "val", "val", None, None, "train"]
    groups = ["a", "b", "b", "b", None, "b"]
    splits, notes = assign_splits([str(i) for i in range(6)], given_splits, groups=groups)
    assert splits == ["train", "val", "val", "train", "train", "train"]  # b is on both sides already
    assert "1 groups of images that belong together are on both sides" in notes[-1]
    splits, notes = assign_splits([str(i) for i in range(5)], given_splits[:5], groups=groups[:5])
    assert splits == ["train", "val", "val", "val", "train"]
    assert "1 of them their group in another split" in notes[1]
