"""The tasks of a Label Studio export, JSON or JSON-MIN: what was labelled, by whom, on which images."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from yolo_tl.data.formats.label_studio.config import LabellingConfig
from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.reading.fields import class_name

Json = dict[str, Any]

MINIMAL_KEYS = frozenset(["id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"])
_HASHED = re.compile(r"[0-9a-f]{8}-(.+)$", re.DOTALL)
_SHAPE = ("x", "y", "width", "height", "rotation", "radiusX", "radiusY", "points", "rle", "sequence")


class Task(Struct):
    """One task.

    Attributes:
        place: for people.
        data: what was shown.
        results: of the annotation that counts; None where there is none.
    """

    place: str
    data: Json
    results: list[Any] | None = None


def task_of(entry: Any, number: int, annotator: str, counts: Counter[str]) -> Task:
    """A task of a JSON export.

    Args:
        entry: the object.
        number: its number in the file.
        annotator: which of several annotations counts: first, last or ground-truth.
        counts: what was left out is counted here.
    """
    if not isinstance(entry, dict):
        return Task(f"task number {number}", {}, [entry])
    name = class_name(entry.get("id"))
    task = Task(f"task {name}" if name else f"task number {number}", _object(entry.get("data")))
    counts["predictions"] += bool(_objects(entry.get("predictions")))
    annotations = _objects(entry.get("annotations", entry.get("completions")))
    valid = [a for a in annotations if not (a.get("was_cancelled") or a.get("skipped"))]
    counts["cancelled"] += len(annotations) - len(valid)
    if len(valid) > 1:
        counts["several"] += 1
        if all(isinstance(a.get("created_at"), str) for a in valid):
            valid.sort(key=lambda a: str(a["created_at"]))
    if not valid:
        return task
    chosen = valid[0] if annotator == "first" else valid[-1]
    if annotator == "ground-truth":
        truths = [a for a in valid if a.get("ground_truth") is True]
        counts["no truth"] += not truths
        chosen = truths[-1] if truths else chosen
    results = chosen.get("result")
    task.results = results if isinstance(results, list) else [] if results is None else [results]
    return task


def from_minimal(rows: list[Any], config: LabellingConfig, texts: set[str]) -> list[Json]:
    """The rows of a JSON-MIN export, one an annotation, as tasks of a JSON export.

    The rows do not tell a field of the task from a choice: only the configuration does.

    Args:
        rows: the objects.
        config: the labelling configuration.
        texts: the names of fields of which that remains open are added here.
    """
    tasks: dict[str, Json] = {}
    for number, row in enumerate(rows, start=1):
        key = class_name(_object(row).get("id")) or f"#{number}"
        task = tasks.setdefault(key, {"id": _object(row).get("id"), "data": {}, "annotations": []})
        results: list[Any] = [] if isinstance(row, dict) else [row]
        for field, value in _object(row).items():
            if field in MINIMAL_KEYS:
                continue
            images = references_in(value)
            for item in value if isinstance(value, list) and not images else [value]:
                if isinstance(item, dict):
                    results.append(_minimal_result(item))
                elif field in config.controls:
                    results.append({"value": {"choices": [item]}})
                else:
                    task["data"][field] = value
                    if isinstance(item, str) and not images and field != "split":
                        texts.add(field)
        created = _object(row).get("created_at")
        task["annotations"].append({"result": results, "created_at": created})
    return list(tasks.values())


def _minimal_result(item: Json) -> Json:
    """Without ids, a rectangle and its labels are known to be one by their geometry."""
    shape = [item.get(key) for key in _SHAPE]
    key = item.get("id") or (repr(shape) if any(part is not None for part in shape) else None)
    return {**{k: item.get(k) for k in ("original_width", "original_height", "parentID")}, "id": key, "value": item}


def image_fields(data: Json, config: LabellingConfig) -> dict[str, list[list[str]]]:
    """For each field of a task that holds images, the names each image may have here."""
    named = [field for field in config.images.values() if field in data]
    found = {field: references_in(data[field], any_suffix=bool(named)) for field in named or data}
    if not any(found.values()) and isinstance(data.get("image"), str):
        found = {"image": references_in(data["image"], any_suffix=True)}
    return {field: images for field, images in found.items() if images}


def references_in(value: Any, *, any_suffix: bool = False) -> list[list[str]]:
    """The names under which each image of a field may lie here; none where it holds no image."""
    values = value if isinstance(value, list) else [value]
    names = [references(text) for text in values if isinstance(text, str) and text.strip()]
    if len(names) < len(values):
        return []
    return names if any_suffix or all(_is_image(found[0]) for found in names) else []


def references(url: str) -> list[str]:
    """The paths that `url` may stand for, the likeliest first.

    >>> references("/data/upload/2/0a1b2c3d-my%20cat.jpg")
    ['/data/upload/2/0a1b2c3d-my%20cat.jpg', '/data/upload/2/0a1b2c3d-my cat.jpg', 'my%20cat.jpg', 'my cat.jpg']
    >>> references("/data/local-files/?d=a/my%20cat.jpg")
    ['a/my cat.jpg']
    """
    path, _, query = url.strip().replace("\\", "/").partition("?")
    if path.rstrip("/").endswith("/local-files"):
        path = next((part[2:] for part in query.split("&") if part.startswith("d=")), path)
        paths = [unquote(path)]
    else:
        paths = [path, unquote(path)]
    return list(dict.fromkeys([*paths, *filter(None, map(without_hash, paths))]))


def without_hash(reference: str) -> str:
    """The name of an uploaded file without the eight digits put before it; "" where it has none.

    >>> without_hash("/data/upload/2/0a1b2c3d-cat.jpg")
    'cat.jpg'
    """
    match = _HASHED.match(PurePosixPath(reference).name)
    return match.group(1) if match else ""


def _is_image(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
