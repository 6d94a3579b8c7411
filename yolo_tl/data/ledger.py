"""The ledger: every annotation of the source ends as written, or dropped for a named reason."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo_tl.files import stamped


@dataclass
class Tally:
    """How often each reason occurred, with the first few occurrences.

    Attributes:
        counts: by reason.
        examples: by reason; plain dictionaries ``{file, place, detail}``.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def add(self, reason: str, file: str, place: str, detail: str = "", *, keep: int = 20) -> None:
        """Count one occurrence, and keep it as an example if there are fewer than `keep` of them."""
        self.counts[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < keep:
            examples.append({"file": file, "place": place, "detail": detail})

    def to_json(self) -> dict[str, Any]:
        """``{reason: {count, examples}}``, reasons in alphabetical order."""
        return {
            reason: {"count": self.counts[reason], "examples": self.examples[reason]} for reason in sorted(self.counts)
        }


class Ledger:
    """The accounts of one conversion.

    `annotations_in` counts what the reader delivers, `annotations_out` the rows that the
    writer writes: two ends that know nothing of each other, so that `check` proves something.
    `annotations_added` counts those that came from splitting one object into several.

    Args:
        root: the source folder; files are named relative to it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = os.path.join(os.fspath(root), "")
        self.annotations_in = self.annotations_out = self.annotations_added = 0
        self.images_in = self.images_out = self.backgrounds = 0
        self.dropped, self.repaired = Tally(), Tally()
        self.images_dropped, self.images_repaired = Tally(), Tally()
        self.notes: list[str] = []

    def name(self, path: Path) -> str:
        """`path` as it stands in the ledger."""
        text = os.fspath(path)  # as text: a path is named for each image, and pathlib takes 10 µs
        return (text[len(self._prefix) :] if text.startswith(self._prefix) else text).replace(os.sep, "/")

    def drop(self, reason: str, source: Path, place: str, detail: str = "") -> None:
        """An annotation is not written."""
        self.dropped.add(reason, self.name(source), place, detail)

    def repair(self, reason: str, source: Path, place: str, detail: str = "") -> None:
        """An annotation is written, but not as the source has it."""
        self.repaired.add(reason, self.name(source), place, detail)

    def drop_image(self, reason: str, image: Path, detail: str = "") -> None:
        """An image is not written."""
        self.images_dropped.add(reason, self.name(image), "", detail)

    def repair_image(self, reason: str, image: Path, detail: str = "") -> None:
        """An image is written, but not as the source describes it."""
        self.images_repaired.add(reason, self.name(image), "", detail)

    def note(self, text: str) -> None:
        """A decision about the whole data set."""
        self.notes.append(text)

    def check(self) -> None:
        """Prove that in (+ added) = out + dropped, for annotations and images.

        Raises:
            AssertionError: a format reader or the writer has lost something: a fault of this package.
        """
        for what, entered, left, tally in (
            ("annotations", self.annotations_in + self.annotations_added, self.annotations_out, self.dropped),
            ("images", self.images_in, self.images_out, self.images_dropped),
        ):
            gone = sum(tally.counts.values())
            if entered != left + gone:
                raise AssertionError(f"the ledger does not add up: {entered} {what} in, {left} out, {gone} dropped")

    def to_json(self) -> dict[str, Any]:
        """The accounts as plain JSON values; the shape is fixed by `schema`."""
        content = {
            "annotations": {
                "in": self.annotations_in,
                "added": self.annotations_added,
                "out": self.annotations_out,
                "dropped": self.dropped.to_json(),
                "repaired": self.repaired.to_json(),
            },
            "images": {
                "in": self.images_in,
                "out": self.images_out,
                "backgrounds": self.backgrounds,
                "dropped": self.images_dropped.to_json(),
                "repaired": self.images_repaired.to_json(),
            },
            "notes": self.notes,
        }
        return stamped("ledger.json", content)
