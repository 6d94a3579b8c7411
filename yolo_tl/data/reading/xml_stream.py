"""Large XML documents, one child of the root at a time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yolo_tl.data import documents
from yolo_tl.errors import ParseError

_CHUNK = 1 << 16
_ENCODING = re.compile(rb'\s*<\?xml[^>]*encoding=["\']([\w.-]+)')
_STREAMED = re.compile(rb"utf-?8|utf-?16|us-ascii|ascii|iso-8859-1|latin-?1", re.IGNORECASE)


def children(path: Path) -> Iterator[ET.Element]:
    """The children of the root element in turn; each is forgotten once the next is asked for.

    Raises:
        ParseError: as `yolo_tl.data.documents.load_xml`; children before the fault have been seen by then.
    """
    try:
        with path.open("rb") as stream:
            declared = _ENCODING.match(head := stream.read(_CHUNK))
            if declared and not _STREAMED.fullmatch(declared.group(1)):
                yield from documents.load_xml(path)  # an encoding that only Python knows
                return
            parser: Any = ET.XMLPullParser(("start", "end"))
            ancestors: list[ET.Element] = []
            before, chunk = b"", head
            while chunk:
                _refuse_document_type(before + chunk, path)
                before = chunk[-32:]
                parser.feed(chunk)
                for event, element in parser.read_events():
                    if event == "start":
                        ancestors.append(element)
                        continue
                    ancestors.pop()
                    if len(ancestors) == 1:
                        yield element
                        ancestors[0].clear()
                chunk = stream.read(_CHUNK)
            parser.close()
            for _ in parser.read_events():  # raises what `close` found
                pass
    except OSError as error:
        raise ParseError(path, f"cannot be read: {error.strerror or error}") from error
    except ET.ParseError as error:
        line, column = error.position
        reason = re.sub(r": line \d+, column \d+$", "", str(error))
        raise ParseError(path, f"malformed XML at column {column + 1}: {reason}", line=line) from error
    except (ValueError, LookupError) as error:
        raise ParseError(path, f"malformed XML: {error}") from error


def _refuse_document_type(chunk: bytes, path: Path) -> None:
    """Entities, which can grow without bound or name other files, need one; annotations do not."""
    text = chunk.replace(b"\x00", b"")  # UTF-16 has a zero in each pair of bytes
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ParseError(path, "expected annotations, found a document type declaration", hint="remove <!DOCTYPE ...>")
