"""Which image is trained on, which is validated on, which is kept for the end."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence

from yolo_tl.errors import ConfigError

SPLITS = ("train", "val", "test")
Ratios = tuple[float, float, float]

_ALIASES = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "minival", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def split_in(name: str) -> str | None:
    """The split that the name of a file or folder speaks of; ``trainval`` counts as train.

    >>> split_in("instances_val2017"), split_in("trainval"), split_in("constraint")
    ('val', 'train', None)
    """
    words = re.findall(r"[a-z]+", name.lower())
    return next((_ALIASES[word] for word in reversed(words) if word in _ALIASES), None)


def split_of_folder(relative: str) -> str | None:
    """The split that a folder above the file `relative` is named after, innermost first.

    >>> split_of_folder("valid/labels/a.xml"), split_of_folder("test rig/a.xml")
    ('val', None)
    """
    folders = relative.lower().split("/")[-2::-1]
    return next(
        (split for folder in folders if re.fullmatch(r"[a-z]+\d*", folder) and (split := split_in(folder))), None
    )


def assign_splits(
    keys: Sequence[str],
    given: Sequence[str | None],
    *,
    ratios: Ratios = (0.8, 0.2, 0.0),
    seed: int = 0,
    labels: Sequence[Sequence[tuple[str, float]]] | None = None,
    groups: Sequence[str | None] | None = None,
) -> tuple[list[str], list[str]]:
    """A split for each image: the one it has, else a seeded one.

    The result depends on the keys and what is said of each image, not on the order of the
    images or the machine. Where the source has splits they are kept; images in none of them
    join their group or else train, and a missing val is carved from train.

    Args:
        keys: a name for each image that is the same on every machine.
        given: the split the source gives each image, or None.
        ratios: shares of train, val and test, for images without any.
        seed: of the random choice.
        labels: class name and area in px² of the objects of each image. With them splits are
            drawn so that each holds its share of every class (see `yolo_tl.data.stratify`).
        groups: images of one group stay together; None for those in no group.

    Returns:
        The splits, in the order of `keys`, and notes on what was decided.

    Raises:
        ConfigError: the ratios are not three shares that add up to 1.
    """
    if len(ratios) != 3 or not min(ratios) >= 0 or abs(sum(ratios) - 1) > 1e-6 or ratios[0] == 0:
        raise ConfigError(f"ratios: expected shares of train, val and test that add up to 1, found {tuple(ratios)}")
    draw = _Draw(keys, seed, labels, groups)
    present = [split for split in SPLITS if split in given]
    if not present:
        shares = " / ".join(f"{ratio:g}" for ratio in ratios)
        splits = draw.splits(range(len(keys)), ratios)
        return splits, [f"the source has no splits: {draw.how}, train / val / test = {shares}, seed {seed}"]
    notes = [f"splits of the source kept: {', '.join(present)}"]
    splits = [split or "train" for split in given]
    if adrift := [i for i, split in enumerate(given) if split is None]:
        homes = _homes(given, groups)
        for i in adrift:
            splits[i] = homes.get(groups[i] if groups else None, "train")
        elsewhere = sum(splits[i] != "train" for i in adrift)
        also = f", {elsewhere} of them their group in another split" if elsewhere else ""
        notes.append(f"{len(adrift)} images are in no split of the source; they joined train{also}")
    if "val" not in splits:
        train = [i for i, split in enumerate(splits) if split == "train"]
        share = ratios[1] / (ratios[0] + ratios[1])
        for i, split in zip(train, draw.splits(train, (1 - share, share, 0.0)), strict=True):
            splits[i] = split
        count = splits.count("val")
        notes.append(f"the source has no val: {count} of {len(train)} train images were set aside, seed {seed}")
    if torn := _torn(splits, groups):
        notes.append(f"{torn} groups of images that belong together are on both sides of the source's splits")
    return splits, notes


def _homes(given: Sequence[str | None], groups: Sequence[str | None] | None) -> dict[str | None, str]:
    """The split of each group that the source puts in one alone."""
    found: dict[str | None, set[str]] = {}
    for split, group in zip(given, groups or (), strict=False):
        if split is not None and group is not None:
            found.setdefault(group, set()).add(split)
    return {group: splits.pop() for group, splits in found.items() if len(splits) == 1}


def _torn(splits: Sequence[str], groups: Sequence[str | None] | None) -> int:
    """How many groups are in more than one split."""
    pairs = {(group, split) for group, split in zip(groups or (), splits, strict=False) if group is not None}
    return sum(count > 1 for count in Counter(group for group, _ in pairs).values())


class _Draw:
    """Draws splits: balanced where there are labels or groups, else at random."""

    def __init__(
        self,
        keys: Sequence[str],
        seed: int,
        labels: Sequence[Sequence[tuple[str, float]]] | None,
        groups: Sequence[str | None] | None,
    ) -> None:
        self.keys, self.seed, self.labels, self.groups = keys, seed, labels, groups
        self.how = "drawn at random" if labels is None else "drawn with the classes and object sizes balanced"
        if groups is not None and any(groups):
            self.how += ", groups kept together"

    def splits(self, indices: Sequence[int], ratios: Ratios) -> list[str]:
        """A split for each of `indices`."""
        keys = [self.keys[i] for i in indices]
        if self.labels is None and self.groups is None:
            return _random_splits(keys, ratios, self.seed)
        from yolo_tl.data.stratify import Objects, stratify

        labels = [self.labels[i] if self.labels is not None else () for i in indices]
        groups = [self.groups[i] for i in indices] if self.groups is not None else None
        parts = stratify(Objects.of(labels), ratios, keys=keys, groups=groups, seed=self.seed)
        return [SPLITS[part] for part in parts]


def _random_splits(keys: Sequence[str], ratios: Ratios, seed: int) -> list[str]:
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    random.Random(seed).shuffle(order)
    val = _share(len(keys), ratios[1])
    test = min(_share(len(keys), ratios[2]), max(0, len(keys) - val - 1))
    splits = ["train"] * len(keys)
    for rank, i in enumerate(order[: val + test]):
        splits[i] = "val" if rank < val else "test"
    return splits


def _share(total: int, ratio: float) -> int:
    """At least one where any is wanted, and never all."""
    return min(max(round(total * ratio), 1 if ratio > 0 else 0), max(0, total - 1))
