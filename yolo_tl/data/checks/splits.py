"""Checks of the splits: what leaks between them, and how they differ."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.finding import EXAMPLES, Example, Finding, Severity
from yolo_tl.data.checks.images import near
from yolo_tl.data.checks.snapshot import Snapshot
from yolo_tl.data.groups import groups_of
from yolo_tl.data.split import SPLITS

_TINY_VAL = 10  # images
_TINY_SHARE = 0.02
_VIDEO = re.compile(
    r"(?<![a-z])(frames?|frm|videos?|vid|clips?|movie|mov|film|seq|sequence|cam|camera|shot|scene|stream|gopro|dji)(?![a-z])",
    re.IGNORECASE,
)
_NEIGHBOURS = 2  # numbers between frames that show the same
_FEWEST = 3  # frames of a video beside a training frame
_SKEW = 0.15  # share of all objects
_BACKGROUND_SKEW = 0.25  # share of the images
_SURE = 3.0  # standard errors
_DRIFT = 0.35  # Kolmogorov-Smirnov distance
_ENOUGH = 50

_SPLIT = "yolo-tl split DATA OUT --ratios 0.7,0.15,0.15"
_HINT = f"draw the splits anew with these kept together: {_SPLIT}"


def _leaks(snapshot: Snapshot, groups: Sequence[object | None]) -> dict[int, int]:
    """Held-out images whose group has an image in train, and that one; likewise test images with one in val."""
    first: list[dict[object, int]] = [{} for _ in SPLITS]
    for i, (group, split) in enumerate(zip(groups, snapshot.split.tolist(), strict=True)):
        if group is not None and split >= 0:
            first[split].setdefault(group, i)
    found = {}
    for i, (group, split) in enumerate(zip(groups, snapshot.split.tolist(), strict=True)):
        if group is not None and split > 0:
            twin = next((first[other][group] for other in range(split) if group in first[other]), None)
            if twin is not None:
                found[i] = twin
    return found


def _leak(snapshot: Snapshot, found: dict[int, int], what: str) -> Finding:
    held_out = np.isin(snapshot.split, [1, 2]).sum()
    share = f" ({100 * len(found) / held_out:.0f} % of val and test)"
    message = f"{amount(len(found), 'held-out image')}{share} {what}"
    return snapshot.about_twins(message, found)


@check(
    "splits.leak_exact",
    severity=Severity.ERROR,
    hint="remove it from train: yolo-tl fix",
    ultralytics="trains on it, and counts as recognised what was learned by heart",
)
def leak_exact(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image of val or test is in another split, byte for byte."""
    found = _leaks(snapshot, snapshot.content.tolist())
    found = {i: twin for i, twin in found.items() if snapshot.images[i] != snapshot.images[twin]}
    if found:
        yield _leak(snapshot, found, "that are in another split, too")


