"""How a stream is kept: what is dropped, what is late, when a source is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

from yolo_tl.config import option
from yolo_tl.errors import ConfigError
from yolo_tl.streams.source import Policy, Source

TIMEOUT = 5.0
"""Seconds without a picture after which a camera is lost, where nothing else was asked for."""


@dataclass(frozen=True)
class StreamOptions:
    """How a stream is kept. Times are in s."""

    policy: Policy | None = option(None, "block, drop-oldest or drop-newest; default: cameras drop the oldest")
    size: int = option(4, "pictures that may wait")
    deadline: float | None = option(None, "age in s beyond which a picture is late; default: none is")
    timeout: float | None = option(None, "s without a picture after which a live source is lost; default: 5")
    stale_after: float | None = option(5.0, "s for which a live source may repeat one picture; none: for ever")
    height: int | None = option(None, "height in px of every picture; default: of a live source, that of its first")
    width: int | None = option(None, "width in px of every picture; default: of a live source, that of its first")
    retry: float = option(0.5, "s before a source is opened anew")
    retry_factor: float = option(2.0, "factor on that wait after each attempt in vain")
    retry_limit: float = option(15.0, "longest such wait, s")
    hang: float = option(10.0, "s that one call to a source may take before its connection is given up")

    def __post_init__(self) -> None:
        if self.policy is not None and self.policy not in get_args(Policy):
            raise ConfigError(f"policy: expected {', '.join(get_args(Policy))}, found {self.policy!r}")
        if isinstance(self.size, bool) or self.size < 1:
            raise ConfigError(f"size: expected a whole number from 1 up, found {self.size!r}")
        for name in ("deadline", "timeout", "stale_after", "height", "width", "retry", "retry_limit", "hang"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name}: expected a number above 0, found {value!r}")
        if not 1 <= self.retry_factor < math.inf:
            raise ConfigError(f"retry_factor: expected a number from 1 up, found {self.retry_factor!r}")

    def policy_for(self, source: Source) -> Policy:
        """What was asked for, or what suits the source; files wait."""
        return (self.policy or source.policy) if source.live else "block"

    def timeout_for(self, source: Source) -> float:
        """Seconds without a picture after which the source is lost."""
        return (self.timeout or TIMEOUT) if source.live else math.inf

    def may_rest(self, source: Source) -> bool:
        """Whether a connected source may give nothing for any time."""
        return not source.live or (source.rests and self.timeout is None)
