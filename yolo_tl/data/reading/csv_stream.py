"""The rows of a CSV file, read as a stream: such a file may hold more than fits in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from yolo_tl.data.documents import Row
from yolo_tl.errors import ParseError

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def stream_rows(path: Path, delimiter: str = ",") -> Iterator[Row]:
    """The rows that hold anything, each with its line; bytes that are not UTF-8 are taken for Latin-1.

    Raises:
        ParseError: the file is not text, or a quoted cell never ends, goes over several lines or
            is absurdly long. Such a cell has swallowed rows: what they said would be lost.
    """
    line = 0
    try:
        with path.open("rb") as stream:
            utf16 = stream.read(2) in _UTF16
        encoding, errors = ("utf-16", "strict") if utf16 else ("utf-8-sig", "surrogateescape")
        with path.open(encoding=encoding, errors=errors, newline="") as text:
            reader = csv.reader(_lines(text, path), delimiter=delimiter, strict=True)
            for row in reader:
                line += 1
                if reader.line_num != line:
                    raise ParseError(path, f"expected one line, found a quoted cell up to {reader.line_num}", line=line)
                if any(cell and not cell.isspace() for cell in row):
                    yield line, row
    except csv.Error as error:
        raise ParseError(path, f"malformed CSV: {error}", line=line + 1) from error
    except UnicodeError as error:
        raise ParseError(path, f"expected UTF-16 text: {error}", line=line + 1) from error
    except OSError as error:
        raise ParseError(path, f"cannot be read: {error.strerror or error}") from error


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    for number, line in enumerate(text, start=1):
        if 3 * line.count("\0") > len(line):  # a name may hold one
            raise ParseError(path, "expected text, found zero bytes, as UTF-16 without its mark has", line=number)
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError:  # holds bytes that are not UTF-8, kept as surrogates
                line = line.encode("utf-8", "surrogateescape").decode("latin-1")
        yield line
