"""Finished runs of a benchmark, one JSON line each; what was being written when a process was killed is dropped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Record = TypeVar("Record", bound=msgspec.Struct)


class JsonLines(Generic[Record]):
    """The results file, and what it holds.

    Args:
        file: the file; it need not exist.
        kind: what a line is.
    """

    def __init__(self, file: Path, kind: type[Record]) -> None:
        self.file = file
        content = file.read_bytes() if file.is_file() else b""
        self.all = [msgspec.json.decode(line, type=kind) for line in content[: _whole(content)].splitlines()]

    def append(self, record: Record) -> None:
        """Add a run to the file at once."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a+b") as stream:
            stream.seek(0)
            stream.truncate(_whole(stream.read()))
            stream.write(msgspec.json.encode(record) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.all.append(record)


def _whole(content: bytes) -> int:
    """How far the lines are whole."""
    return content.rfind(b"\n") + 1
