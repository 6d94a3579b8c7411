"""What TensorRT says while it builds or loads a plan, kept instead of printed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

_LONGEST = 20_000
_SHOWN = 5


def new_log(trt: Any) -> Any:
    """A logger for TensorRT that keeps ``(severity, text)`` in `lines`, but for what is only said on request.

    Args:
        trt: the module ``tensorrt``, or the one of the lean runtime.
    """

    class Log(trt.ILogger):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # pybind11 wants the base by its name
            self.lines: deque[tuple[str, str]] = deque(maxlen=_LONGEST)

        def log(self, severity: Any, msg: str) -> None:
            if severity.name != "VERBOSE":
                self.lines.append((severity.name, msg))

    return Log()


def errors_of(lines: Iterable[tuple[str, str]]) -> list[str]:
    """The errors among the lines, the last few."""
    return [text.strip() for severity, text in lines if severity in ("ERROR", "INTERNAL_ERROR")][-_SHOWN:]
