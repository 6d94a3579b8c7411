"""Several sinks as one: those that are required first, those that are not without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yolo_tl.errors import WriteError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.sinks.sink import LOGGER, Sink, SinkCounters


class Recorder:
    """Hands decisions to sinks.

    Args:
        sinks: in the order in which they are written.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = tuple(sinks)
        self._open: list[Sink] = []

    @property
    def counters(self) -> dict[str, SinkCounters]:
        """Name → what became of what it was given; the second of a name is ``webhook-2``."""
        named: dict[str, SinkCounters] = {}
        for sink in self.sinks:
            same = sum(name == sink.name or name.startswith(f"{sink.name}-") for name in named)
            named[sink.name if not same else f"{sink.name}-{same + 1}"] = sink.counters
        return named

    def open(self, header: Mapping[str, Any]) -> None:
        """Open all sinks, or none.

        Raises:
            WriteError: one cannot be opened, required or not: that is a mistake of whoever set it up.
        """
        try:
            for sink in self.sinks:
                sink.open(header)
                self._open.append(sink)
        except BaseException:
            for sink in self._open:
                _close(sink)
            self._open.clear()
            raise

    def write(self, decision: Decision) -> None:
        """Write to the sinks that are required.

        Raises:
            WriteError: one of them failed.
        """
        for sink in self._open:
            if sink.required:
                try:
                    sink.write(decision)
                except WriteError:
                    raise
                except Exception as error:
                    sink.counters.fail(sink.name, error)
                    raise WriteError(f"{sink.name}: {type(error).__name__}: {error}") from error

    def offer(self, decision: Decision) -> None:
        """Write to the sinks that are not required; a failure is counted and warned of, and harms nothing else."""
        for sink in self._open:
            if not sink.required:
                try:
                    sink.write(decision)
                except WriteError:  # the sink has counted it
                    pass
                except Exception as error:
                    sink.counters.fail(sink.name, error)

    def close(self) -> None:
        """Close all sinks, whatever happens to one of them.

        Raises:
            WriteError: one that is required could not bring to its end what it was given.
        """
        sinks, self._open = self._open, []
        failures = [failure for sink in sinks if (failure := _close(sink)) is not None and sink.required]
        if failures:
            raise failures[0]


def _close(sink: Sink) -> WriteError | None:
    try:
        sink.close()
    except WriteError as error:
        LOGGER.warning("%s: %s", sink.name, error.message)
        return error
    except Exception as error:
        LOGGER.warning("%s: %s: %s", sink.name, type(error).__name__, error)
        return WriteError(f"{sink.name}: {type(error).__name__}: {error}")
    return None
