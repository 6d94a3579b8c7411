"""Which image is trained on, which is validated on, which is kept for the end."""

from __future__ import annotations

import random
import re
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
    keys: Sequence[str], given: Sequence[str | None], *, ratios: Ratios = (0.8, 0.2, 0.0), seed: int = 0
) -> tuple[list[str], list[str]]:
    """A split for each image: the one it has, else a seeded random one.

    The result depends on the keys and the seed alone, not on the order of the images or the
    machine. Where the source has splits they are kept; images in none of them join train,
    and a missing val is carved from train.

    Args:
        keys: a name for each image that is the same on every machine.
        given: the split the source gives each image, or None.
        ratios: shares of train, val and test, for images without any.
        seed: of the random choice.

    Returns:
        The splits, in the order of `keys`, and notes on what was decided.

    Raises:
        ConfigError: the ratios are not three shares that add up to 1.
    """
    if len(ratios) != 3 or min(ratios) < 0 or abs(sum(ratios) - 1) > 1e-6 or ratios[0] == 0:
        raise ConfigError(f"ratios: expected shares of train, val and test that add up to 1, found {tuple(ratios)}")
    present = [split for split in SPLITS if split in given]
    if not present:
        return _random_splits(keys, ratios, seed)
    notes = [f"splits of the source kept: {', '.join(present)}"]
    splits = [split or "train" for split in given]
    if adrift := sum(split is None for split in given):
        notes.append(f"{adrift} images are in no split of the source; they joined train")
    if "val" not in present:
        train = [i for i, split in enumerate(splits) if split == "train"]
        count = _share(len(train), ratios[1] / (ratios[0] + ratios[1]))
        for i in _shuffled(train, keys, seed)[:count]:
            splits[i] = "val"
        notes.append(f"the source has no val: {count} of {len(train)} train images were set aside, seed {seed}")
    return splits, notes


def _random_splits(keys: Sequence[str], ratios: Ratios, seed: int) -> tuple[list[str], list[str]]:
    order = _shuffled(range(len(keys)), keys, seed)
    val = _share(len(keys), ratios[1])
    test = min(_share(len(keys), ratios[2]), max(0, len(keys) - val - 1))
    splits = ["train"] * len(keys)
    for rank, i in enumerate(order[: val + test]):
        splits[i] = "val" if rank < val else "test"
    shares = " / ".join(f"{ratio:g}" for ratio in ratios)
    return splits, [f"the source has no splits: drawn at random, train / val / test = {shares}, seed {seed}"]


def _shuffled(indices: Sequence[int], keys: Sequence[str], seed: int) -> list[int]:
    order = sorted(indices, key=lambda i: keys[i])
    random.Random(seed).shuffle(order)
    return order


def _share(total: int, ratio: float) -> int:
    """At least one where any is wanted, and never all."""
    return min(max(round(total * ratio), 1 if ratio > 0 else 0), max(0, total - 1))
