"""How much a client may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass, fields

from yolo_tl.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """What is refused, and what is cut off.

    Attributes:
        body: most bytes of a request (413).
        pixels: most pixels of one image; a small file can hold a very large picture (422).
        batch: most images of a request (413).
        queue: most requests that wait for an engine (429).
        memory: most bytes of all bodies that are being received or wait (429).
        connections: most connections at once (503).
        timeout: seconds from a whole body to its answer (503).
        silence: seconds without a byte of a body, or without a byte of an answer being taken (408, or the connection
            is cut).
        upload: seconds for a whole body (408).
        head: seconds for a whole request line with its headers (408).
        probe: seconds for the golden image behind ``/readyz`` (503).
        drain: seconds between being told to stop, from when on ``/readyz`` says 503, and accepting no more.

    Raises:
        ConfigError: a value out of range.
    """

    body: int = 32 << 20
    pixels: int = 50_000_000
    batch: int = 16
    queue: int = 32
    memory: int = 256 << 20
    connections: int = 256
    timeout: float = 30.0
    silence: float = 10.0
    upload: float = 60.0
    head: float = 10.0
    probe: float = 5.0
    drain: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, may_be_zero = getattr(self, field.name), field.name in ("queue", "drain")
            if not (value >= 0 if may_be_zero else value > 0):
                raise ConfigError(
                    f"limits.{field.name}: expected {'0 or more' if may_be_zero else 'more than 0'}, found {value}"
                )
        if self.memory < self.body:
            raise ConfigError(f"limits.memory: expected at least limits.body, {self.body}, found {self.memory}")
