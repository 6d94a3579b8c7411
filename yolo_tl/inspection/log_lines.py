"""The lines of a log, over all its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from yolo_tl.errors import DataNotFound, ParseError
from yolo_tl.inspection.sinks.log import NAME


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        file: where it is.
        number: counted from 1.
        content: what it holds.
    """

    file: Path
    number: int
    content: dict[str, Any]

    @property
    def place(self) -> str:
        """``FILE:LINE``."""
        return f"{self.file}:{self.number}"


class LogLines:
    """Reads a log from its first line to its last.

    Args:
        log: a file of JSON lines, or the folder of a log: its files are read in the order of their numbers.

    Attributes:
        cut: where the end of a file was cut off by a process or a machine that stopped: ``FILE:LINE``.

    Raises:
        DataNotFound: there is no log.
    """

    def __init__(self, log: Path | str) -> None:
        self.files = _files(Path(log))
        self.cut: list[str] = []

    def __iter__(self) -> Iterator[Line]:
        """Every whole line.

        Raises:
            ParseError: a line before the end of its file is no JSON object.
            DataNotFound: a file cannot be read, or was removed meanwhile.
        """
        for file in self.files:
            try:
                stream = file.open("rb")
            except OSError as error:
                reason = error.strerror or str(error)
                raise DataNotFound(f"{file}: expected a file of the log: {reason}") from error
            with stream:
                yield from self._lines(file, stream)

    def _lines(self, file: Path, stream: BinaryIO) -> Iterator[Line]:
        number = 0
        for number, text in enumerate(stream, 1):
            content = _parse(text)
            if content is None:
                if any(_parse(later) is not None for later in stream):
                    raise ParseError(file, "expected a JSON object, found something else", line=number)
                self.cut.append(f"{file}:{number}")
                return
            yield Line(file, number, content)


def _files(log: Path) -> list[Path]:
    if log.is_file():
        return [log]
    numbered = [(int(match[1]), file) for file in log.glob("*") if (match := NAME.fullmatch(file.name))]
    if not numbered:
        raise DataNotFound(
            f"{log}: expected a log, found none", hint="a file of JSON lines, or a folder with decisions-*.jsonl"
        )
    return [file for _, file in sorted(numbered)]


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        content = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            content = json.loads(line)  # which also takes escaped halves of characters: names that are no Unicode
        except (ValueError, RecursionError):
            return None
    return content if isinstance(content, dict) else None
