"""Annotation files as text, JSON, XML and CSV: every encoding read, every fault named with its file and line."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from yolo_tl.errors import ParseError

T = TypeVar("T")
Row = tuple[int, list[str]]

MAX_BYTES = 4 << 30  # an annotation file larger than this is a mistake
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_bytes(path: Path) -> bytes:
    """The content of an annotation file.

    Raises:
        ParseError: it cannot be read, or is larger than any annotation file.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_BYTES:
                raise ParseError(path, f"expected annotations, found a file of {size / 2**30:.1f} GB")
            return stream.readall()
    except OSError as error:
        raise ParseError(path, f"cannot be read: {error.strerror or error}") from error


def decode(content: bytes, path: Path, *, latin1: bool = False) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32 where a byte-order mark says so.

    Args:
        content: the bytes of the file.
        path: the file, for the error.
        latin1: take bytes that are not UTF-8 for Latin-1, in which any byte is a character.

    Raises:
        ParseError: the bytes are not text in that encoding.
    """
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if latin1 and encoding == "utf-8":
            return content.decode("latin-1")
        line = error.object[: error.start].count(b"\n") + 1
        expected = encoding.removesuffix("-sig").upper()
        raise ParseError(path, f"expected {expected} text, found bytes that are not", line=line) from error


def load_text(path: Path, *, latin1: bool = False) -> str:
    """The text of a file; see `decode`."""
    return decode(read_bytes(path), path, latin1=latin1)


def load_json(path: Path, type: type[T] | Any = Any) -> T:
    """A JSON document as `type` (anything `msgspec` can decode to).

    A number written as a string counts as a number where `type` wants one. A byte-order mark,
    UTF-16, NaN and Infinity, which the JSON standard forbids and many tools write, are read.

    Raises:
        ParseError: the file is not JSON, or not what `type` says.
    """
    return cast(T, parse_json(read_bytes(path), path, type))


def parse_json(content: bytes | str, path: Path, type: type[T] | Any = Any, *, line: int | None = None) -> T:
    """As `load_json`, of content that is already at hand (a line of a file, a cell).

    Args:
        content: the document.
        path: the file it is from, for the error.
        type: what it has to be.
        line: the line it stands in, where it is a part of a file.
    """
    try:
        return msgspec.json.decode(content, type=type, strict=False)
    except msgspec.ValidationError as error:
        if "out of range" not in str(error):  # 1e999: infinity to the standard library
            raise _validation(error, path, line) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise ParseError(path, "expected a document, found one nested too deeply", line=line) from error
    text = decode(content, path) if isinstance(content, bytes) else content.removeprefix("\ufeff")
    try:
        document = json.loads(text)
        return msgspec.convert(document, type, strict=False)
    except json.JSONDecodeError as error:
        at = error.lineno if line is None else line
        raise ParseError(path, f"malformed JSON at column {error.colno}: {error.msg}", line=at) from error
    except msgspec.ValidationError as error:
        raise _validation(error, path, line) from error
    except RecursionError as error:
        raise ParseError(path, "expected a document, found one nested too deeply", line=line) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise ParseError(path, f"malformed JSON: {error}", line=line) from error


def _validation(error: msgspec.ValidationError, path: Path, line: int | None) -> ParseError:
    reason, _, place = str(error).partition(" - at `")
    return ParseError(path, reason[:1].lower() + reason[1:], line=line, place=place.strip("`").removeprefix("$."))


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:]')
_HEAD = 1 << 20
_TAIL = 256


def json_outline(path: Path) -> tuple[str, frozenset[str]]:
    """What a JSON file is, without parsing it: for sniffing (`Tree.json_outline` remembers the answer).

    Only the first megabyte is looked at, and a malformed rest does no harm.

    Returns:
        ``object`` and its keys; ``array`` and the keys of its first object (none where it holds
        something else); or an empty string for anything else.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return "", frozenset()
    mark = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    if mark is not None:
        head = head.decode(mark, "ignore").encode()
    start = head.lstrip()[:1]
    if start not in (b"{", b"["):
        return "", frozenset()
    if len(head) < _HEAD:  # whole; the parser is ten times as fast as the tokens below
        with suppress(msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            if start == b"{":
                return "object", frozenset(msgspec.json.decode(head, type=dict[str, msgspec.Raw]))
            first = next(
                (item for item in msgspec.json.decode(head, type=list[msgspec.Raw]) if bytes(item)[:1] == b"{"), b"{}"
            )
            return "array", frozenset(msgspec.json.decode(first, type=dict[str, msgspec.Raw]))
    wanted = 1 if start == b"{" else 2
    keys: set[str] = set()
    stack: list[bytes] = []
    text = b""
    for match in _TOKEN.finditer(head):
        token = match.group()
        if token in (b"{", b"["):
            stack.append(token)
        elif token in (b"}", b"]"):
            if stack:
                stack.pop()
            if len(stack) < wanted and (wanted == 1 or token == b"}"):
                break
        elif token == b":" and len(stack) == wanted and stack[-1] == b"{" and text:
            keys.add(text[1:-1].decode("utf-8", "replace"))
        text = token if token[:1] == b'"' else b""
    return ("object" if start == b"{" else "array"), frozenset(keys)


def is_cut_short(path: Path) -> bool:
    """A JSON file does not end as an object or a list does, or cannot be read: likely not a whole document."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL))
            tail = stream.read()
    except OSError:
        return True
    return tail.replace(b"\x00", b"").rstrip()[-1:] not in (b"}", b"]")  # UTF-16 has a zero in each pair


_DECLARED = re.compile(rb'\s*<\?xml[^>]*encoding=["\']([\w.-]+)')


def load_xml(path: Path) -> ET.Element:
    """The root of an XML document, in any encoding that Python knows.

    Raises:
        ParseError: it is not well formed, or declares a document type: annotations need none, and
            entities, which can grow without bound or name other files, come with one.
    """
    content = read_bytes(path)
    head = content[:4096].replace(b"\x00", b"")
    if b"<!DOCTYPE" in head or b"<!ENTITY" in content:
        raise ParseError(
            path, "expected an annotation, found a document type declaration", hint="remove <!DOCTYPE ...>"
        )
    declared = _DECLARED.match(content)
    try:
        # Decoded here because expat refuses multi-byte encodings such as GBK.
        text = content.decode(declared.group(1).decode()) if declared else None
    except (LookupError, UnicodeDecodeError) as error:
        raise ParseError(path, f"the text is not in the encoding it declares: {error}") from error
    try:
        return ET.fromstring(content if text is None else text.lstrip("\ufeff"))
    except ET.ParseError as error:
        line, column = error.position
        reason = re.sub(r": line \d+, column \d+$", "", str(error))
        raise ParseError(path, f"malformed XML at column {column + 1}: {reason}", line=line) from error
    except ValueError as error:
        raise ParseError(path, f"malformed XML: {error}") from error


def xml_root(path: Path) -> str:
    """The name of the root element, without parsing the rest; "" where it is not XML. For sniffing."""
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        return ""
    # UTF-16 has a zero in each pair of bytes.
    found = re.search(rb"<([A-Za-z_][\w.:-]*)", re.sub(rb"(?s)<!--.*?-->|<[?!].*?>", b"", head.replace(b"\x00", b"")))
    return found.group(1).decode() if found else ""


def csv_rows(path: Path, delimiter: str = ",") -> Iterator[Row]:
    """The rows of a CSV file that hold anything, each with the line it starts in.

    Raises:
        ParseError: the file is not text, or a quoted cell never ends or is absurdly long.
    """
    # Strict, because a quote that is never closed would swallow the rest of the file.
    reader = csv.reader(io.StringIO(load_text(path, latin1=True), newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ParseError(path, f"malformed CSV: {error}", line=line) from error


def csv_header(path: Path) -> tuple[str, ...]:
    """The cells of the first line, stripped; for sniffing. Empty where the file cannot be read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(1 << 16)
        encoding = next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")
        line = head.decode(encoding, "replace").partition("\n")[0]
        return tuple(cell.strip() for cell in next(csv.reader([line]), []))
    except (OSError, csv.Error):
        return ()
