"""New splits for a data set: balanced, with what belongs together on one side, or cross-validation folds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from yolo_tl.data.duplicates import Embed
from yolo_tl.data.duplicates import near_duplicates as find_near_duplicates
from yolo_tl.data.groups import Groups, groups_of, joined
from yolo_tl.data.hashes import Pairs
from yolo_tl.data.image_size import image_size
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.placing import Link, place_images, places
from yolo_tl.data.records import ImageRecord
from yolo_tl.data.split import SPLITS, Ratios
from yolo_tl.data.stratify import Objects, stratify
from yolo_tl.data.targets import require_apart, require_replaceable
from yolo_tl.data.yolo.data_yaml import DataYaml
from yolo_tl.data.yolo.labelled import LabelledImage, LabelledSet, box_of, read_labelled
from yolo_tl.errors import ConfigError
from yolo_tl.files import staged_folder, stamped, write_json

REPORT = "split.json"
_POOL = "all"  # folder of the images that folds are made of
_LARGE = 0.2  # share of the images in one group from which its place decides what a split looks like


@dataclass(frozen=True)
class SplitReport:
    """What a split did, or, on a dry run, would do.

    Attributes:
        data: the data.yaml, or that of the first fold.
        images: images in each part: a split, or the images a fold validates on.
        backgrounds: those of them without an object.
        classes: ``{class: {part: objects}}``.
        shares: ``{class: {part: share of the class's objects}}``.
        deviation: points (0 to 100) by which a class with enough objects misses the share wanted, at most.
        groups: groups of two images or more that were kept together.
        near_duplicates: pairs of near-duplicates found; None where nobody looked.
        leaks: groups and near-duplicates on both sides after all; only splits that were kept can have some.
        notes: decisions.
    """

    data: Path
    images: dict[str, int]
    backgrounds: dict[str, int]
    classes: dict[str, dict[str, int]]
    shares: dict[str, dict[str, float]]
    deviation: float
    groups: int
    near_duplicates: int | None
    leaks: int
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return stamped(REPORT, {**asdict(self), "data": str(self.data)})


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which part each image goes to; parts are splits or, of folds, the one it is validated in."""

    parts: list[str]
    order: tuple[str, ...]
    wanted: dict[str, float]
    groups: Groups
    pairs: Pairs | None
    notes: list[str]


def split(
    data: Path | str,
    out: Path | str,
    *,
    ratios: Ratios = (0.8, 0.2, 0.0),
    folds: int | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    keep: Sequence[str] = (),
    seed: int = 0,
    link: Link = "auto",
    workers: int = 1,
    embed: Embed | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> SplitReport:
    """Make a new data set folder with other splits; the old one stays as it is.

    Every split gets its share of the objects of each class and size, and of the backgrounds.
    Images of one group, and near-duplicates, are never on both sides. Label files are copied as
    they are, so the task does not matter.

    With folds, the images lie in one folder, and ``fold_0.yaml`` to ``fold_<k-1>.yaml`` are data sets
    that name them in lists; each image is validated on in exactly one.

    Args:
        data: a data.yaml or the folder that holds it.
        out: the folder to make; not inside the data set.
        ratios: shares of train, val and test.
        folds: number of folds, instead of `ratios`.
        group_by: see `yolo_tl.data.groups.groups_of`; several are joined.
        near_duplicates: look for them, about 1 ms for each image.
        keep: splits to keep as they are; groups that reach into one join it.
        seed: decides between equally good splits.
        link: how images are placed.
        workers: processes that decode; 0 takes one for each core.
        embed: see `yolo_tl.data.duplicates.near_duplicates`.
        overwrite: replace a folder that was made here before.
        dry_run: do everything but write.

    Raises:
        ConfigError: ratios, folds, keep or group_by do not make sense.
        DataNotFound: the data set, one of its splits or images does not exist.
        ParseError: the data.yaml or a label file is malformed.
        ImageError: an image is missing or not an image.
        UsageError: `out` cannot be used.
        WriteError: the folder could not be written; nothing is left of it.
    """
    labelled, out = read_labelled(data), Path(out)
    require_apart(out, [labelled.yaml.root])
    require_replaceable(out, mark=REPORT, overwrite=overwrite or dry_run)
    _require_sense(labelled, ratios, folds, keep)
    names = [image.name for image in labelled.images]
    groupings = [groups_of(names, way) for way in group_by]
    pairs = None
    if near_duplicates:
        paths = [image.path for image in labelled.images]
        pairs = find_near_duplicates(paths, workers=workers, embed=embed).pairs
    groups = joined(len(names), groupings, pairs)
    plan = _plan(labelled, groups, pairs, ratios=ratios, folds=folds, keep=keep, seed=seed)
    report = _report(labelled, plan, out / ("fold_0.yaml" if folds else "data.yaml"))
    if not dry_run:
        with staged_folder(out, overwrite=overwrite) as stage:
            _write(stage, labelled, plan, folds=folds, link=link)
            write_json(stage / REPORT, report.to_json())
    return report


def _require_sense(labelled: LabelledSet, ratios: Ratios, folds: int | None, keep: Sequence[str]) -> None:
    if len(ratios) != 3 or not min(ratios) >= 0 or abs(sum(ratios) - 1) > 1e-6 or ratios[0] == 0:
        raise ConfigError(f"ratios: expected shares of train, val and test that add up to 1, found {tuple(ratios)}")
    present = labelled.yaml.images
    if unknown := [name for name in keep if name not in present]:
        raise ConfigError(f"keep: the data set has no split {unknown[0]!r}, only {', '.join(present)}")
    if not any(image.split not in keep for image in labelled.images):
        raise ConfigError("keep: every split is kept; there is nothing left to split")
    if folds is not None:
        if set(keep) - {"test"}:
            raise ConfigError("keep: with folds only test can be kept", hint="train and val are what folds are made of")
        if folds < 2:
            raise ConfigError(f"folds: expected 2 or more, found {folds}")
    if (twins := len(labelled.images) - len({os.path.realpath(image.path) for image in labelled.images})) > 0:
        raise ConfigError(f"{labelled.yaml.file}: {twins} images are named in several splits, or twice in one")


def _plan(
    labelled: LabelledSet,
    groups: Groups,
    pairs: Pairs | None,
    *,
    ratios: Ratios,
    folds: int | None,
    keep: Sequence[str],
    seed: int,
) -> _Plan:
    images = labelled.images
    parts = [image.split if image.split in keep else "" for image in images]
    notes = [f"kept as it is: {', '.join(keep)}"] if keep else []
    homes: dict[str, str] = {}
    for part, group in zip(parts, groups, strict=True):
        if part and group is not None:
            homes.setdefault(group, part)
    moved = [i for i, group in enumerate(groups) if not parts[i] and group in homes]
    for i in moved:
        parts[i] = homes[groups[i] or ""]
    if moved:
        notes.append(f"{len(moved)} images joined a kept split, because their group or a near-duplicate is in it")
    free = [i for i, part in enumerate(parts) if not part]
    if not free:
        raise ConfigError("keep: all images belong to groups of the kept splits; there is nothing left to split")
    order: tuple[str, ...] = tuple(f"fold {k}" for k in range(folds)) if folds else SPLITS
    shares = [1 / folds] * folds if folds else _open_shares(ratios, keep)
    chosen = [images[i] for i in free]
    free_groups = [groups[i] for i in free]
    keys = [f"{image.split}/{image.name}" for image in chosen]
    placed = stratify(
        _objects(chosen, labelled), shares, keys=keys, groups=free_groups, seed=seed, in_order=folds is None
    )
    for i, number in zip(free, placed, strict=True):
        parts[i] = order[number]
    largest = max(np.unique([group for group in groups if group is not None], return_counts=True)[1], default=0)
    if largest > _LARGE * len(images):
        notes.append(
            f"the largest group holds {largest} of {len(images)} images, so shares may be missed; "
            "are they really one thing (a fixed camera)?"
        )
    units = len({group for group in free_groups if group is not None}) + sum(group is None for group in free_groups)
    if units < sum(share > 0 for share in shares):
        if folds:
            raise ConfigError(f"folds: expected at most {units}, as many as there are groups, found {folds}")
        notes.append(f"there are only {units} groups to split: a part stays empty")
    wanted = dict(zip(order, shares, strict=True))
    present = tuple(part for part in (*order, "test") if part in parts or wanted.get(part))
    return _Plan(parts, tuple(dict.fromkeys(present)), wanted, groups, pairs, notes)


def _open_shares(ratios: Ratios, keep: Sequence[str]) -> list[float]:
    """The shares of the splits that are not kept, of what is left."""
    shares = [0.0 if name in keep else ratio for name, ratio in zip(SPLITS, ratios, strict=True)]
    if not sum(shares):
        raise ConfigError("ratios: expected a share for a split that is not kept")
    return [share / sum(shares) for share in shares]


def _objects(images: Sequence[LabelledImage], labelled: LabelledSet) -> Objects:
    numbers = {name: i for i, name in enumerate(labelled.names)}
    owners, classes, areas = [], [], []
    for i, image in enumerate(images):
        if not image.objects:
            continue
        width, height = image_size(image.path)
        for item in image.objects:
            x1, y1, x2, y2 = box_of(item)
            owners.append(i)
            classes.append(numbers[item.name])
            areas.append((x2 - x1) * width * (y2 - y1) * height)
    as_arrays = np.array(owners, np.int64), np.array(classes, np.int64), np.array(areas, np.float64)
    return Objects(*as_arrays, len(images), len(labelled.names))


def _report(labelled: LabelledSet, plan: _Plan, data: Path) -> SplitReport:
    images = labelled.images
    counts = {name: dict.fromkeys(plan.order, 0) for name in labelled.names}
    for image, part in zip(images, plan.parts, strict=True):
        for item in image.objects:
            counts[item.name][part] += 1
    shares, deviation = {}, 0.0
    drawn = [part for part in plan.order if plan.wanted.get(part)]
    for name, row in counts.items():
        total = sum(row.values())
        shares[name] = {part: round(count / total, 4) if total else 0.0 for part, count in row.items()}
        open_total = sum(row[part] for part in drawn)
        if open_total * min((plan.wanted[part] for part in drawn), default=0) >= 5:  # fewer cannot be shared out
            misses = [abs(row[part] / open_total - plan.wanted[part]) for part in drawn]
            deviation = max(deviation, 100 * max(misses))
    sizes = np.unique([group for group in plan.groups if group is not None], return_counts=True)[1]
    return SplitReport(
        data=data,
        images={part: plan.parts.count(part) for part in plan.order},
        backgrounds={
            part: sum(p == part and not image.objects for image, p in zip(images, plan.parts, strict=True))
            for part in plan.order
        },
        classes=counts,
        shares=shares,
        deviation=round(deviation, 3),
        groups=len(sizes),
        near_duplicates=None if plan.pairs is None else len(plan.pairs),
        leaks=_leaks(plan),
        notes=plan.notes,
    )


def _leaks(plan: _Plan) -> int:
    """Groups with images in several parts."""
    parts: dict[str, set[str]] = {}
    for group, part in zip(plan.groups, plan.parts, strict=True):
        if group is not None:
            parts.setdefault(group, set()).add(part)
    return sum(len(found) > 1 for found in parts.values())


def _write(stage: Path, labelled: LabelledSet, plan: _Plan, *, folds: int | None, link: Link) -> None:
    records = [
        ImageRecord(image.path, image.labels, split=_POOL if part.startswith("fold ") else part)
        for image, part in zip(labelled.images, plan.parts, strict=True)
    ]
    ledger = Ledger(labelled.yaml.root)
    targets = places(records, ledger)
    place_images(stage, records, targets, link=link)
    for record, target in zip(records, targets, strict=True):
        path = stage / "labels" / target.relative_to("images").with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.source.read_bytes() if record.source.is_file() else b"")
    common = dict(_common(labelled.yaml))
    tested = {"test": "images/test"} if "test" in plan.parts else {}
    if not folds:
        # Ultralytics asks for the keys train and val even where they are empty.
        present = {name: f"images/{name}" if name in plan.parts else None for name in ("train", "val")}
        _write_yaml(stage / "data.yaml", {**present, **tested, **common})
        return
    for k in range(folds):
        lists = {"train": f"fold_{k}_train.txt", "val": f"fold_{k}_val.txt"}
        for name, file in lists.items():
            chosen = [
                f"./{target}\n"  # Ultralytics then starts from the folder of the list
                for target, part in zip(targets, plan.parts, strict=True)
                if part.startswith("fold ") and (part == f"fold {k}") == (name == "val")
            ]
            (stage / file).write_bytes("".join(sorted(chosen)).encode("utf-8", "surrogateescape"))
        _write_yaml(stage / f"fold_{k}.yaml", {**lists, **tested, **common})


def _common(source: DataYaml) -> Iterator[tuple[str, object]]:
    """What stays as it was in the yaml."""
    if source.task:
        yield "task", source.task
    if source.keypoints:
        yield "kpt_shape", list(source.keypoints)
        if source.flip_idx:
            yield "flip_idx", list(source.flip_idx)
        yield "kpt_names", {i: list(source.keypoint_names) for i in range(len(source.names))}
    yield "names", dict(enumerate(source.names))


def _write_yaml(path: Path, content: dict[str, object]) -> None:
    path.write_bytes(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
