"""Checks of the classes: how many examples each has, and how many images have none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.finding import Example, Finding, Severity
from yolo_tl.data.checks.snapshot import Snapshot

_FEW = 10
_IMBALANCE = 100
_UNEVEN = 10
_MANY_BACKGROUNDS = 0.5
_ENOUGH = 20  # images from which on it is worth saying that none is a background


def _about(snapshot: Snapshot, message: str, classes: list[int], detail: str = "") -> Finding:
    rows = snapshot.rows
    examples = []
    for i in classes[:20]:
        first = np.flatnonzero((rows.class_id == i) & snapshot.good)[:1]
        said = f"{snapshot.names[i]}: {snapshot.class_counts[i]}{detail}"
        examples.append(snapshot.row_example(int(first[0]), said) if len(first) else Example("", None, said))
    return Finding(message, len(classes), tuple(examples))


@check(
    "classes.zero_instances",
    severity=Severity.WARNING,
    hint="label some, or remove the class from the names",
    ultralytics="gives it an output that it teaches to be silent",
)
def zero_instances(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class has no object at all."""
    found = [i for i, count in enumerate(snapshot.class_counts) if not count]
    if found and len(snapshot):
        said = listed([snapshot.names[i] for i in found])
        yield _about(snapshot, f"{amount(len(found), 'class')} without an object: {said}", found)


@check(
    "classes.singleton",
    severity=Severity.WARNING,
    hint="label more: it cannot be both learned and tested",
)
def singleton(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class has a single object."""
    found = [i for i, count in enumerate(snapshot.class_counts) if count == 1]
    if found:
        said = listed([snapshot.names[i] for i in found])
        yield _about(snapshot, f"{amount(len(found), 'class')} with a single object: {said}", found)


@check(
    "classes.few_instances",
    severity=Severity.WARNING,
    hint="label more, or merge it with a class like it",
)
def few_instances(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class has fewer than 10 objects."""
    found = [i for i, count in enumerate(snapshot.class_counts) if 2 <= count < _FEW]
    if found:
        said = listed([f"{snapshot.names[i]} {snapshot.class_counts[i]}" for i in found])
        yield _about(snapshot, f"{amount(len(found), 'class')} with fewer than {_FEW} objects: {said}", found)


@check(
    "classes.imbalance",
    severity=Severity.WARNING,
    hint="label more of the rare one; mAP counts both the same",
)
def imbalance(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """One class has over 100 times the objects of another."""
    counts = snapshot.class_counts
    used = np.flatnonzero(counts)
    if len(used) < 2:
        return
    most, least = int(used[counts[used].argmax()]), int(used[counts[used].argmin()])
    ratio = counts[most] / counts[least]
    if ratio > _UNEVEN:
        severity = Severity.WARNING if ratio > _IMBALANCE else Severity.INFO
        message = f"{snapshot.names[most]} has {ratio:.0f} times the objects of {snapshot.names[least]}"
        found = _about(snapshot, message, [least, most])
        yield Finding(found.message, 1, found.examples, severity)


@check(
    "classes.backgrounds_none",
    severity=Severity.INFO,
    hint="a few images without objects, such as the camera will see, lower the false alarms",
)
def backgrounds_none(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """No image is a background."""
    if len(snapshot) >= _ENOUGH and snapshot.counts.all():
        yield Finding("every image shows an object")


@check(
    "classes.backgrounds_many",
    severity=Severity.WARNING,
    hint="check that their labels are not lost; one background in ten images is usual",
)
def backgrounds_many(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """More than half of the images show no object."""
    empty = np.flatnonzero(snapshot.counts == 0)
    if len(snapshot) and len(empty) / len(snapshot) > _MANY_BACKGROUNDS:
        share = 100 * len(empty) / len(snapshot)
        yield snapshot.about_images(f"{amount(len(empty), 'image')} ({share:.0f} %) without an object", empty)


@check(
    "classes.few_images",
    severity=Severity.INFO,
    hint="its objects are all but copies of each other: label it in other images",
)
def few_images(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class is in very few images though it has many objects."""
    good = snapshot.good
    pairs = np.unique(
        np.stack([snapshot.rows.class_id[good].astype(np.int64), snapshot.rows.image[good]], axis=1), axis=0
    )
    images = np.bincount(pairs[:, 0], minlength=len(snapshot.names)) if len(pairs) else np.zeros(0, np.int64)
    found = [i for i, n in enumerate(images) if 0 < n <= 3 and snapshot.class_counts[i] >= 2 * _FEW]
    if found:
        said = listed([f"{snapshot.names[i]} ({images[i]})" for i in found])
        yield _about(snapshot, f"{amount(len(found), 'class')} in three images or fewer: {said}", found)
