"""A Python callable that is told every decision."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from yolo_tl.errors import UsageError, WriteError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.sinks.sink import VERDICTS, SinkCounters, require_verdicts


class CallbackSink:
    """Calls a function in the thread that writes; while it runs, the decisions after it wait.

    Args:
        function: takes the decision; what it returns is not looked at.
        verdicts: those it is told.
        name: what it is called in counters and messages.
        required: what it raises stops the inspection.

    Raises:
        UsageError: it is no function.
    """

    def __init__(
        self,
        function: Callable[[Decision], object],
        *,
        verdicts: Collection[str] = VERDICTS,
        name: str = "callback",
        required: bool = False,
    ) -> None:
        if not callable(function):
            raise UsageError(f"sinks: expected a sink or a function, found {function!r}")
        self.function, self.name, self.required = function, name, required
        self.verdicts = require_verdicts(verdicts)
        self.counters = SinkCounters()

    def open(self, header: Mapping[str, Any]) -> None:
        """Nothing to do."""

    def write(self, decision: Decision) -> None:
        """Call the function.

        Raises:
            WriteError: it raised.
        """
        if decision.verdict not in self.verdicts:
            return
        try:
            self.function(decision)
        except Exception as error:
            self.counters.fail(self.name, error)
            raise WriteError(f"{self.name}: {type(error).__name__}: {error}") from error
        self.counters.delivered += 1

    def close(self) -> None:
        """Nothing to do."""
