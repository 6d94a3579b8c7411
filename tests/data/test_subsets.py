from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.dataset import Split, read_dataset
from yolo_tl.data.subsets import nested_order, write_subset

IMAGES = st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=60)


def split_of(images: list[list[int]]) -> Split:
    """Images that show these classes, of four."""
    owners = np.array([i for i, kinds in enumerate(images) for _ in kinds], np.int64)
    ids = np.array([kind for kinds in images for kind in kinds], np.int64)
    paths = tuple(Path(f"{i:03d}.jpg") for i in range(len(images)))
    return Split("train", paths, paths, ids, np.zeros((len(ids), 4)), owners, 4)


@given(IMAGES, st.integers(0, 5))
def test_an_order_holds_each_image_once_and_is_always_the_same(images: list[list[int]], seed: int) -> None:
    split = split_of(images)
    order = nested_order(split, seed=seed)
    assert sorted(order.tolist()) == list(range(len(images)))
    assert nested_order(split, seed=seed).tolist() == order.tolist()


@given(IMAGES, st.integers(0, 5))
def test_the_first_images_show_every_class(images: list[list[int]], seed: int) -> None:
    present = {kind for kinds in images for kind in kinds}
    first = nested_order(split_of(images), seed=seed)[: len(present)]
    assert {kind for i in first for kind in images[i]} == present


def test_every_beginning_is_a_small_copy_of_the_whole() -> None:
    images = [[0]] * 100 + [[0, 1]] * 50 + [[2]] * 10 + [[]] * 40
    kinds = np.repeat([0, 1, 2, 3], [100, 50, 10, 40])
    for seed in range(5):
        order = nested_order(split_of(images), seed=seed)
        for count in (20, 50, 100):
            found = np.bincount(kinds[order[:count]], minlength=4)
            assert abs(found - count * np.array([0.5, 0.25, 0.05, 0.2])).max() <= 2


def test_other_seeds_draw_other_images() -> None:
    split = split_of([[0]] * 200)
    one, other = (set(nested_order(split, seed=seed)[:50].tolist()) for seed in (0, 1))
    assert len(one & other) < 25


def test_a_subset_trains_on_its_images_and_keeps_the_others(sample: Path, tmp_path: Path) -> None:
    whole = read_dataset(sample)
    chosen = whole.split("train").images[3:8]
    before = {path: path.stat().st_mtime_ns for path in sample.rglob("*")}
    some = read_dataset(write_subset(whole, tmp_path / "new" / "five", chosen))
    assert some.split("train").images == tuple(chosen)
    assert sum(some.split("train").instances) > 0, "the labels of the images were not found"
    assert some.names == whole.names
    for name in ("val", "test"):
        assert some.split(name).images == whole.split(name).images
    assert {path: path.stat().st_mtime_ns for path in sample.rglob("*")} == before


def test_names_that_are_no_unicode_are_kept(sample: Path, tmp_path: Path) -> None:
    strange = Path(os.fsdecode(b"/x/images/\xff.jpg"))
    write_subset(read_dataset(sample), tmp_path, [strange])
    assert (tmp_path / "train.txt").read_bytes() == b"/x/images/\xff.jpg\n"