@check(
    "splits.leak_near",
    severity=Severity.WARNING,
    hint=_HINT,
    ultralytics="counts as recognised what was all but learned by heart",
    pixels=True,
)
def leak_near(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image of val or test shows the same as one of another split."""
    found: dict[int, int] = {}
    for pair in near(snapshot, options).pairs.tolist():
        one, other = sorted(pair, key=lambda i: (snapshot.split[i], i))
        apart = -1 < snapshot.split[one] < snapshot.split[other]
        if apart and snapshot.content[one] != snapshot.content[other]:
            found.setdefault(other, one)
    if found:
        yield _leak(snapshot, dict(sorted(found.items())), "all but equal to one of another split")


@check(
    "splits.leak_group",
    severity=Severity.WARNING,
    hint=_HINT,
    ultralytics="counts as recognised what was all but learned by heart",
)
def leak_group(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Copies of one original, tiles of one picture or neighbouring frames of a video are in several splits."""
    names = _names(snapshot)
    for way, what in (("roboflow", "made from an original (.rf.)"), ("tiles", "cut from a picture")):
        found = _leaks(snapshot, groups_of(names, way))
        if found:
            yield _leak(snapshot, found, f"{what} that is in another split, too")
    found = _frames(snapshot, names)
    if found:
        yield _leak(snapshot, found, f"taken within {_NEIGHBOURS} frames of one in train")


def _frames(snapshot: Snapshot, names: list[str]) -> dict[int, int]:
    """Held-out frames of a video with a training frame close by; numbered images that are no video have none."""
    videos: dict[str, list[int]] = {}
    for i, group in enumerate(groups_of(names, "frames")):
        if group is not None:
            videos.setdefault(group, []).append(i)
    numbered = [re.fullmatch(r"(.*?)(\d+)", os.path.splitext(name)[0]) for name in names]
    found: dict[int, int] = {}
    for members in videos.values():
        match = numbered[members[0]]
        if match is None or not _VIDEO.search(match.group(1)):
            continue
        numbers = {i: int(m.group(2)) for i in members if (m := numbered[i])}
        train = {number: i for i, number in numbers.items() if snapshot.split[i] == 0}
        near_train = {
            i: twin
            for i, number in numbers.items()
            if snapshot.split[i] > 0
            for step in range(-_NEIGHBOURS, _NEIGHBOURS + 1)
            if (twin := train.get(number + step)) is not None
        }
        # Where a video is cut once, the frames at the cut are neighbours: that much is not worth a word.
        if len(near_train) > max(_FEWEST, 2 * _NEIGHBOURS):
            found |= near_train
    return dict(sorted(found.items()))


def _names(snapshot: Snapshot) -> list[str]:
    """Paths of the images below the folder of their split, so that the same name in two splits is the same."""
    roots = {split: listing.folders[:1] for split, listing in snapshot.listings.items()}
    names = []
    for image, split in zip(snapshot.images, snapshot.split.tolist(), strict=True):
        root = (roots.get(SPLITS[split]) or [""])[0] if split >= 0 else ""
        below = image[len(root) + 1 :] if root and image.startswith(root + os.sep) else os.path.basename(image)
        names.append(below.replace(os.sep, "/"))
    return names


@check(
    "splits.class_missing_in_val",
    severity=Severity.WARNING,
    hint=f"draw the splits anew, by class: {_SPLIT}",
    ultralytics="leaves the class out of mAP without a word",
)
def class_missing_in_val(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class of train has no object in val."""
    yield from _missing(snapshot, there="train", absent="val")


@check(
    "splits.class_missing_in_train",
    severity=Severity.ERROR,
    hint=f"draw the splits anew, by class: {_SPLIT}",
    ultralytics="cannot learn the class, and counts every one of its objects as missed",
)
def class_missing_in_train(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class of val or test has no object in train."""
    for split in ("val", "test"):
        yield from _missing(snapshot, there=split, absent="train")


def _missing(snapshot: Snapshot, *, there: str, absent: str) -> Iterator[Finding]:
    if there not in snapshot.present or absent not in snapshot.present:
        return
    has, lacks = (snapshot.instances[SPLITS.index(split)] for split in (there, absent))
    classes = np.flatnonzero((has > 0) & (lacks == 0)).tolist()
    if classes:
        names = [snapshot.names[i] for i in classes]
        examples = tuple(Example("", None, f"{snapshot.names[i]}: {has[i]} in {there}") for i in classes[:EXAMPLES])
        message = f"{amount(len(classes), 'class')} of {there} not in {absent}: {listed(names)}"
        yield Finding(message, len(classes), examples)


@check(
    "splits.skew",
    severity=Severity.WARNING,
    hint=f"draw the splits anew, by class: {_SPLIT}; or say that the difference is meant",
)
def skew(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class has a very different share in val than in train."""
    for split in ("val", "test"):
        counts = snapshot.instances[[0, SPLITS.index(split)]].astype(float)
        totals = counts.sum(axis=1, keepdims=True)
        if totals.min() < _ENOUGH:
            continue
        train, held_out = counts / totals
        both = counts.sum(axis=0) / totals.sum()
        error = np.sqrt(both * (1 - both) * (1 / totals[0] + 1 / totals[1]))
        apart = np.abs(train - held_out)
        found = np.flatnonzero((apart > _SKEW) & (apart > _SURE * error)).tolist()
        if found:
            said = [f"{snapshot.names[i]} {100 * train[i]:.0f} % → {100 * held_out[i]:.0f} %" for i in found]
            examples = tuple(Example("", None, text) for text in said[:EXAMPLES])
            yield Finding(f"shares of classes in train and {split} differ: {listed(said)}", len(found), examples)


@check(
    "splits.background_skew",
    severity=Severity.WARNING,
    hint=f"check that labels of one of the two are not lost; else draw the splits anew: {_SPLIT}",
)
def background_skew(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Val has a very different share of backgrounds than train."""
    for split in ("val", "test"):
        parts = [snapshot.counts[snapshot.of_split(name)] == 0 for name in ("train", split)]
        if min(map(len, parts)) < _TINY_VAL:
            continue
        train, held_out = (float(part.mean()) for part in parts)
        both = float(np.concatenate(parts).mean())
        error = np.sqrt(both * (1 - both) * sum(1 / len(part) for part in parts))
        if abs(train - held_out) > max(_BACKGROUND_SKEW, _SURE * error):
            yield Finding(f"{100 * train:.0f} % of train are backgrounds, {100 * held_out:.0f} % of {split}")


@check(
    "splits.tiny_val",
    severity=Severity.WARNING,
    hint=f"set more images aside: {_SPLIT}; or use k folds",
    ultralytics="selects the best checkpoint by chance",
)
def tiny_val(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Val is too small to tell models apart."""
    count, train = int(snapshot.of_split("val").sum()), int(snapshot.of_split("train").sum())
    if 0 < count < _TINY_VAL:
        yield Finding(f"val has {amount(count, 'image')}: its mAP moves by whole points for one object")
    elif 0 < count < _TINY_SHARE * train and count < 10 * _TINY_VAL:
        yield Finding(f"val has {amount(count, 'image')} for {train:,} of train")


@check(
    "splits.size_drift",
    severity=Severity.WARNING,
    hint=f"check that both come from the same camera and distance; else draw the splits anew: {_SPLIT}",
)
def size_drift(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The objects of val are of another size than those of train."""
    rows = snapshot.good & np.isfinite(snapshot.sides).all(axis=1)
    side = np.sqrt(np.abs(snapshot.sides).prod(axis=1))
    yield from _drift(snapshot, lambda split: side[rows & snapshot.of_split(split)[snapshot.rows.image]], "objects")


@check(
    "splits.resolution_drift",
    severity=Severity.WARNING,
    hint=f"check that both come from the same camera; else draw the splits anew: {_SPLIT}",
)
def resolution_drift(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The images of val are of another size than those of train."""
    longest = snapshot.size.max(axis=1, initial=0)
    yield from _drift(snapshot, lambda split: longest[snapshot.of_split(split) & (longest > 0)], "images")


def _drift(snapshot: Snapshot, sizes: Callable[[str], NDArray[np.floating]], what: str) -> Iterator[Finding]:
    for split in ("val", "test"):
        one, other = np.sort(sizes("train")), np.sort(sizes(split))
        if min(len(one), len(other)) < _ENOUGH:
            continue
        grid = np.concatenate([one, other])
        ranks = [np.searchsorted(part, grid, side="right") / len(part) for part in (one, other)]
        distance = float(np.abs(ranks[0] - ranks[1]).max())
        if distance > _DRIFT:
            medians = f"{np.median(one):.0f} px in train, {np.median(other):.0f} px in {split}"
            yield Finding(f"the usual size of {what} is {medians} (distributions {100 * distance:.0f} % apart)")
