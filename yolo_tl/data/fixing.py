"""A repaired copy of a YOLO data set, and the list of everything that was repaired."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml

from yolo_tl.data.checking import line_of
from yolo_tl.data.checks.config_file import ConfigFile, find_config, read_config
from yolo_tl.data.checks.images import right_suffix
from yolo_tl.data.checks.probe import End, State
from yolo_tl.data.checks.shapes import is_order
from yolo_tl.data.checks.snapshot import Snapshot, scan
from yolo_tl.data.clean import Cleaned, clean
from yolo_tl.data.conversion import LEDGER
from yolo_tl.data.formats.base import Output
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.placing import Link, place_images, places
from yolo_tl.data.records import ImageRecord
from yolo_tl.data.repairing import Journal, events
from yolo_tl.data.split import SPLITS
from yolo_tl.data.targets import require_apart, require_replaceable
from yolo_tl.data.yolo.write import write
from yolo_tl.errors import DataError, FormatError
from yolo_tl.files import staged_folder, stamped, write_json

FIXES = "fixes.json"
_SMALLEST = 10  # px a side; Ultralytics refuses less


@dataclass(frozen=True)
class FixReport:
    """What was repaired.

    Attributes:
        data: the new data.yaml.
        task: what the rows of the new data set are for.
        images: images written.
        boxes: rows written.
        splits: images of each split.
        classes: names, by index.
        actions: how often each was taken, by ``left out row: not finite`` and so on.
        fixes: every one of them: action, what, reason, file, line, detail.
    """

    data: Path
    task: str
    images: int
    boxes: int
    splits: dict[str, int]
    classes: list[str]
    actions: dict[str, int]
    fixes: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {**asdict(self), "data": str(self.data)}


def fix(
    data: Path | str,
    out: Path | str,
    *,
    task: Literal["detect", "segment", "obb", "pose"] | None = None,
    unlabelled: Literal["background", "drop", "error"] = "background",
    duplicates: Literal["drop", "keep"] = "drop",
    link: Link = "auto",
    workers: int = 1,
    overwrite: bool = False,
    dry_run: bool = False,
) -> FixReport:
    """Write a repaired copy of a YOLO data set; the original is not touched.

    Rows: separators, decimal commas, names for numbers, confidence columns and encodings are
    mended, boxes clipped and turned around; rows that stay meaningless, repeat another or have no
    area are left out. Images that cannot be decoded, that are copies in one split, or that are
    in train and in val or test are left out; names are made unique and composed. No pixel changes:
    images are linked or copied. Every action is in the report and in ``fixes.json``.

    Args:
        data: a data.yaml, or its folder.
        out: the folder to make.
        task: what the rows are to be; by default what most of them are.
        unlabelled: what an image without a label file is.
        duplicates: whether copies of images go; those between train and val or test always do.
        link: how images are placed.
        workers: processes that decode images; 0 takes one for each core.
        overwrite: replace a folder that was made here before.
        dry_run: do everything but write.

    Raises:
        FormatError: `data` is no YOLO data set.
        ParseError: the data.yaml cannot be understood at all.
        DataError: nothing would be left of train.
        UsageError: `out` cannot be used.
        WriteError: the folder could not be written; nothing is left of it.
    """
    source, out = Path(data), Path(out)
    file = find_config(source)
    if file is None:
        raise FormatError(f"{source}: expected a data.yaml, found none", hint="yolo-tl convert mends as it converts")
    config = read_config(file)
    snapshot = scan(config, workers=workers)
    listings = [Path(folder) for listing in snapshot.listings.values() for folder in listing.folders]
    require_apart(out, [config.file.parent, *listings])
    require_replaceable(out, mark=LEDGER, overwrite=overwrite)
    task = task or _task(snapshot)
    journal = Journal(Path(snapshot.base))
    options = ReadOptions(task=task, missing_images="drop", unlabelled=unlabelled, workers=workers)
    cleaned = clean(events(snapshot, journal, task=task), options=options, ledger=journal)
    records = _kept(snapshot, cleaned, journal, duplicates=duplicates, workers=workers)
    if not any(record.split == "train" for record in records) and "train" in snapshot.present:
        raise DataError(
            f"{file}: nothing would be left of train", hint="its images are those of val or test: yolo-tl split"
        )
    targets = _renamed(records, places(records, journal), snapshot, journal)
    if dry_run:
        return _report(out, task, records, cleaned, journal, sum(len(r.annotations) for r in records))
    with staged_folder(out, overwrite=True) as stage:
        ways = place_images(stage, records, targets, link=link, unfinished=cleaned.unfinished)
        journal.note("images placed: " + ", ".join(f"{count} by {way}" for way, count in sorted(ways.items())))
        output = Output(stage, records, targets, cleaned.classes, cleaned.keypoints, task)
        journal.images_out, journal.annotations_out = ways.total(), write(output)
        journal.backgrounds = sum(not record.annotations for record in records)
        journal.check()
        _keep_flip(stage / "data.yaml", config)
        report = _report(out, task, records, cleaned, journal, journal.annotations_out)
        write_json(stage / LEDGER, {**journal.to_json(), "source": str(file), "classes": report.classes})
        fixed = {"source": str(file), "actions": report.actions, "fixes": report.fixes}
        write_json(stage / FIXES, stamped(FIXES, fixed))
    return report


def _task(snapshot: Snapshot) -> Literal["detect", "segment", "obb", "pose"]:
    """What most rows are: a stray polygon among boxes becomes a box, a stray box among polygons a polygon."""
    if snapshot.task == "segment" and (snapshot.rows.columns <= 6).sum() > (snapshot.rows.columns > 6).sum():
        return "detect"
    if snapshot.task == "pose" and not (snapshot.config and snapshot.config.keypoint_shape):
        return "detect"
    return snapshot.task  # type: ignore[return-value]


def _kept(
    snapshot: Snapshot, cleaned: Cleaned, journal: Journal, *, duplicates: str, workers: int
) -> list[ImageRecord]:
    """The records without images that cannot be trained on, copies and leaks."""
    index = {
        (image, SPLITS[int(split)]): i
        for i, (image, split) in enumerate(zip(snapshot.images, snapshot.split.tolist(), strict=True))
    }
    positions = [index[os.fspath(record.path), str(record.split)] for record in cleaned.records]
    reasons = _unusable(snapshot, workers)
    # Of equal images the one in test stays, else that in val, so that what is measured stays the same.
    first: dict[int, int] = {}
    for i in sorted((i for i in positions if i not in reasons), key=lambda i: (-int(snapshot.split[i]), i)):
        keeper = first.setdefault(int(snapshot.content[i]), i)
        if keeper == i:
            continue
        same_split = snapshot.split[i] == snapshot.split[keeper]
        if same_split and duplicates == "keep":
            continue
        differs = ", labelled differently" if snapshot.digests[i] != snapshot.digests[keeper] else ""
        detail = f"as {snapshot.name(snapshot.images[keeper])}{differs}"
        reasons[i] = ("duplicate_image" if same_split else "leak", detail)
    kept = []
    for i, record in zip(positions, cleaned.records, strict=True):
        if i not in reasons:
            kept.append(record)
            if not record.labelled:
                journal.enter("changed", "image", "taken_for_background", record.path, "", "it has no label file")
            continue
        reason, detail = reasons[i]
        journal.drop_image(reason, record.path, detail)
        for annotation in record.annotations:
            journal.drop(reason, record.source, annotation.place, journal.name(record.path))
    return kept


def _unusable(snapshot: Snapshot, workers: int) -> dict[int, tuple[str, str]]:
    """Images that Ultralytics would leave out, or stumble over, by index, with the reason."""
    found: dict[int, tuple[str, str]] = {}
    readable = snapshot.pixels(workers).readable
    for i, p in enumerate(snapshot.probes):
        if p.state == State.ABSURD:
            found[i] = "absurd_size", p.detail
        elif p.state == State.SOUND and min(p.size) < _SMALLEST:
            found[i] = "too_small", "{} x {} px".format(*p.size)
        elif p.end == End.TRUNCATED:
            found[i] = "truncated", ""
        elif p.format in ("gif", "pnm"):
            found[i] = "not_trained_on", f"the content is {p.format}"
        elif p.state == State.SOUND and not readable[i]:
            found[i] = "undecodable", ""
    return found


def _renamed(
    records: Sequence[ImageRecord], targets: Sequence[PurePosixPath], snapshot: Snapshot, journal: Journal
) -> list[PurePosixPath]:
    """Places with names in composed Unicode, and with the suffix of what the file holds."""
    formats = {image: p.format for image, p in zip(snapshot.images, snapshot.probes, strict=True)}
    renamed = []
    for record, target in zip(records, targets, strict=True):
        composed = target.with_name(unicodedata.normalize("NFC", target.name))
        if composed != target:
            journal.repair_image("composed_name", record.path, composed.name)
        suffix = right_suffix(os.fspath(record.path), formats[os.fspath(record.path)])
        if suffix:
            composed = composed.with_suffix(suffix)
            journal.repair_image("suffix", record.path, composed.name)
        renamed.append(composed)
    return renamed


def _keep_flip(file: Path, config: ConfigFile) -> None:
    """Carry `flip_idx` over where it is sound; the writer knows only the names of the keypoints."""
    order = config.content.get("flip_idx")
    count = config.keypoint_shape[0] if config.keypoint_shape else 0
    if count and isinstance(order, list) and is_order(order, count) and all(order[order[i]] == i for i in order):
        content = {**yaml.safe_load(file.read_text("utf-8")), "flip_idx": order}
        file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")


def _report(
    out: Path, task: str, records: Sequence[ImageRecord], cleaned: Cleaned, journal: Journal, boxes: int
) -> FixReport:
    actions = Counter(f"{e['action']} {e['what']}: {e['reason'].replace('_', ' ')}" for e in journal.entries)
    fixes: list[dict[str, Any]] = [{**entry, "line": line_of(entry["place"])} for entry in journal.entries]
    sizes = Counter(record.split for record in records)
    return FixReport(
        data=out / "data.yaml",
        task=task,
        images=len(records),
        boxes=boxes,
        splits={split: sizes[split] for split in SPLITS if sizes[split]},
        classes=list(cleaned.classes),
        actions=dict(actions.most_common()),
        fixes=fixes,
    )
