"""The annotation formats that can be read: one module each, listed here."""

from __future__ import annotations

from yolo_tl.data.formats import coco, text, voc, yolo
from yolo_tl.data.formats.base import Format

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in (voc, coco, yolo, text)}

__all__ = ["FORMATS", "Format"]
