"""Checks of the data.yaml."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.config_file import ConfigFile, shown
from yolo_tl.data.checks.finding import Example, Finding, Severity
from yolo_tl.data.checks.listing import label_file
from yolo_tl.data.checks.snapshot import Snapshot
from yolo_tl.data.split import SPLITS
from yolo_tl.errors import did_you_mean

KEYS = (
    *("path", "train", "val", "test", "minival", "validation", "names", "nc", "channels", "download", "yaml_file"),
    *("kpt_shape", "kpt_names", "flip_idx", "masks_dir", "roboflow", "license", "version", "description", "task"),
)
_DOES_NOT_START = "training does not start"


def _found(config: ConfigFile, message: str, details: list[str] | None = None, **more: Any) -> Finding:
    details = details or [""]
    return Finding(message, len(details), tuple(Example(config.file.name, None, d) for d in details), **more)


@check(
    "config.path_not_found",
    severity=Severity.ERROR,
    hint="paths start from the folder of the yaml, or from `path` in it",
    ultralytics="training does not start; where there is a `download` key it first downloads or runs what that says",
)
def path_not_found(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A folder or list that the data.yaml names does not exist."""
    for split, listing in snapshot.listings.items():
        if listing.missing and snapshot.config:
            yield _found(snapshot.config, f"{split}: {listed(listing.missing)} does not exist", listing.missing)


