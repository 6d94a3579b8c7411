"""What a check is, what it finds, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from yolo_tl.data.checks.finding import Finding, Severity
from yolo_tl.data.checks.snapshot import Snapshot


@dataclass(frozen=True)
class CheckOptions:
    """What the checks go by.

    Attributes:
        imgsz: side in px that training scales images to.
        workers: processes that decode images; 0 takes one for each core.
    """

    imgsz: int = 640
    workers: int = 1


Run = Callable[[Snapshot, CheckOptions], Iterator[Finding]]


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
