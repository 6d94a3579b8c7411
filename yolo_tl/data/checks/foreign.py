"""Annotations in another format than YOLO's, as the checks look at them; and what converting would lose."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_tl.data.checks.base import amount
from yolo_tl.data.checks.finding import Example, Finding, Severity
from yolo_tl.data.checks.probe import probe
from yolo_tl.data.checks.rows import Kind, LabelState, RowReader, Rows
from yolo_tl.data.checks.snapshot import Snapshot
from yolo_tl.data.clean import clean
from yolo_tl.data.detect import choose
from yolo_tl.data.ledger import Ledger, Tally
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ImageRecord
from yolo_tl.data.split import SPLITS
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each

# Left out on purpose: a default says so.
_BY_CHOICE = {"crowd", "difficult", "ignore", "not_asked_for", "tag", "not_a_tag", "merged", "unlabelled"}
_LOST = {"missing_image", "unreadable_image"}


@dataclass(frozen=True, eq=False)
class Foreign:
    """What a source of another format holds.

    Attributes:
        snapshot: its images and objects.
        findings: what converting it would drop or repair.
        format: the format, and what spoke for it.
        has_splits: the source says what is train and what is val.
        notes: decisions about the whole source.
    """

    snapshot: Snapshot
    findings: list[Finding]
    format: str
    has_splits: bool
    notes: list[str]


def read_foreign(source: Path, *, format: str | None, task: str, workers: int = 1) -> Foreign:
    """Read annotations as `yolo_tl.data.conversion.convert` would.

    Raises:
        DataNotFound: the source is empty.
        FormatError: no format fits, or several do.
        ParseError: an annotation file breaks the rules of its format.
    """
    options = ReadOptions(task=task, missing_images="drop", unknown_class="drop", workers=workers)  # type: ignore[arg-type]
    tree = Tree(source)
    match = choose(tree, format)
    ledger = Ledger(tree.root)
    cleaned = clean(match.format.read(tree, options), options=options, ledger=ledger)
    records = cleaned.records
    images = [os.path.abspath(record.path) for record in records]
    rows, places = _rows(records, cleaned.classes, task)
    snapshot = Snapshot(
        base=os.path.abspath(tree.root),
        config=None,
        names=cleaned.classes,
        images=images,
        labels=[os.path.abspath(record.source) for record in records],
        split=np.array([SPLITS.index(r.split) if r.split in SPLITS else -1 for r in records], np.int8),
        probes=list(each(probe, images, workers=workers)),
        label_state=np.array([LabelState.READ if r.labelled else LabelState.MISSING for r in records], np.int8),
        digests=[0] * len(records),
        rows=rows,
        places=places,
        stated_task=task,
    )
    has_splits = len({record.split for record in records} - {None}) > 1
    findings = list(_findings(ledger))
    return Foreign(snapshot, findings, f"{match.format.name}: {match.why}", has_splits, ledger.notes)


def _rows(records: Sequence[ImageRecord], classes: Sequence[str], task: str) -> tuple[Rows, list[str]]:
    ids = {name: i for i, name in enumerate(classes)}
    image, columns, places = [], [], []
    values: list[float] = []
    for i, record in enumerate(records):
        width, height = record.size or (1, 1)
        for annotation in record.annotations:
            numbers = _numbers(annotation, width, height, task)
            image.append(i)
            columns.append(1 + len(numbers))
            places.append(annotation.place)
            values.append(ids[annotation.name])
            values += numbers
    reader = RowReader()
    reader.put(image, columns, values)
    rows = reader.rows()
    assert task != "segment" or not len(rows) or (rows.kind != Kind.ODD).all()
    return rows, places


def _numbers(annotation: Annotation, width: int, height: int, task: str) -> list[float]:
    """The shares that a YOLO row of the task would hold after the class; of poses the box only."""
    shape = annotation.parts[0] if task == "segment" and annotation.parts else ()
    shape = annotation.corners if task == "obb" else shape
    if shape:
        return [value / (height if i % 2 else width) for i, value in enumerate(shape)]
    if annotation.box is None:  # a tag
        return [0.5, 0.5, 1.0, 1.0]
    x1, y1, x2, y2 = annotation.box
    return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]


def _findings(ledger: Ledger) -> list[Finding]:
    found = []
    for tally, noun, fate in (
        (ledger.dropped, "annotation", "left out"),
        (ledger.images_dropped, "image", "left out"),
        (ledger.repaired, "annotation", "changed"),
        (ledger.images_repaired, "image", "changed"),
    ):
        found += [_finding(tally, reason, noun, fate) for reason in tally.counts]
    return found


def _finding(tally: Tally, reason: str, noun: str, fate: str) -> Finding:
    if reason in _LOST:
        severity = Severity.ERROR
    else:
        severity = Severity.INFO if fate == "changed" or reason in _BY_CHOICE else Severity.WARNING
    count = tally.counts[reason]
    examples = tuple(
        Example(e["file"], None, " ".join(filter(None, (e["place"], e["detail"])))) for e in tally.examples[reason]
    )
    message = f"{amount(count, noun)} {fate} by convert: {reason.replace('_', ' ')}"
    hint = "yolo-tl convert keeps each in its ledger; its options decide about many of them"
    return Finding(message, count, examples, severity, hint, id=f"convert.{reason}")
