"""The metadata of an ONNX file, read without a library for ONNX, which devices need not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_tl.edge.metadata import Metadata
from yolo_tl.errors import BundleError

_METADATA_PROPS = 14
"""Number of ``ModelProto.metadata_props`` in ``onnx.proto``."""

_LENGTH_DELIMITED, _SKIPPED = 2, {1: 8, 5: 4}
"""Wire types of Protocol Buffers: bytes after their length; numbers of so many bytes."""


def read_onnx_metadata(path: Path) -> Metadata:
    """What Ultralytics wrote into an ONNX file.

    Raises:
        BundleError: it is missing, damaged, or no export of Ultralytics.
    """
    try:
        content = memoryview(path.read_bytes())
        entries = [dict(_fields(value)) for number, value in _fields(content) if number == _METADATA_PROPS]
        values = {bytes(entry[1]).decode(): bytes(entry.get(2, b"")).decode() for entry in entries}
    except OSError as error:
        raise BundleError(f"{path}: expected an ONNX model: {error.strerror}", hint="check the path") from error
    except (ValueError, IndexError, KeyError) as error:
        raise BundleError(
            f"{path}: expected an ONNX model, found something else or a part of one",
            hint="the file may be damaged or cut off; copy it again or export it again from its checkpoint",
        ) from error
    return Metadata(path, values)


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each field of a message that has a length; the others are passed over.

    Raises:
        ValueError: it is no message.
        IndexError: it ends too soon.
    """
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            length, at = _varint(content, at)
            if at + length > len(content):
                raise IndexError(at)
            yield tag >> 3, content[at : at + length]
            at += length
        elif kind == 0:
            _, at = _varint(content, at)
        elif kind in _SKIPPED:
            at += _SKIPPED[kind]
        else:
            raise ValueError(f"wire type {kind}")


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where the next one begins."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
