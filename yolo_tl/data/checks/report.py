"""What all checks found."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from yolo_tl.data.checks.finding import Finding, Severity
from yolo_tl.data.checks.snapshot import Snapshot


@dataclass(frozen=True)
class CheckReport:
    """What the checks found.

    Attributes:
        data: the data.yaml, or the source of another format.
        format: its format, and what spoke for it.
        task: what the data set is for.
        images: how many it has.
        boxes: label rows, or annotations.
        splits: images of each split.
        classes: objects of each class.
        ignored: images that Ultralytics would leave out, with a line in a log.
        findings: the worst first.
        ran: ids of the checks that ran.
        skipped: ids of those that did not.
        notes: decisions of the reader about the whole source.
        snapshot: what was looked at.
    """

    data: str
    format: str
    task: str
    images: int
    boxes: int
    splits: dict[str, int]
    classes: dict[str, int]
    ignored: int
    findings: tuple[Finding, ...]
    ran: tuple[str, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]
    snapshot: Snapshot = field(repr=False, compare=False)

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity is severity]

    def failed(self, *, strict: bool = False) -> bool:
        """There are errors; or, if strict, warnings."""
        return bool(self.of(Severity.ERROR) or (strict and self.of(Severity.WARNING)))

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        names = ("data", "format", "task", "images", "boxes", "splits", "classes", "ignored")
        counts = {severity.value: len(self.of(severity)) for severity in Severity}
        plain: dict[str, Any] = {
            **{name: getattr(self, name) for name in names},
            "counts": counts,
            "findings": [finding.to_json() for finding in self.findings],
            "ran": list(self.ran),
            "skipped": list(self.skipped),
            "notes": list(self.notes),
        }
        # File names may hold what is no text; it has to be printed all the same.
        printable: dict[str, Any] = json.loads(json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace"))
        return printable
