"""Label Studio: the JSON and JSON-MIN exports, with the labelling configuration (XML) where it lies beside.

See `tasks` in this folder for the tasks, and `regions` for their coordinates.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from yolo_tl.data.documents import load_json
from yolo_tl.data.formats.base import Format, Output
from yolo_tl.data.formats.label_studio.config import LabellingConfig, find_config
from yolo_tl.data.formats.label_studio.regions import annotations_of, declared_size, keypoint_names
from yolo_tl.data.formats.label_studio.tasks import (
    MINIMAL_KEYS,
    Json,
    Task,
    from_minimal,
    image_fields,
    task_of,
    without_hash,
)
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.references import locate, unmentioned
from yolo_tl.data.records import (
    Annotation,
    ClassOrder,
    Dropped,
    Event,
    ImageRecord,
    KeypointOrder,
    Note,
    Ring,
    Size,
)
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree

_TASK_KEYS = frozenset(["annotations", "completions", "predictions", "file_upload", "drafts"])
_NOTES = {
    "predictions": "tasks have predictions, which are not annotations and are not read",
    "cancelled": "annotations were cancelled (skipped) and are not read",
    "no truth": "tasks have no ground truth: of these the last annotation counts",
    "no image": "tasks hold no image that is known by its suffix and are left out",
    "turned": "results were drawn on an image turned on the screen; their coordinates are those of the image itself",
    "relations": "relations between regions are not read",
}


def sniff(tree: Tree) -> str | None:
    """JSON with tasks: their data and annotations, or the flat rows of JSON-MIN."""
    files = _files(tree)
    return f"{len(files)} JSON files with tasks of Label Studio: {tree.relative(files[0])}" if files else None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images in the order of the tasks.

    Of several annotations of a task one is chosen by ``options.annotator``, in the order in which
    they were created; they are never merged. A task without an annotation is not labelled.

    Raises:
        DataError: a name fits several images equally well.
        ParseError: a file is not JSON, or holds no tasks.
    """
    config = find_config(tree)
    counts: Counter[str] = Counter()
    texts: set[str] = set()
    tasks = [(path, task) for path in _files(tree) for task in _tasks(path, config, options, counts, texts)]
    order = config.choices if options.task == "classify" or not config.classes else config.classes
    if order:
        yield ClassOrder(order)
    keypoints = {name for _, task in tasks for name in keypoint_names(task.results or [])}
    names = (*config.keypoints, *sorted(keypoints - {*config.keypoints}))
    if keypoints:
        yield KeypointOrder(names)
    uploads = _Uploads(tree)
    mentioned: set[Path] = set()
    for path, task in tasks:
        for event in _records(tree, task, path, config, names, uploads):
            if isinstance(event, ImageRecord):
                mentioned.add(event.path)
            yield event
        counts["no image"] += not image_fields(task.data, config)
        for result in task.results or ():
            if isinstance(result, dict):
                counts["relations"] += result.get("type") == "relation"
                counts["turned"] += result.get("image_rotation") in (90, 180, 270)
    if counts["several"]:
        which = options.annotator.replace("-", " ")
        yield Note(f"{counts['several']} tasks have several annotations: the {which} of each counts")
    yield from (Note(f"{counts[key]} {text}") for key, text in _NOTES.items() if counts[key])
    if texts:
        fields = ", ".join(sorted(texts))
        yield Note(f"text taken for data of the tasks, not for choices: {fields}; a labelling configuration would tell")
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    def fits(path: Path) -> bool:
        kind, keys = tree.json_outline(path)
        if "data" in keys and keys & _TASK_KEYS:
            return bool(kind)
        if kind == "array" and keys and keys <= {"id", "annotations"}:  # the data come after the annotations
            return _is_result(path)
        return kind == "array" and "annotation_id" in keys and bool(keys & MINIMAL_KEYS - {"id", "annotation_id"})

    return [path for path in tree.files(".json") if fits(path)]


