"""A data set as COCO: ``annotations/instances_<split>.json``, images named as they are below ``images/<split>``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

import msgspec

from yolo_tl.data.formats.base import Output
from yolo_tl.data.geometry.seams import bridge
from yolo_tl.data.geometry.transform import area
from yolo_tl.data.records import Annotation, ImageRecord
from yolo_tl.data.split import SPLITS


def write(output: Output) -> int:
    """One file a split, written piece by piece; the number of annotations.

    Ids count from 1, those of images and annotations through all files, so that the files can be
    merged. Several polygons stay several; holes, which polygons of COCO cannot have, are cut out along a seam.

    Raises:
        OSError: a file could not be written.
    """
    folder = output.folder / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    kind = "person_keypoints" if output.task == "pose" else "instances"
    images = list(enumerate(zip(output.records, output.images, strict=True), start=1))
    written = 0
    for split in SPLITS:
        chosen = [(number, record, place) for number, (record, place) in images if record.split == split]
        if not chosen:
            continue
        with (folder / f"{kind}_{split}.json").open("wb") as stream:
            stream.write(b'{"info":{},"licenses":[],"images":')
            _list(stream, (_image(number, record, place) for number, record, place in chosen))
            stream.write(b',"annotations":')
            written += _list(stream, _annotations(chosen, output, written))
            stream.write(b',"categories":' + msgspec.json.encode(_categories(output)) + b"}")
    return written


def _list(stream: IO[bytes], items: Iterator[dict[str, Any]]) -> int:
    encoder = msgspec.json.Encoder()
    count = 0
    for item in items:
        stream.write((b",\n" if count else b"[\n") + encoder.encode(item))
        count += 1
    stream.write(b"\n]" if count else b"[]")
    return count


def _image(number: int, record: ImageRecord, place: PurePosixPath) -> dict[str, Any]:
    assert record.size is not None
    width, height = record.size
    return {"id": number, "file_name": "/".join(place.parts[2:]), "width": width, "height": height}


def _annotations(
    chosen: list[tuple[int, ImageRecord, PurePosixPath]], output: Output, before: int
) -> Iterator[dict[str, Any]]:
    ids = {name: i for i, name in enumerate(output.classes, start=1)}
    number = before
    for image, record, _ in chosen:
        for annotation in record.annotations:
            number += 1
            yield _annotation(annotation, number, image, ids[annotation.name], output.task)


def _annotation(annotation: Annotation, number: int, image: int, category: int, task: str) -> dict[str, Any]:
    assert annotation.box is not None
    x1, y1, x2, y2 = annotation.box
    parts = (bridge(annotation.parts, annotation.holes),) if annotation.holes else annotation.parts
    entry: dict[str, Any] = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": sum(map(area, parts)) if parts else (x2 - x1) * (y2 - y1),
        "iscrowd": int(annotation.crowd),
        "segmentation": parts,
    }
    if annotation.ignore:
        entry["ignore"] = 1
    if task == "pose":
        entry["keypoints"] = annotation.keypoints
        entry["num_keypoints"] = sum(v > 0 for v in annotation.keypoints[2::3])
    return entry


def _categories(output: Output) -> list[dict[str, Any]]:
    points = {"keypoints": output.keypoints, "skeleton": []} if output.task == "pose" else {}
    return [{"id": i, "name": name, "supercategory": "", **points} for i, name in enumerate(output.classes, start=1)]
