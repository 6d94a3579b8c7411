"""What takes decisions, and how it counts them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from yolo_tl.errors import UsageError
from yolo_tl.inspection.decision import Decision, Verdict

LOGGER = logging.getLogger(__name__)
VERDICTS: tuple[Verdict, ...] = ("PASS", "FAIL", "UNKNOWN")


@dataclass
class SinkCounters:
    """What became of the decisions a sink was to take.

    Attributes:
        delivered: written, received, or taken by whoever is at the other end.
        failed: tried, and given up.
        dropped: never tried: a queue was full, a budget too small, or the end came first.
        error: what went wrong last.
    """

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    error: str = ""

    def fail(self, name: str, error: BaseException | str) -> None:
        """Count a failure; the 1st, 10th, 100th and so on is also a warning, so that a dead receiver fills no log."""
        self.failed += 1
        self._tell(name, self.failed, "failed", error)

    def drop(self, name: str, reason: str) -> None:
        """Count what was never tried; warns as `fail` does."""
        self.dropped += 1
        self._tell(name, self.dropped, "dropped", reason)

    def _tell(self, name: str, count: int, what: str, error: BaseException | str) -> None:
        self.error = str(error).splitlines()[0] if str(error) else type(error).__name__
        if set(str(count)[1:]) <= {"0"} and str(count)[0] == "1":
            LOGGER.warning("%s: %d %s: %s", name, count, what, self.error)


@runtime_checkable
class Sink(Protocol):
    """Anything that takes decisions.

    Attributes:
        name: what it is called in counters and messages.
        required: an inspection stops where this fails; otherwise failures are counted, and the inspection goes on.
        counters: what became of what it was given.
    """

    name: str
    required: bool
    counters: SinkCounters

    def open(self, header: Mapping[str, Any]) -> None:
        """Get ready; called once, before the first decision.

        Args:
            header: what is inspected with: rules, class names, model.
        """

    def write(self, decision: Decision) -> None:
        """Take one decision; called by one thread at a time, in the order of the frames.

        Raises:
            WriteError: it could not be taken.
        """

    def close(self) -> None:
        """Finish what was taken, and let go of everything; may be called twice."""


def encode(decision: Decision) -> bytes:
    """One line of JSON, UTF-8, without the end of the line."""
    return encode_json(decision.to_dict())


def encode_json(value: Mapping[str, Any]) -> bytes:
    """One line of JSON, UTF-8, without the end of the line; names that are no Unicode are escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def require_verdicts(verdicts: Collection[str]) -> frozenset[str]:
    """The verdicts a sink is for.

    Raises:
        UsageError: one that does not exist, or none at all.
    """
    if isinstance(verdicts, str) or not verdicts or not set(verdicts) <= set(VERDICTS):
        raise UsageError(f"verdicts: expected some of {', '.join(VERDICTS)}, found {verdicts!r}")
    return frozenset(verdicts)
