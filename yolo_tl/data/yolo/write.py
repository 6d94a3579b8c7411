"""Writing a data set as Ultralytics reads it.

Boxes, corners and keypoints have eight decimals, which is 0.00005 px on a side of 10,000 px;
polygons six (0.005 px), since they are most of the bytes of a data set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import yaml
from numpy.typing import NDArray

from yolo_tl.data.records import Annotation, ImageRecord
from yolo_tl.data.yolo.data_yaml import mirrored
from yolo_tl.data.yolo.row_text import ONE, Rows, in_ticks

if TYPE_CHECKING:  # it imports every format, and the YOLO format imports this
    from yolo_tl.data.formats.base import Output

_BATCH = 20_000  # points or boxes formatted at a time: few enough for the cache of a processor
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


def write(output: Output) -> int:
    """Write ``labels/<split>/<stem>.txt`` for each image, and ``data.yaml``; the number of rows written.

    A background gets an empty label file. The yaml has no ``path``: Ultralytics then starts from
    the yaml's own folder, wherever it is moved to. For classification the folders of the images say
    everything: nothing is written, and the number of images with a class is returned.

    Raises:
        OSError: a file could not be written.
    """
    if output.task == "classify":
        return sum(bool(record.annotations) for record in output.records)
    count = 0
    folders: set[str] = set()
    for start, stop in _batches(output.records):
        records = output.records[start:stop]
        text, stops = _rows(records, output).text()
        view, row = memoryview(text), 0
        for record, place in zip(records, output.images[start:stop], strict=True):
            _, _, below = str(place).partition("/")
            path = os.path.join(output.folder, "labels", os.path.splitext(below)[0] + ".txt")
            folder = os.path.dirname(path)
            if folder not in folders:
                os.makedirs(folder, exist_ok=True)
                folders.add(folder)
            end = row + len(record.annotations)
            _write_file(path, view[stops[row] : stops[end]])
            row = end
        count += row
    (output.folder / "data.yaml").write_bytes(_yaml(output).encode())
    return count


def _write_file(path: str, content: memoryview) -> None:
    # A third less than open(): there are as many of these files as there are images.
    file = os.open(path, _CREATE, 0o666)
    try:
        while len(content):
            content = content[os.write(file, content) :]
    finally:
        os.close(file)


def _batches(records: Sequence[ImageRecord]) -> Iterator[tuple[int, int]]:
    """From and to of so many records that there are about `_BATCH` points or boxes in them."""
    start = weight = 0
    for i, record in enumerate(records):
        weight += 1 + sum(1 + sum(map(len, a.parts)) // 2 for a in record.annotations)
        if weight > _BATCH:
            yield start, i + 1
            start, weight = i + 1, 0
    if start < len(records):
        yield start, len(records)


def _rows(records: Sequence[ImageRecord], output: Output) -> Rows:
    ids = {name: i for i, name in enumerate(output.classes)}
    annotations = [annotation for record in records for annotation in record.annotations]
    sizes = np.repeat(
        np.array([record.size for record in records], np.float64).reshape(-1, 2),
        [len(record.annotations) for record in records],
        axis=0,
    )
    class_ids = np.fromiter((ids[a.name] for a in annotations), np.int64, len(annotations))
    if output.task == "segment":
        return _polygon_rows(class_ids, annotations, sizes)
    if output.task == "obb":
        values = in_ticks(_table([a.corners for a in annotations], 8) / np.tile(sizes, 4))
    else:
        values = _box_values(annotations, sizes)
    if output.task == "pose":
        points = _point_values(annotations, sizes, len(output.keypoints))
        values = np.concatenate([values, points], axis=1)
    lengths = np.full(len(annotations), values.shape[1], np.int64)
    return Rows(class_ids, lengths, values.reshape(-1))


def _table(numbers: Sequence[Sequence[float]], width: int) -> NDArray[np.float64]:
    flat = np.fromiter(chain.from_iterable(numbers), np.float64, len(numbers) * width)
    return flat.reshape(-1, width)


def _box_values(annotations: Sequence[Annotation], sizes: NDArray[np.float64]) -> NDArray[np.uint32]:
    corners = _table([a.box or () for a in annotations], 4)
    low, high = corners[:, :2] / sizes, corners[:, 2:] / sizes
    sides = np.maximum(in_ticks(high - low), 1)  # a box that was not empty stays one
    return np.concatenate([in_ticks((low + high) / 2), sides], axis=1)


def _point_values(annotations: Sequence[Annotation], sizes: NDArray[np.float64], count: int) -> NDArray[np.uint32]:
    """x, y, visibility of each keypoint; zeros for those that are missing."""
    padding = (0.0,) * (3 * count)
    points = _table([(a.keypoints + padding)[: 3 * count] for a in annotations], 3 * count).reshape(-1, count, 3)
    seen = points[:, :, 2:]
    shares = in_ticks(np.where(seen > 0, points[:, :, :2], 0) / sizes[:, None])
    return np.concatenate([shares, seen.astype(np.uint32) * np.uint32(ONE)], axis=2).reshape(-1, 3 * count)


def _polygon_rows(class_ids: NDArray[np.int64], annotations: Sequence[Annotation], sizes: NDArray[np.float64]) -> Rows:
    rings = [a.parts[0] for a in annotations]
    lengths = np.fromiter(map(len, rings), np.int64, len(rings))
    points = np.fromiter(chain.from_iterable(rings), np.float64, int(lengths.sum())).reshape(-1, 2)
    return Rows(class_ids, lengths, in_ticks(points / np.repeat(sizes, lengths // 2, axis=0), 6).reshape(-1))


def _yaml(output: Output) -> str:
    """The text of ``data.yaml``. Ultralytics asks for the keys train and val even where they are empty."""
    present = {record.split for record in output.records}
    content: dict[str, object] = {split: f"images/{split}" if split in present else None for split in ("train", "val")}
    if "test" in present:
        content["test"] = "images/test"
    content["names"] = dict(enumerate(output.classes))
    if output.task == "pose":
        content["kpt_shape"] = [len(output.keypoints), 3]
        if (order := mirrored(output.keypoints)) is not None:  # without it Ultralytics does not mirror images
            content["flip_idx"] = order
        content["kpt_names"] = {i: list(output.keypoints) for i in range(len(output.classes))}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
