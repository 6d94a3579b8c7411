"""The events of a damaged YOLO data set: what its reader would refuse is mended, and entered in the journal."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yolo_tl.data.checks.files import misspelled_labels, orphan_labels
from yolo_tl.data.checks.rows import LabelState, decoded
from yolo_tl.data.checks.snapshot import Snapshot
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder
from yolo_tl.data.split import SPLITS
from yolo_tl.data.yolo.label_rows import RowReader


class Journal(Ledger):
    """A ledger that keeps every entry, and not the first of each reason only.

    Attributes:
        entries: ``{action, what, reason, file, place, detail}``, in the order they were made.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.entries: list[dict[str, str]] = []

    def drop(self, reason: str, source: Path, place: str, detail: str = "") -> None:
        """A row is not written."""
        super().drop(reason, source, place, detail)
        self.enter("left out", "row", reason, source, place, detail)

    def repair(self, reason: str, source: Path, place: str, detail: str = "") -> None:
        """A row is written otherwise."""
        super().repair(reason, source, place, detail)
        self.enter("changed", "row", reason, source, place, detail)

    def drop_image(self, reason: str, image: Path, detail: str = "") -> None:
        """An image is not written."""
        super().drop_image(reason, image, detail)
        self.enter("left out", "image", reason, image, "", detail)

    def repair_image(self, reason: str, image: Path, detail: str = "") -> None:
        """An image is written otherwise."""
        super().repair_image(reason, image, detail)
        self.enter("changed", "image", reason, image, "", detail)

    def enter(self, action: str, what: str, reason: str, file: Path, place: str = "", detail: str = "") -> None:
        """Something else is done, which the accounts of rows and images do not know."""
        entry = {"action": action, "what": what, "reason": reason, "file": self.name(file), "place": place}
        self.entries.append({**entry, "detail": detail})


def events(snapshot: Snapshot, journal: Journal, *, task: str) -> Iterator[Event]:
    """The images of every split with the rows of their label files, in any encoding and with any separator."""
    assert snapshot.config is not None
    names = _class_names(snapshot, journal)
    yield ClassOrder(names)
    shape = snapshot.config.keypoint_shape
    if shape:
        yield KeypointOrder(_keypoint_names(snapshot.config.content, shape[0]))
    reader = RowReader(names, shape, oriented=task == "obb")
    misspelled, encodings = misspelled_labels(snapshot), dict(snapshot.encodings)
    for i, (image, label) in enumerate(zip(snapshot.images, snapshot.labels, strict=True)):
        source = Path(label)
        if i in misspelled:
            source = Path(misspelled[i])
            journal.enter("changed", "label file", "renamed", source, "", f"as {os.path.basename(label)}")
        if i in encodings:
            journal.enter("changed", "label file", "encoding", source, "", f"{encodings[i]} to UTF-8")
        annotations: list[Annotation] = []
        for number, line in enumerate(_lines(source), start=1):
            if not line.strip():
                continue
            item = reader.read_row(line, f"line {number}")
            if isinstance(item, Annotation):
                annotations.append(item)
            else:
                yield Dropped(item[0], source, f"line {number}", item[1])
        labelled = snapshot.label_state[i] == LabelState.READ or i in misspelled
        split = SPLITS[int(snapshot.split[i])]
        yield ImageRecord(Path(image), source, tuple(annotations), split, relative=True, labelled=labelled)
    for path in orphan_labels(snapshot):
        if path not in misspelled.values():
            journal.enter("left out", "label file", "orphan", Path(path), "", "there is no image of that name")


def _lines(path: Path) -> list[str]:
    try:
        return decoded(path.read_bytes())[0].splitlines()
    except OSError:  # missing, or may not be read
        return []


def _class_names(snapshot: Snapshot, journal: Journal) -> tuple[str, ...]:
    """The names in composed Unicode, without spaces around them, where that makes no two of them equal."""
    assert snapshot.config is not None
    tidy = [" ".join(unicodedata.normalize("NFC", name).split()) or name for name in snapshot.names]
    names = [new if tidy.count(new) == 1 else old for new, old in zip(tidy, snapshot.names, strict=True)]
    for i, (new, old) in enumerate(zip(names, snapshot.names, strict=True)):
        if new != old:
            journal.enter(
                "changed", "class name", "spelling", snapshot.config.file, f"class {i}", f"{old!r} to {new!r}"
            )
    if len(set(names)) < len(names):
        for i, name in enumerate(names):
            if name in names[:i]:
                detail = f"{name!r} is class {names.index(name)}"
                journal.enter("changed", "class name", "merged", snapshot.config.file, f"class {i}", detail)
    return tuple(names)


def _keypoint_names(content: dict[Any, Any], count: int) -> tuple[str, ...]:
    given = content.get("kpt_names")
    given = next(iter(given.values()), None) if isinstance(given, dict) else given
    names = tuple(map(str, given)) if isinstance(given, list) else ()
    return names if len(names) == len(set(names)) == count else tuple(str(i) for i in range(count))
