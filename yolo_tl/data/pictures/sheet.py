"""The contact sheet: one picture with images, their labels, and the histograms beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo_tl.data.pictures.drawing import Colour, colour, draw_objects, draw_text, shortened, text_width
from yolo_tl.data.pictures.overview import Overview, thumbnail
from yolo_tl.data.pictures.pixels import Image
from yolo_tl.data.stratify import SIZE_EDGES
from yolo_tl.data.yolo.labelled import LabelledImage

_PAPER: Colour = (250, 250, 250)
_CARD: Colour = (236, 238, 241)
_INK: Colour = (24, 27, 33)
_SOFT: Colour = (105, 112, 124)
_RULE: Colour = (222, 225, 230)
_BAR: Colour = (71, 96, 140)

_MARGIN, _GAP = 28, 16
_CELL, _PICTURE, _CAPTION = 320, 240, 40
_SIDE = 300  # width of the column with the histograms
_CLASSES = 16  # rows of the class histogram
_BINS = 16


def sheet(overview: Overview) -> Image:
    """The sheet (H, W, 3) BGR."""
    count = len(overview.shown)
    columns = 2 if count <= 4 else 3 if count <= 6 else 4
    rows = -(-count // columns)
    head = 92
    grid_width = columns * _CELL + (columns - 1) * _GAP
    grid_height = rows * (_PICTURE + _CAPTION) + (rows - 1) * _GAP
    width = 2 * _MARGIN + grid_width + _GAP * 2 + _SIDE
    column = _column(overview)
    height = head + max(grid_height, column.shape[0]) + _MARGIN
    canvas: Any = np.full((height, width, 3), _PAPER[::-1], np.uint8)
    _heading(canvas, overview)
    for i, image in enumerate(overview.shown):
        left = _MARGIN + (i % columns) * (_CELL + _GAP)
        top = head + (i // columns) * (_PICTURE + _CAPTION + _GAP)
        _cell(canvas, image, overview, left, top)
    left = _MARGIN + grid_width + 2 * _GAP
    canvas[head : head + column.shape[0], left : left + _SIDE] = column
    result: Image = canvas
    return result


def _heading(canvas: Any, overview: Overview) -> None:
    draw_text(canvas, overview.title, (_MARGIN, 46), 26, _INK, weight=600)
    splits = " · ".join(f"{split} {count}" for split, count in overview.splits.items())
    objects = sum(sum(row.values()) for row in overview.objects.values())
    facts = f"{len(overview.images)} images ({splits})   {objects} objects   {len(overview.names)} classes"
    facts += f"   {overview.backgrounds} backgrounds" if overview.backgrounds else ""
    facts += f"   {overview.unreadable} unreadable" if overview.unreadable else ""
    draw_text(canvas, facts, (_MARGIN, 72), 15, _SOFT)


def _cell(canvas: Any, image: LabelledImage, overview: Overview, left: int, top: int) -> None:
    """One image on its card, with its name below."""
    canvas[top : top + _PICTURE, left : left + _CELL] = _CARD[::-1]
    small = thumbnail(image.path, _CELL, _PICTURE)
    if small is None:
        draw_text(canvas, "cannot be decoded", (left + 92, top + _PICTURE // 2), 16, _SOFT)
    else:
        drawn = draw_objects(small, image.objects, overview.names)
        y = top + (_PICTURE - drawn.shape[0]) // 2
        x = left + (_CELL - drawn.shape[1]) // 2
        canvas[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    count = f"{len(image.objects)} object" + ("" if len(image.objects) == 1 else "s")
    fact = f"{image.split} · {count if image.objects else 'background'}"
    room = _CELL - text_width(fact, 13) - _GAP
    draw_text(canvas, shortened(image.name, room, 13), (left, top + _PICTURE + 18), 13, _INK)
    draw_text(canvas, fact, (left + _CELL - text_width(fact, 13), top + _PICTURE + 18), 13, _SOFT)


def _column(overview: Overview) -> Image:
    """The histograms of classes and of sizes, one below the other."""
    totals = {name: sum(row.values()) for name, row in overview.objects.items()}
    ranked = sorted(totals, key=lambda name: -totals[name])[:_CLASSES]
    height = 24 + 34 * len(ranked) + (22 if len(totals) > _CLASSES else 0) + 36 + 230
    canvas: Any = np.full((height, _SIDE, 3), _PAPER[::-1], np.uint8)
    y = _title(canvas, "Objects by class", 14)
    most = max(totals.values(), default=0) or 1
    for name in ranked:
        number = f"{totals[name]}"
        draw_text(canvas, shortened(name, _SIDE - 80, 14), (0, y + 14), 14, _INK)
        draw_text(canvas, number, (_SIDE - text_width(number, 14), y + 14), 14, _SOFT)
        canvas[y + 20 : y + 26] = _CARD[::-1]
        width = round(_SIDE * totals[name] / most)
        canvas[y + 20 : y + 26, : max(width, 2 if totals[name] else 0)] = colour(overview.names.index(name))[::-1]
        y += 34
    if len(totals) > _CLASSES:
        draw_text(canvas, f"and {len(totals) - _CLASSES} more classes", (0, y + 12), 13, _SOFT)
        y += 22
    y = _title(canvas, "Objects by size", y + 22)
    _sizes(canvas, overview, y)
    result: Image = canvas
    return result


def _title(canvas: Any, text: str, y: int) -> int:
    """A heading with its base line at `y`; returns where to go on."""
    draw_text(canvas, text, (0, y), 16, _INK, weight=600)
    canvas[y + 8] = _RULE[::-1]
    return y + 18


def _sizes(canvas: Any, overview: Overview, top: int) -> None:
    """Histogram of the side lengths on a logarithmic axis, with COCO's limits."""
    counts, edges = size_histogram(overview, _BINS)
    floor, high = top + 130, 110
    width = _SIDE // _BINS
    most = max(counts, default=0) or 1
    for i, count in enumerate(counts):
        bar = round(high * count / most)
        canvas[floor - max(bar, 1 if count else 0) : floor, i * width + 1 : (i + 1) * width - 1] = _BAR[::-1]
    canvas[floor] = _SOFT[::-1]
    for edge, label in zip(edges[::4], (f"{edge:.0f}" for edge in edges[::4]), strict=True):
        x = round(width * _BINS * np.log(edge / edges[0]) / np.log(edges[-1] / edges[0]))
        draw_text(canvas, label, (int(np.clip(x - text_width(label, 12) // 2, 0, _SIDE - 24)), floor + 17), 12, _SOFT)
    for limit in SIZE_EDGES:
        x = round(width * _BINS * np.log(limit**0.5 / edges[0]) / np.log(edges[-1] / edges[0]))
        if 0 < x < _SIDE:
            canvas[floor - high - 8 : floor : 2, x] = _SOFT[::-1]
    draw_text(canvas, "square root of the box area, px", (0, floor + 38), 12, _SOFT)
    line = "   ".join(f"{name} {count}" for name, count in overview.sizes.items())
    draw_text(canvas, line, (0, floor + 62), 14, _INK)


def size_histogram(overview: Overview, bins: int) -> tuple[list[int], list[float]]:
    """Counts (bins,) and edges (bins + 1,) of the objects' side lengths, in equal steps of the logarithm."""
    sides = overview.sides[np.isfinite(overview.sides) & (overview.sides > 0)]
    low = max(1.0, float(sides.min()) * 0.95) if sides.size else 1.0
    high = max(low * 4, float(sides.max()) * 1.05) if sides.size else 100.0
    edges = np.geomspace(low, high, bins + 1)
    counts = np.histogram(np.clip(sides, low, high), edges)[0]
    return counts.tolist(), edges.tolist()
