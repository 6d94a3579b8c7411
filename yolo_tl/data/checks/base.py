"""What a check is, what it finds, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolo_tl.data.checks.snapshot import Snapshot

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
class CheckOptions:
    """What the checks go by.

    Attributes:
        imgsz: side in px that training scales images to.
        workers: processes that decode images; 0 takes one for each core.
    """

    imgsz: int = 640
    workers: int = 1


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


Run = Callable[["Snapshot", CheckOptions], Iterator[Finding]]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        id: dotted; the first part is its subject.
        severity: of its findings, unless they say otherwise.
        about: what it looks for, in a sentence.
        hint: what to do about it.
        ultralytics: what Ultralytics does in this case, where it does anything.
        pixels: it decodes images.
        run: the check itself.
    """

    id: str
    severity: Severity
    about: str
    hint: str
    ultralytics: str
    pixels: bool
    run: Run = field(repr=False)

    def findings(self, snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
        """Run it on a data set."""
        for found in self.run(snapshot, options):
            yield replace(
                found,
                id=self.id,
                severity=found.severity or self.severity,
                hint=found.hint or self.hint,
                ultralytics=found.ultralytics or self.ultralytics,
            )


CHECKS: dict[str, Check] = {}


def check(
    id: str, *, severity: Severity, hint: str = "", ultralytics: str = "", pixels: bool = False
) -> Callable[[Run], Run]:
    """Register a generator of findings under a dotted id; its docstring says what it looks for."""

    def register(run: Run) -> Run:
        if id in CHECKS:
            raise ValueError(f"two checks are called {id}")
        CHECKS[id] = Check(id, severity, (run.__doc__ or "").strip(), hint, ultralytics, pixels, run)
        return run

    return register


def amount(count: int, noun: str) -> str:
    """A number with its noun.

    >>> amount(1, "box"), amount(1200, "box"), amount(0, "copy")
    ('1 box', '1,200 boxes', '0 copies')
    """
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("py") else noun + ("es" if noun.endswith(("x", "s", "ch")) else "s")
    return f"{count:,} {noun}"


def listed(words: Sequence[object], most: int = 5) -> str:
    """The first few of some words.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(str(word) for word in words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
