"""Splits with the same mixture of classes, object sizes and backgrounds on every side.

Images may hold several classes, so no draw by class is possible. Instead each unit (an image,
or a group of them that stays together) goes where its objects are missed most: first the units
with the rarest classes, last those that are easy to place. Then single units are moved as long
as that helps.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Areas in px² at which COCO's small, medium and large objects part.
SIZE_EDGES = (32.0**2, 96.0**2)

_IMAGE_WEIGHT = 4.0  # of the number of images, beside 1 for the objects of each class
_SIZE_WEIGHT = 0.25  # of the objects of each class and size
_MOVES = 2_000
_WORK = 100_000_000  # products that all moves together may cost


@dataclass(frozen=True, eq=False)
class Objects:
    """The M labelled objects of N images: what is balanced.

    Attributes:
        owners: (M,) the image of each, 0 to N - 1.
        classes: (M,) its class, 0 to C - 1.
        areas: (M,) px².
        images: N.
        class_count: C.
    """

    owners: NDArray[np.int64]
    classes: NDArray[np.int64]
    areas: NDArray[np.float64]
    images: int
    class_count: int

    @classmethod
    def of(cls, labels: Sequence[Sequence[tuple[str, float]]]) -> Objects:
        """From class name and area of the objects of each image; classes are numbered by their names' order."""
        names = sorted({name for objects in labels for name, _ in objects})
        numbers = {name: i for i, name in enumerate(names)}
        owners = np.repeat(np.arange(len(labels)), [len(objects) for objects in labels]).astype(np.int64)
        classes = np.array([numbers[name] for objects in labels for name, _ in objects], np.int64)
        areas = np.array([area for objects in labels for _, area in objects], np.float64)
        return cls(owners, classes, areas, len(labels), len(names))


def stratify(
    objects: Objects,
    shares: Sequence[float],
    *,
    keys: Sequence[str],
    groups: Sequence[str | None] | None = None,
    seed: int = 0,
    in_order: bool = True,
) -> list[int]:
    """The part, 0 to len(shares) - 1, that each image goes to.

    The result depends on keys, groups, objects and seed; not on the order of the images.

    Args:
        objects: what the images show.
        shares: how large each part is to be; they add up to 1.
        keys: a name for each image that is the same on every machine.
        groups: images of one group stay together; None for those in no group.
        seed: decides between units that are equally good.
        in_order: a class in few units is in the first part before the second, and so on; each part
            gets a unit of every class as long as there are enough. False where all parts are alike (folds).
    """
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    unit_of = _units(order, groups)
    present = [part for part, share in enumerate(shares) if share > 0]
    units = _Units(objects, unit_of, [shares[part] for part in present])
    ranks = list(range(units.count))
    random.Random(seed).shuffle(ranks)
    parts = _greedy(units, np.array(ranks))
    _improve(units, parts)
    if in_order:
        _represent(units, parts)
    return [present[parts[unit]] for unit in unit_of]


def _units(order: Sequence[int], groups: Sequence[str | None] | None) -> NDArray[np.int64]:
    """(N,) the unit of each image, numbered as they come in `order`."""
    numbers: dict[object, int] = {}
    unit_of = np.zeros(len(order), np.int64)
    for i in order:
        group = groups[i] if groups is not None else None
        unit_of[i] = numbers.setdefault(i if group is None else (group,), len(numbers))
    return unit_of


class _Units:
    """What each unit holds, as sparse rows, and how far each part is from what it should hold.

    Features are: images, backgrounds, objects of each class, and of each class and size.
    `gap[s, f]` is what part s has too much of feature f; `weights[f]` makes features comparable.
    """

    def __init__(self, objects: Objects, unit_of: NDArray[np.int64], shares: Sequence[float]) -> None:
        self.shares = np.array(shares, np.float64)
        self.count = int(unit_of.max()) + 1 if len(unit_of) else 0
        self.class_count = classes = objects.class_count
        empty = np.bincount(objects.owners, minlength=objects.images) == 0
        size = np.searchsorted(SIZE_EDGES, objects.areas, side="right")
        owners = unit_of[objects.owners]
        rows = np.concatenate([unit_of, unit_of[empty], owners, owners])
        features = np.concatenate(
            [
                np.zeros(len(unit_of), np.int64),
                np.ones(int(empty.sum()), np.int64),
                2 + objects.classes,
                2 + classes + 3 * objects.classes + size,
            ]
        )
        width = 2 + 4 * classes
        cells, amounts = np.unique(rows * width + features, return_counts=True)
        self.rows, self.features = np.divmod(cells, width)
        self.amounts = amounts.astype(np.float64)
        self.starts = np.searchsorted(self.rows, np.arange(self.count + 1))
        self.totals = np.bincount(self.features, self.amounts, minlength=width)
        kinds = np.repeat([_IMAGE_WEIGHT, 1.0, 1.0, _SIZE_WEIGHT], [1, 1, classes, 3 * classes])
        self.weights = kinds / np.maximum(self.totals, 1)
        self.gap = -self.shares[:, None] * self.totals
        self.holders = np.bincount(self.features, minlength=width)[2 : 2 + classes]
        self.own = np.bincount(self.rows, self.weights[self.features] * self.amounts**2, minlength=self.count)
        self.hunger = 1 / self.shares  # a gap weighs more in a small part

    def row(self, unit: int) -> slice:
        return slice(self.starts[unit], self.starts[unit + 1])

    def classes(self, unit: int) -> NDArray[np.int64]:
        """The classes in a unit."""
        found = self.features[self.row(unit)] - 2
        return found[(found >= 0) & (found < self.class_count)]

    def place(self, unit: int, part: int, sign: int = 1) -> None:
        row = self.row(unit)
        self.gap[part, self.features[row]] += sign * self.amounts[row]

    def pressure(self) -> NDArray[np.float64]:
        """(parts, units) what the cost would grow by with the unit, but for the unit's own square."""
        weighted = 2 * self.weights[self.features] * self.amounts
        return np.stack(
            [
                np.bincount(self.rows, weighted * (gap * hunger)[self.features], minlength=self.count)
                for gap, hunger in zip(self.gap, self.hunger, strict=True)
            ]
        )