def _is_result(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(1 << 16).replace(b"\x00", b"")  # UTF-16 has a zero in each pair of bytes
    except OSError:
        return False
    return b'"result"' in head and (b'"completed_by"' in head or b'"from_name"' in head)


def _tasks(
    path: Path, config: LabellingConfig, options: ReadOptions, counts: Counter[str], texts: set[str]
) -> Iterator[Task]:
    document: Any = load_json(path)
    rows = document if isinstance(document, list) else [document]
    if not any(isinstance(row, dict) and "data" in row for row in rows):
        rows = from_minimal(rows, config, texts)
    for number, row in enumerate(rows, start=1):
        yield task_of(row, number, options.annotator, counts)


class _Uploads:
    """Images by the names that an upload to Label Studio gives them: blanks and signs are gone from these."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.names: dict[str, Path | None] | None = None

    def find(self, references: list[str]) -> str | None:
        """The path of the only image of such a name, below the folder of images."""
        if self.names is None:
            self.names = {}
            for image in self.tree.images:
                key = _upload_name(image.name)
                self.names[key] = None if key in self.names else image
        uploaded = (name for reference in references if (name := without_hash(reference)))
        found = next((path for name in uploaded if (path := self.names.get(_upload_name(name)))), None)
        return None if found is None else found.relative_to(self.tree.image_root).as_posix()


def _upload_name(name: str) -> str:
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_")).casefold()


def _records(
    tree: Tree, task: Task, source: Path, config: LabellingConfig, keypoints: tuple[str, ...], uploads: _Uploads
) -> Iterator[Event]:
    """One record for each image of a task, with the results that are about it."""
    fields = image_fields(task.data, config)
    meta = task.data.get("meta")
    said = task.data.get("split") or (meta.get("split") if isinstance(meta, dict) else None)
    split = split_in(said) if isinstance(said, str) else None
    split = split or split_in(source.stem) or split_of_folder(tree.relative(source))
    about: dict[tuple[str, int], list[Any]] = {(field, i): [] for field in fields for i in range(len(fields[field]))}
    for number, result in enumerate(task.results or (), start=1):
        key = _image_of(result, fields, config)
        if key in about:
            about[key].append(result)
        elif not (isinstance(result, dict) and result.get("type") == "relation"):
            kind = result.get("type") if isinstance(result, dict) else None
            detail = f"{kind}: the task holds {', '.join(fields) or 'no image'}"
            reason = "no_image" if fields else "unsupported_shape" if kind else "malformed"
            yield Dropped(reason, source, f"{task.place}, result {number}", detail)
    for (field, i), results in about.items():
        names = fields[field][i]
        path = locate(tree, names, near=source, split=split)
        if not path.is_file() and (renamed := uploads.find(names)):
            path = locate(tree, [renamed], near=source, split=split)
        place = task.place if len(about) == 1 else f"{task.place}, {field} {i + 1}"
        size = declared_size(results)
        annotations: list[Annotation] = []
        for item in annotations_of(results, size, keypoints, source, place):
            if isinstance(item, Dropped):
                yield item
            else:
                annotations.append(item)
        labelled = task.results is not None
        yield ImageRecord(path, source, tuple(annotations), split, size, relative=True, labelled=labelled)


def _image_of(result: Any, fields: dict[str, list[list[str]]], config: LabellingConfig) -> tuple[str, int] | None:
    """The field and the number of the image that a result is about."""
    result = result if isinstance(result, dict) else {}
    name, index = result.get("to_name"), result.get("item_index")
    field = config.images.get(name, name) if isinstance(name, str) else None
    if field not in fields and len(fields) == 1:
        field = next(iter(fields))
    if not isinstance(field, str):
        return None
    return field, index if isinstance(index, int) else 0


def write(output: Output) -> int:
    """``label_studio.json`` to import as tasks, and ``label_config.xml`` with the classes in order.

    The images are referred to as local files, relative to `output.folder`; the split is in the data of each
    task. An oriented box that is not a rectangle to 0.01 px, which Label Studio does not have, becomes a
    polygon; each polygon of an object becomes a region.
    """
    tasks: list[Json] = []
    for number, (record, place) in enumerate(zip(output.records, output.images, strict=True), start=1):
        assert record.size is not None
        results: list[Json] = []
        for index, annotation in enumerate(record.annotations, start=1):
            results += _results(annotation, f"r{index}", record.size, output)
        url = f"/data/local-files/?d={quote(place.as_posix())}"
        data = {"image": url, "split": record.split}
        tasks.append({"id": number, "data": data, "annotations": [{"result": results}]})
    (output.folder / "label_studio.json").write_bytes(msgspec.json.format(msgspec.json.encode(tasks), indent=1))
    (output.folder / "label_config.xml").write_bytes(_config(output))
    return sum(len(record.annotations) for record in output.records)


def _results(annotation: Annotation, key: str, size: Size, output: Output) -> Iterator[Json]:
    width, height = size
    common = {"to_name": "image", "original_width": width, "original_height": height, "image_rotation": 0}

    def result(control: str, name: str, value: Json, key: str = key, **more: str) -> Json:
        labelled = {**value, control: [name]}
        return {"id": key, "from_name": control, "type": control, **common, "value": labelled, **more}

    if annotation.is_tag:
        yield result("choices", annotation.name, {})
        return
    turned = _turned(annotation.corners, size) if output.task == "obb" and annotation.corners else None
    parts = annotation.parts if output.task == "segment" else ()
    if output.task == "obb" and annotation.corners and turned is None:
        parts = (annotation.corners,)
    if turned is not None:
        yield result("rectanglelabels", annotation.name, turned)
    elif parts:
        for number, ring in enumerate(parts, start=1):
            points = [[x / width * 100, y / height * 100] for x, y in zip(ring[::2], ring[1::2], strict=True)]
            part = key if number == 1 else f"{key}_{number}"
            yield result("polygonlabels", annotation.name, {"points": points, "closed": True}, part)
    else:
        assert annotation.box is not None
        x1, y1, x2, y2 = annotation.box
        yield result("rectanglelabels", annotation.name, _box(x1, y1, x2 - x1, y2 - y1, 0.0, size))
    for i, name in enumerate(output.keypoints if annotation.keypoints else ()):
        x, y, visibility = annotation.keypoints[3 * i : 3 * i + 3]
        if visibility:
            at = {"x": x / width * 100, "y": y / height * 100, "width": 0.5, "hidden": visibility == 1}
            yield result("keypointlabels", name, at, f"{key}_k{i + 1}", parentID=key)


def _box(x: float, y: float, width: float, height: float, rotation: float, size: Size) -> Json:
    return {
        "x": x / size[0] * 100,
        "y": y / size[1] * 100,
        "width": width / size[0] * 100,
        "height": height / size[1] * 100,
        "rotation": rotation,
    }


def _turned(corners: Ring, size: Size) -> Json | None:
    """A rectangle turned about its first corner, or None where the corners make none."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = zip(corners[::2], corners[1::2], strict=True)
    if (bx - ax) * (dy - ay) < (by - ay) * (dx - ax):  # counter-clockwise
        (bx, by), (dx, dy) = (dx, dy), (bx, by)
    width, height = math.hypot(bx - ax, by - ay), math.hypot(dx - ax, dy - ay)
    skew = (bx - ax) * (dx - ax) + (by - ay) * (dy - ay)
    if math.hypot(bx + dx - ax - cx, by + dy - ay - cy) > 0.01 or abs(skew) > 0.01 * max(width, height):
        return None
    return _box(ax, ay, width, height, math.degrees(math.atan2(by - ay, bx - ax)) % 360, size)


def _config(output: Output) -> bytes:
    view = ET.Element("View")
    ET.SubElement(view, "Image", name="image", value="$image")
    if output.task == "classify":
        choices = ET.SubElement(view, "Choices", name="choices", toName="image", choice="multiple")
        for name in output.classes:
            ET.SubElement(choices, "Choice", value=name)
    controls = {"detect": ("Rectangle",), "pose": ("Rectangle",)}.get(output.task, ("Rectangle", "Polygon"))
    for control in () if output.task == "classify" else controls:
        labels = ET.SubElement(view, f"{control}Labels", name=f"{control.lower()}labels", toName="image")
        for name in output.classes:
            ET.SubElement(labels, "Label", value=name)
    if output.keypoints:
        labels = ET.SubElement(view, "KeyPointLabels", name="keypointlabels", toName="image")
        for i, name in enumerate(output.keypoints):
            ET.SubElement(labels, "Label", value=name, model_index=str(i))
    ET.indent(view)
    return bytes(ET.tostring(view, "utf-8"))


FORMAT = Format(
    name="label-studio",
    looks_for='Label Studio: .json files with tasks, their "data" and "annotations"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
    write=write,
    tasks=("detect", "segment", "obb", "pose", "classify"),
)
