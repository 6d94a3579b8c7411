"""What a check found: where, how bad it is, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

EXAMPLES = 20  # kept of each finding


class Severity(Enum):
    """How bad a finding is.

    ERROR: training would lose or corrupt something without saying so, would not start, or its
    evaluation could not be trusted.
    WARNING: likely a mistake, or costs accuracy.
    INFO: worth knowing; nothing need be done.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Example:
    """One place where something was found.

    Attributes:
        path: the file, relative to the data set.
        line: its line, where there is one.
        detail: what was found there.
        image: index of the image in the snapshot, to show it; -1 where there is none.
        rows: rows of the snapshot that are meant.
        other: index of a second image to show beside it; -1 where there is none.
    """

    path: str
    line: int | None = None
    detail: str = ""
    image: int = -1
    rows: tuple[int, ...] = ()
    other: int = -1

    def to_json(self) -> dict[str, Any]:
        """Path, line and detail."""
        return {"path": self.path, "line": self.line, "detail": self.detail}


@dataclass(frozen=True)
class Finding:
    """What a check found; the check fills in what it does not say itself.

    Attributes:
        message: what was found, with numbers.
        count: how often.
        examples: the first of them.
        severity: how bad it is.
        hint: what to do about it.
        ultralytics: what Ultralytics does in this case, where it does anything.
        id: the check.
    """

    message: str
    count: int = 1
    examples: tuple[Example, ...] = ()
    severity: Severity | None = None
    hint: str = ""
    ultralytics: str = ""
    id: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        plain = asdict(replace(self, examples=()))
        examples = [example.to_json() for example in self.examples]
        return {**plain, "severity": self.severity.value if self.severity else None, "examples": examples}
