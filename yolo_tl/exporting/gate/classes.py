"""Class names of several artifacts, numbered as one: artifacts are compared by name, never by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.decode import Thresholds


def numbered(first: Sequence[str], *others: Sequence[str]) -> tuple[tuple[str, ...], tuple[NDArray[np.int64], ...]]:
    """The names of several networks numbered as one, and for each network the numbers of its classes.

    Those of the first keep their numbers; those that only another has follow.

    >>> names, (a, b) = numbered(["cat", "dog"], ["dog", "fox"])
    >>> names, b.tolist()
    (('cat', 'dog', 'fox'), [1, 2])
    """
    unknown = dict.fromkeys(name for names in others for name in names if name not in first)
    place: dict[str, int] = {}
    for number, name in enumerate([*first, *unknown]):
        place.setdefault(name, number)
    numbers = [np.arange(len(first))]
    for names in others:  # the same names keep their numbers, also where one stands for two classes
        same = tuple(names) == tuple(first)
        numbers.append(np.arange(len(first)) if same else np.array([place[name] for name in names], np.int64))
    return (*first, *unknown), tuple(numbers)


def translated(thresholds: Thresholds, names: Sequence[str], own: Sequence[str]) -> Thresholds:
    """Thresholds by class numbers of `names`, by those of `own`; a class that `own` lacks is left out."""
    by_class = tuple(
        (number, value)
        for known, value in thresholds.by_class
        for number, name in enumerate(own)
        if name == names[known]
    )
    return replace(thresholds, by_class=by_class)


def lowered(thresholds: Thresholds, by: float) -> Thresholds:
    """Every confidence lower by so much, but not below 0."""
    return replace(
        thresholds,
        confidence=max(thresholds.confidence - by, 0.0),
        by_class=tuple((number, max(value - by, 0.0)) for number, value in thresholds.by_class),
    )


def threshold_of_each(thresholds: Thresholds, count: int) -> NDArray[np.float64]:
    """(count,) the confidence that a detection of each class must be above."""
    limits = np.full(count, float(thresholds.confidence))
    for number, value in thresholds.by_class:
        limits[number] = value
    return limits