def _greedy(units: _Units, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place unit after unit, those with the rarest class first, where they are missed most."""
    rarest = np.full(units.count, np.inf)
    is_class = (units.features >= 2) & (units.features < 2 + units.class_count)
    np.minimum.at(rarest, units.rows[is_class], units.totals[units.features[is_class]])
    size = np.bincount(units.rows, units.amounts, minlength=units.count)
    parts = np.zeros(units.count, np.int64)
    for unit in np.lexsort((ranks, -size, rarest)).tolist():
        row = units.row(unit)
        features, amounts = units.features[row], units.amounts[row]
        missed = units.gap[:, features] @ (units.weights[features] * amounts)
        part = int(np.argmin(missed * units.hunger))
        parts[unit] = part
        units.gap[part, features] += amounts
    return parts


def _improve(units: _Units, parts: NDArray[np.int64]) -> None:
    """Move the unit that helps most, again and again."""
    moves = min(_MOVES, _WORK // max(1, len(units.rows) * len(units.shares)))
    everyone = np.arange(units.count)
    for _ in range(moves if units.count else 0):
        pressure = units.pressure()
        change = pressure - pressure[parts, everyone] + units.own * (units.hunger[:, None] + units.hunger[parts])
        change[parts, everyone] = 0
        part, unit = divmod(int(np.argmin(change)), units.count)
        if change[part, unit] >= -1e-9:
            return
        units.place(unit, int(parts[unit]), -1)
        units.place(unit, part)
        parts[unit] = part


def _represent(units: _Units, parts: NDArray[np.int64]) -> None:
    """See that each class is in every part, in the order of the parts, as far as its units go.

    No part gives away what it needs itself.
    """
    here = np.zeros((len(units.shares), units.class_count + 1), np.int64)  # units by part and class; any, last
    for unit, part in enumerate(parts.tolist()):
        here[part, units.classes(unit)] += 1
        here[part, -1] += 1
    holders = np.append(units.holders, units.count)
    needed = np.zeros_like(here, dtype=bool)
    for part in range(len(units.shares)):
        needed[part] = holders > part
    for kind in np.argsort(holders, kind="stable").tolist():
        for part in range(len(units.shares)):
            if not needed[part, kind] or here[part, kind]:
                continue
            donor = _donor(units, parts, here, needed, kind)
            if donor is None:
                continue
            kinds = np.append(units.classes(donor), units.class_count)
            here[parts[donor], kinds] -= 1
            here[part, kinds] += 1
            units.place(donor, int(parts[donor]), -1)
            units.place(donor, part)
            parts[donor] = part


def _donor(
    units: _Units, parts: NDArray[np.int64], here: NDArray[np.int64], needed: NDArray[np.bool_], kind: int
) -> int | None:
    """The smallest unit of a class (or any unit) whose part can spare it; a part must not stay empty at any cost."""
    candidates = units.rows[units.features == 2 + kind] if kind < units.class_count else np.arange(units.count)
    size = np.bincount(units.rows, units.amounts, minlength=units.count)
    for unit in candidates[np.argsort(size[candidates], kind="stable")].tolist():
        part, kinds = parts[unit], np.append(units.classes(unit), units.class_count)
        if not (needed[part, kinds] & (here[part, kinds] < 2)).any():
            return int(unit)
    if kind < units.class_count:
        return None
    spare = [unit for unit, part in enumerate(parts.tolist()) if here[part, -1] > 1]
    return min(spare, key=lambda unit: (size[unit], unit), default=None)
