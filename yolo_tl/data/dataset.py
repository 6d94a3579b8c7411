"""A data set as Ultralytics sees it: the facts that planning needs, without torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import xyxy_to_xywh
from yolo_tl.data.image_size import image_size
from yolo_tl.data.tree import read_lines
from yolo_tl.data.yolo.data_yaml import load_data_yaml
from yolo_tl.data.yolo.label_rows import LabelRow, label_path, parse_row
from yolo_tl.errors import DataError, DataNotFound, ParseError

_LISTED = 10  # faults shown in one error
_LOW, _HIGH = -0.01, 1.01  # what Ultralytics forgives


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split and their M boxes.

    Attributes:
        name: train, val or test.
        images: the image files.
        labels: the label file of each image; it need not exist.
        class_ids: (M,) class of each box.
        boxes: (M, 4) centre x, centre y, width, height as shares of the image's sides.
        image_index: (M,) the image of each box, index into `images`.
        class_count: number of class names.
    """

    name: str
    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    class_ids: NDArray[np.int64]
    boxes: NDArray[np.float64]
    image_index: NDArray[np.int64]
    class_count: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def box_sizes(self) -> NDArray[np.float64]:
        """(M, 2) width and height of each box as shares of the image's sides."""
        return self.boxes[:, 2:]

    @cached_property
    def instances(self) -> tuple[int, ...]:
        """Boxes of each class, by class index."""
        return tuple(int(count) for count in np.bincount(self.class_ids, minlength=self.class_count))

    @cached_property
    def backgrounds(self) -> int:
        """Images without a box."""
        return len(self.images) - len(np.unique(self.image_index))

    @cached_property
    def image_sizes(self) -> NDArray[np.int64]:
        """(N, 2) width and height of each image in px, upright; the headers are read on first use.

        Raises:
            ImageError: an image is missing or cannot be decoded.
        """
        return np.array([image_size(path) for path in self.images], dtype=np.int64).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with every label row read.

    Attributes:
        data: the data.yaml.
        root: the folder its paths start from.
        names: class names by index.
        splits: those that it has, of train, val and test.
    """

    data: Path
    root: Path
    names: tuple[str, ...]
    splits: dict[str, Split]

    def split(self, name: str) -> Split:
        """One split.

        Raises:
            DataNotFound: the data set has no such split.
        """
        if name not in self.splits:
            raise DataNotFound(
                f"{self.data}: has no split {name!r}, only {', '.join(self.splits)}",
                hint=f"draw one: yolo-tl split {self.data} OUT --ratios 0.7,0.15,0.15; "
                f"or choose {' or '.join(self.splits)}",
            )
        return self.splits[name]


def read_dataset(data_yaml: Path | str) -> Dataset:
    """Read a data.yaml, or the one in a folder, with all its labels.

    A missing or empty label file makes a background. Rows that would make Ultralytics leave
    out the whole image are errors here, because it says so in one line of a log only.

    Raises:
        DataNotFound: the yaml, a split or its images do not exist.
        ParseError: the yaml is malformed, or its names are not 0 to nc-1.
        DataError: label rows are bad; the first ten are listed with file and line.
    """
    yaml = load_data_yaml(data_yaml)
    faults: list[str] = []
    splits = {name: _split(name, images, len(yaml.names), faults) for name, images in yaml.images.items()}
    if faults:
        more = f"\n  ... and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
        raise DataError(
            f"{yaml.file}: {len(faults)} bad label rows:" + "".join(f"\n  {f}" for f in faults[:_LISTED]) + more,
            hint="correct the rows; Ultralytics would leave out each of these images whole",
        )
    return Dataset(yaml.file, yaml.root, yaml.names, splits)


def _split(name: str, images: tuple[Path, ...], class_count: int, faults: list[str]) -> Split:
    labels = tuple(label_path(image) for image in images)
    ids: list[int] = []
    corners: list[tuple[float, float, float, float]] = []
    owners: list[int] = []
    for i, path in enumerate(labels):
        for row in _rows(path, class_count, faults) if path.is_file() else ():
            ids.append(row.class_id)
            corners.append(row.box)
            owners.append(i)
    boxes: NDArray[Any] = xyxy_to_xywh(np.array(corners, dtype=np.float64).reshape(-1, 4))
    as_ids = np.array(ids, dtype=np.int64), np.array(owners, dtype=np.int64)
    return Split(name, images, labels, as_ids[0], boxes, as_ids[1], class_count)


def _rows(path: Path, class_count: int, faults: list[str]) -> Iterator[LabelRow]:
    """The rows of one file that Ultralytics would accept; the others become faults."""
    try:
        lines = [(n, line) for n, line in enumerate(read_lines(path), start=1) if line.strip()]
    except ParseError as error:
        faults.append(error.message)
        return
    kinds = set()
    for number, line in lines:
        try:
            row = parse_row(line)
            _accept(row, line, class_count)
        except ValueError as error:
            faults.append(f"{path}:{number}: {error}")
            continue
        kinds.add(row.polygon)
        yield row
    if len(kinds) > 1:
        faults.append(f"{path}: expected boxes or polygons, found both in one file")


def _accept(row: LabelRow, line: str, class_count: int) -> None:
    if not 0 <= row.class_id < class_count:
        raise ValueError(f"expected a class from 0 to {class_count - 1}, found {row.class_id}")
    values = [float(field) for field in line.split()[1:]]
    outside = [value for value in values if not _LOW <= value <= _HIGH]  # true for NaN, too
    if outside:
        raise ValueError(f"expected shares from 0 to 1, found {outside[0]:g}")
    if not row.polygon and min(values[2:]) < 0:
        raise ValueError(f"expected a width and height of 0 or more, found {min(values[2:]):g}")
