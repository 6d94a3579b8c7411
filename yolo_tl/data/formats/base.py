"""What an annotation format is: how it is recognised and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Event
from yolo_tl.data.tree import Tree


@dataclass(frozen=True)
class Format:
    """One annotation format; one module makes one.

    Attributes:
        name: how the user asks for it.
        looks_for: what its sniffer looks for, in words.
        suffixes: of its annotation files, to name the nearest format when none fits.
        sniff: why a source is of this format, in words and with numbers, or None.
        read: the events of a source (see `yolo_tl.data.records`); must not decode an image.
    """

    name: str
    looks_for: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Tree], str | None]
    read: Callable[[Tree, ReadOptions], Iterator[Event]]
