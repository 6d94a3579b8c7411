from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.data.stratify import Objects, stratify


def realistic(images: int, classes: int, seed: int = 0) -> Objects:
    """Long-tailed classes that come in company, one image in ten without any."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random(images) < 0.1, 0, 1 + rng.poisson(5, images))
    owners = np.repeat(np.arange(images), counts)
    shares = 1 / np.arange(1, classes + 1)
    main = rng.choice(classes, images, p=shares / shares.sum())
    mixed = rng.choice(classes, len(owners), p=shares / shares.sum())
    kinds = np.where(rng.random(len(owners)) < 0.5, main[owners], mixed)
    return Objects(owners, kinds, np.exp(rng.normal(8, 2, len(owners))), images, classes)


def keys(count: int) -> list[str]:
    return [f"{i:06d}" for i in range(count)]


def misses(objects: Objects, parts: list[int], shares: tuple[float, ...]) -> np.ndarray:
    """(parts, classes) points by which the share of each class's objects is missed."""
    placed = np.array(parts)[objects.owners]
    total = np.maximum(np.bincount(objects.classes, minlength=objects.class_count), 1)
    return np.abs(
        [
            100 * (np.bincount(objects.classes[placed == p], minlength=objects.class_count) / total - share)
            for p, share in enumerate(shares)
        ]
    )


@pytest.mark.parametrize("shares", [(0.8, 0.2, 0.0), (0.7, 0.2, 0.1), (0.2, 0.2, 0.2, 0.2, 0.2)])
def test_class_shares_are_within_two_points(shares: tuple[float, ...]) -> None:
    objects = realistic(2000, 12)
    parts = stratify(objects, shares, keys=keys(2000), in_order=len(shares) == 3)
    assert misses(objects, parts, shares).max() < 2
    images = np.bincount(parts, minlength=len(shares)) / 2000
    assert np.abs(images - shares).max() < 0.01
    empty = np.bincount(objects.owners, minlength=2000) == 0
    assert np.abs(np.bincount(np.array(parts)[empty], minlength=len(shares)) / empty.sum() - shares).max() < 0.02


def test_many_images_and_classes() -> None:
    objects = realistic(20_000, 40)
    assert misses(objects, stratify(objects, (0.8, 0.1, 0.1), keys=keys(20_000)), (0.8, 0.1, 0.1)).max() < 0.5


def test_a_draw_by_lot_is_much_worse() -> None:
    objects = realistic(400, 8)
    shares = (0.8, 0.2)
    lot = np.random.default_rng(0).permutation(np.repeat([0, 1], [320, 80])).tolist()
    ours = misses(objects, stratify(objects, shares, keys=keys(400)), shares).mean()
    assert ours < misses(objects, lot, shares).mean() / 4


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(count: int, classes: int, seed: int, order) -> None:
    rng = np.random.default_rng(seed)
    labels = [[(f"c{rng.integers(classes)}", 100.0 * k) for k in range(rng.integers(0, 4))] for _ in range(count)]
    groups = [f"g{rng.integers(20)}" if rng.random() < 0.5 else None for _ in range(count)]
    names = keys(count)
    first = stratify(Objects.of(labels), (0.7, 0.2, 0.1), keys=names, groups=groups, seed=seed)
    mixed = list(range(count))
    order.shuffle(mixed)
    again = stratify(
        Objects.of([labels[i] for i in mixed]),
        (0.7, 0.2, 0.1),
        keys=[names[i] for i in mixed],
        groups=[groups[i] for i in mixed],
        seed=seed,
    )
    assert [first[i] for i in mixed] == again
    for group in {g for g in groups if g is not None}:
        assert len({part for part, g in zip(first, groups, strict=True) if g == group}) == 1
    units = len({g if g is not None else i for i, g in enumerate(groups)})
    assert len(set(first)) == min(3, units)


def test_every_class_is_in_val_where_it_can_be() -> None:
    labels = [[("common", 50.0)]] * 100 + [[("rare", 50.0)]] * 2 + [[("single", 50.0)]]
    for seed in range(5):
        parts = stratify(Objects.of(labels), (0.9, 0.1, 0.0), keys=keys(103), seed=seed)
        assert sorted(parts[100:102]) == [0, 1]
        assert parts[102] == 0
        assert 2 not in parts


def test_a_share_of_none_gets_none_and_seeds_differ() -> None:
    labels = [[("a", 50.0)]] * 20
    first = stratify(Objects.of(labels), (0.8, 0.0, 0.2), keys=keys(20), seed=0)
    assert 1 not in first
    assert first.count(2) == 4
    assert first != stratify(Objects.of(labels), (0.8, 0.0, 0.2), keys=keys(20), seed=1)


def test_nothing_and_odd_areas() -> None:
    assert stratify(Objects.of([]), (0.8, 0.2), keys=[]) == []
    labels = [[("a", float("nan")), ("a", -5.0), ("a", 1e300)]] * 10
    assert stratify(Objects.of(labels), (0.8, 0.2), keys=keys(10)).count(1) == 2