@check(
    "config.missing_split",
    severity=Severity.ERROR,
    hint="name the folder of the training images under `train`",
    ultralytics=_DOES_NOT_START,
)
def missing_split(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """There is no train split, or a split without images."""
    config = snapshot.config
    if config is None:
        return
    if "train" not in config.places:
        yield _found(config, "the data.yaml has no `train`")
    for split, listing in snapshot.listings.items():
        if not listing.images and not listing.missing:
            yield _found(config, f"{split} holds no image: {listed(config.places[split])}")


@check(
    "config.missing_val",
    severity=Severity.ERROR,
    hint="set images aside: yolo-tl split",
    ultralytics=_DOES_NOT_START,
)
def missing_val(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """There is no val split to select and judge a model by."""
    if snapshot.config and "val" not in snapshot.config.places:
        yield _found(snapshot.config, "the data.yaml has no `val`")


@check(
    "config.missing_names",
    severity=Severity.ERROR,
    hint="add `names:`, one for each class number",
    ultralytics=f"without `nc`, too, {_DOES_NOT_START}; with it, the classes are called class_0, class_1, ...",
)
def missing_names(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The classes have no names."""
    config = snapshot.config
    if config is None or config.content.get("names"):
        return
    if snapshot.names:
        yield _found(config, f"only nc: {len(snapshot.names)}, no names", severity=Severity.WARNING)
    else:
        yield _found(config, "the data.yaml has no `names`")


@check(
    "config.duplicate_names",
    severity=Severity.WARNING,
    hint="merge the classes, or tell them apart by name",
    ultralytics="trains them as two classes that compete for the same objects",
)
def duplicate_names(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two classes have one name."""
    repeated = [name for name, count in Counter(snapshot.names).items() if count > 1]
    if repeated and snapshot.config:
        ids = [f"{name}: {listed([i for i, n in enumerate(snapshot.names) if n == name])}" for name in repeated]
        yield _found(snapshot.config, f"{amount(len(repeated), 'name')} of several classes: {listed(repeated)}", ids)


@check(
    "config.nc_mismatch",
    severity=Severity.ERROR,
    hint="remove `nc`: the names say it",
    ultralytics=_DOES_NOT_START,
)
def nc_mismatch(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """`nc` is not the number of names."""
    config = snapshot.config
    if config is None or config.content.get("nc") is None:
        return
    count, names = config.content["nc"], config.content.get("names")
    number = _whole(count)
    if number is None or isinstance(count, bool) or (isinstance(count, float) and count != number):
        yield _found(config, f"nc: expected a whole number, found {shown(count)}")
    elif isinstance(names, (list, dict)) and number != len(names):
        yield _found(config, f"nc is {number}, but there are {amount(len(names), 'name')}")


@check(
    "config.names_gap",
    severity=Severity.ERROR,
    hint="number the names from 0 without a gap, and the label files with them",
    ultralytics=_DOES_NOT_START,
)
def names_gap(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The class numbers are not 0, 1, 2 and so on."""
    config = snapshot.config
    names = config.content.get("names") if config else None
    if config is None or names is None:
        return
    if not isinstance(names, (list, dict)):
        yield _found(config, f"names: expected a list or a map, found {type(names).__name__}")
    elif isinstance(names, dict):
        numbers = [(key, _whole(key)) for key in names]
        odd = [shown(key) for key, number in numbers if number is None]
        known = sorted(number for _, number in numbers if number is not None)
        if odd:
            yield _found(config, f"class numbers that are no numbers: {listed(odd)}")
        elif known != list(range(len(names))):
            yield _found(config, f"expected the numbers 0 to {len(names) - 1}, found {listed(known)}")


def _whole(key: Any) -> int | None:
    """The whole number that a key stands for; as Ultralytics, it may be written as text."""
    try:
        number = int(key)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 1 << 62 else None


@check(
    "config.train_is_val",
    severity=Severity.ERROR,
    hint="set images aside: yolo-tl split",
    ultralytics="trains, and reports how well it has learned the images by heart",
)
def train_is_val(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A split holds the images of another."""
    sets = {split: set(listing.images) for split, listing in snapshot.listings.items()}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        both = sorted(sets.get(one, set()) & sets.get(other, set()))
        if both:
            severity = Severity.WARNING if (one, other) == ("val", "test") else Severity.ERROR
            found = snapshot.about_files(f"{amount(len(both), 'image')} of {other} are in {one}, too", both)
            yield Finding(found.message, found.count, found.examples, severity)


@check(
    "config.duplicate_keys",
    severity=Severity.ERROR,
    hint="remove one of the two",
    ultralytics="the last one counts, the others are lost without a word",
)
def duplicate_keys(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A key or a class number stands twice in the data.yaml."""
    config = snapshot.config
    if config and config.repeated:
        examples = tuple(Example(config.file.name, line, key) for key, line in config.repeated)
        yield Finding(f"{listed([key for key, _ in config.repeated])} twice in the data.yaml", len(examples), examples)


@check(
    "config.unknown_key",
    severity=Severity.INFO,
    hint="check its spelling",
    ultralytics="ignores it",
)
def unknown_key(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The data.yaml holds a key that means nothing."""
    if snapshot.config:
        unknown = [str(key)[:80] for key in snapshot.config.content if key not in KEYS]
        if unknown:
            details = [f"{key}{did_you_mean(key, KEYS)}" for key in unknown]
            yield _found(snapshot.config, f"{amount(len(unknown), 'unknown key')}: {listed(details)}", details)


@check(
    "config.encoding",
    severity=Severity.WARNING,
    hint="save it as UTF-8",
    ultralytics="class names come out garbled",
)
def encoding(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The data.yaml is not UTF-8."""
    if snapshot.config and snapshot.config.bad_encoding:
        yield _found(snapshot.config, "the data.yaml is not UTF-8; read as Latin-1")


@check(
    "config.relative_path",
    severity=Severity.WARNING,
    hint="leave `path` out, or make it absolute",
    ultralytics="starts from the working folder, then from a folder of its settings, never from the yaml",
)
def relative_path(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """`path` is relative."""
    path = snapshot.config.content.get("path") if snapshot.config else None
    if snapshot.config and isinstance(path, str) and path and not os.path.isabs(path):
        yield _found(snapshot.config, f"path: {path} means another folder wherever training is started")


@check(
    "config.relative_list",
    severity=Severity.WARNING,
    hint="begin them with ./ to start from the list, or make them absolute",
    ultralytics="starts from the working folder; images not found there are left out",
)
def relative_list(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A list of images holds relative paths."""
    lines = [line for listing in snapshot.listings.values() for line in listing.relative]
    if lines:
        examples = tuple(Example(snapshot.name(file), number, text) for file, number, text in lines[:20])
        yield Finding(f"{amount(len(lines), 'image')} listed by a relative path", len(lines), examples)


@check(
    "config.symlinked_split",
    severity=Severity.ERROR,
    hint="link the images one by one, or the folder above `images` and `labels`",
    ultralytics="follows the link before it looks for labels: every image becomes a background",
)
def symlinked_split(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The folder of a split is a link to somewhere without labels."""
    for split, places in (snapshot.config.places if snapshot.config else {}).items():
        for place in places:
            real = os.path.realpath(place)
            if real == place or not os.path.isdir(place):
                continue
            images = [image for image in snapshot.listings[split].images if image.startswith(place + os.sep)][:100]
            here = any(os.path.isfile(label_file(image)) for image in images)
            if here and not any(os.path.isfile(label_file(real + image[len(place) :])) for image in images):
                message = f"{split}: {snapshot.name(place)} leads to {real}, where no labels are"
                yield Finding(message, 1, (Example(snapshot.name(place), None, real),))


@check(
    "config.download",
    severity=Severity.WARNING,
    hint="remove it",
    ultralytics="runs it as a Python program when an image folder is missing",
)
def download(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The data.yaml has a `download` key."""
    script = snapshot.config.content.get("download") if snapshot.config else None
    if snapshot.config and script:
        kind = "an address" if str(script).lower().startswith("http") else "a program"
        yield _found(snapshot.config, f"`download` holds {kind} that a missing folder would set off")


@check(
    "config.wrong_type",
    severity=Severity.ERROR,
    hint="a split is a path or a list of paths",
    ultralytics=_DOES_NOT_START,
)
def wrong_type(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A key of the data.yaml holds something else than it has to."""
    config = snapshot.config
    wanted = {"path": str, **dict.fromkeys((*SPLITS, "validation"), (str, list)), "kpt_shape": list, "flip_idx": list}
    for key, types in wanted.items():
        value = config.content.get(key) if config else None
        whole = not isinstance(value, list) or key not in SPLITS or all(isinstance(entry, str) for entry in value)
        if config and value is not None and not (isinstance(value, types) and whole):  # type: ignore[arg-type]
            yield _found(config, f"{key}: found {shown(value)}, of type {type(value).__name__}")
