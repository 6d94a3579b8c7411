"""What the columns of a table of boxes mean, by their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from yolo_tl.data.reading.references import is_image_name
from yolo_tl.data.records import XYXY, Size

# Spelled without case, spaces and punctuation; of several, the first counts.
_IMAGE = (
    *("filename", "file", "imagename", "imagefilename", "imagefile", "imgname", "imagepath", "filepath", "imgpath"),
    *("path", "image", "img", "imageid", "imgid"),
)
_CLASS = (
    "class",
    "classname",
    "label",
    "labelname",
    "category",
    "categoryname",
    "name",
    "classid",
    "labelid",
    "categoryid",
)
_SPLIT = ("split", "subset", "set", "usage")
_BOX = ("bbox",)
_AXES = (
    {
        "start": ("xmin", "x0", "x1", "left", "xtl", "minx", "bboxxmin", "bboxx1", "x", "bboxx"),
        "end": ("xmax", "x2", "right", "xbr", "maxx", "bboxxmax", "bboxx2"),
        "side": ("w", "boxwidth", "bboxwidth", "bboxw"),
        "centre": ("xcenter", "xcentre", "centerx", "centrex", "cx", "xc"),
        "image": ("imagewidth", "imgwidth", "imwidth"),
        "either": ("width",),
        "zero": ("x0",),
        "after zero": ("x1",),
    },
    {
        "start": ("ymin", "y0", "y1", "top", "ytl", "miny", "bboxymin", "bboxy1", "y", "bboxy"),
        "end": ("ymax", "y2", "bottom", "ybr", "maxy", "bboxymax", "bboxy2"),
        "side": ("h", "boxheight", "bboxheight", "bboxh"),
        "centre": ("ycenter", "ycentre", "centery", "centrey", "cy", "yc"),
        "image": ("imageheight", "imgheight", "imheight"),
        "either": ("height",),
        "zero": ("y0",),
        "after zero": ("y1",),
    },
)

Edges = Callable[[float, float], tuple[float, float]]


def _start_end(start: float, end: float) -> tuple[float, float]:
    return start, end


def _start_side(start: float, side: float) -> tuple[float, float]:
    return start, start + side


def _centre_side(centre: float, side: float) -> tuple[float, float]:
    return centre - side / 2, centre + side / 2


@dataclass(frozen=True)
class Layout:
    """Which column is what.

    Attributes:
        columns: the header, or what stands for it, for people.
        count: how many columns there are.
        delimiter: between them.
        has_header: the first row is none of boxes.
        image: column of the image.
        label: column of the class, if there is one.
        split: column of the split, if there is one.
        size: columns of the width and height of the image, if there are any.
        box_columns: the two of x, then the two of y; or the one of ``[x, y, w, h]``.
        edges: how the two numbers of each axis become start and end.
        notes: what had to be decided.
    """

    columns: str
    count: int
    delimiter: str
    has_header: bool
    image: int
    label: int | None
    split: int | None
    size: tuple[int, int] | None
    box_columns: tuple[int, ...]
    edges: tuple[Edges, Edges]
    notes: tuple[str, ...] = ()

    def box_cells(self, row: list[str]) -> list[str]:
        """The cells of `row` that hold the box."""
        return [row[column] for column in self.box_columns]

    def box(self, cells: list[str]) -> XYXY:
        """x1, y1, x2, y2 from those cells. Raises ValueError where they are not numbers."""
        if len(self.box_columns) == 1:
            words = re.split(r"[\s,]+", cells[0].strip("[]() "))
            if len(words) != 4:
                raise ValueError(f"four between brackets, found {cells[0]!r}")
            x, y, width, height = map(float, words)
            return x, y, x + width, y + height
        # Where semicolons are the delimiter, commas are the decimal points.
        numbers = [float(cell.replace(",", ".") if self.delimiter == ";" else cell) for cell in cells]
        x1, x2 = self.edges[0](numbers[0], numbers[1])
        y1, y2 = self.edges[1](numbers[2], numbers[3])
        return x1, y1, x2, y2

    def size_of(self, row: list[str]) -> Size | None:
        """Width and height of the image, where `row` has them."""
        if self.size is None:
            return None
        try:
            width, height = (int(float(row[column])) for column in self.size)
        except (ValueError, OverflowError):
            return None
        return (width, height) if min(width, height) > 0 else None


def headed(header: tuple[str, ...]) -> Layout | None:
    """The layout of a file with this first row; None where it does not name an image and a box."""
    cells, delimiter = _split(header)
    if {"ImageID", "LabelName"} <= set(cells):  # Open Images
        return None
    names = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in cells]

    def column(spellings: tuple[str, ...]) -> int | None:
        return next((names.index(name) for name in spellings if name in names), None)

    image, label, split = column(_IMAGE), column(_CLASS), column(_SPLIT)
    if image is None:
        return None
    x, y = (_axis({role: column(spellings) for role, spellings in axis.items()}) for axis in _AXES)
    notes: list[str] = []
    if x.edges and y.edges:
        edges = (x.edges, y.edges)
        box: tuple[int, ...] = (*x.columns, *y.columns)
        if x.takes_either:
            notes.append("width and height are taken for those of the box")
    elif (one := column(_BOX)) is not None:
        edges, box = (_start_side, _start_side), (one,)
        notes.append("bbox is taken for [x, y, width, height]")
    else:
        return None
    size = (x.size, y.size) if x.size is not None and y.size is not None else None
    columns = delimiter.join(cells[:12])
    return Layout(columns, len(cells), delimiter, True, image, label, split, size, box, edges, tuple(notes))


def headless(first: tuple[str, ...]) -> Layout | None:
    """RetinaNet's layout, if `first` is a row of it; with the size of the image behind it, as in SKU-110K."""
    cells, delimiter = _split(first)
    if len(cells) not in (6, 8) or not is_image_name(cells[0]):
        return None
    if any(cells[1:6]) and not (all(map(_is_number, cells[1:5])) and cells[5]):
        return None
    size = (6, 7) if len(cells) == 8 else None
    columns = "no header: image,x1,y1,x2,y2,class" + (",width,height" if size else "")
    return Layout(columns, len(cells), delimiter, False, 0, 5, None, size, (1, 3, 2, 4), (_start_end, _start_end))


def _split(header: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The cells of a first row that was read with commas between them, and the delimiter it really has."""
    if len(header) == 1:
        for delimiter in ("\t", ";"):
            if delimiter in header[0]:
                return tuple(cell.strip().strip('"') for cell in header[0].split(delimiter)), delimiter
    return header, ","


@dataclass(frozen=True)
class _Axis:
    columns: tuple[int, ...] = ()
    edges: Edges | None = None
    size: int | None = None
    takes_either: bool = False


def _axis(found: dict[str, int | None]) -> _Axis:
    """The box and the size of the image along one axis; a plain ``width`` is of the box only if nothing else is."""
    start, end, side, centre = (found[role] for role in ("start", "end", "side", "centre"))
    if start is not None and start == found["zero"]:  # x0, x1 instead of x1, x2
        end = found["after zero"]
    either, size = found["either"], found["image"]
    if start is not None and end is not None:
        return _Axis((start, end), _start_end, either if size is None else size)
    takes_either = side is None
    side = either if takes_either else side
    size = either if size is None and not takes_either else size
    if start is not None and side is not None:
        return _Axis((start, side), _start_side, size, takes_either)
    if centre is not None and side is not None:
        return _Axis((centre, side), _centre_side, size, takes_either)
    return _Axis(size=either if size is None else size)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
