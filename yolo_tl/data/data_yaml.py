"""The ``data.yaml`` of Ultralytics: class names, and the images of each split."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.split import SPLITS
from yolo_tl.data.tree import read_lines
from yolo_tl.errors import DataNotFound, ParseError


@dataclass(frozen=True)
class DataYaml:
    """What a ``data.yaml`` says, with every path resolved.

    Attributes:
        file: the yaml itself.
        root: the folder its paths start from.
        names: class names by index.
        images: the image files of each split it has, sorted.
    """

    file: Path
    root: Path
    names: tuple[str, ...]
    images: dict[str, tuple[Path, ...]]


def load_data_yaml(path: Path | str) -> DataYaml:
    """Read a ``data.yaml``, or the one in a folder, the way Ultralytics does.

    A relative ``path`` starts from the folder of the yaml alone. (Ultralytics tries the
    working folder and then a folder of its settings, so that the same file means different
    data in different places.) Lines of an image list start from the list where they begin
    with ``./``, and from ``path`` otherwise.

    Raises:
        DataNotFound: the yaml or a split does not exist, or a split holds no image.
        ParseError: the yaml is malformed, or names or splits are not what they have to be.
    """
    file = _find(Path(path))
    content = _parse(file)
    names = _names(file, content)
    if "val" not in content and "validation" in content:
        content["val"] = content["validation"]
    root = file.parent / str(content.get("path") or "")
    images = {split: _images(file, root, split, content[split]) for split in SPLITS if content.get(split)}
    if not images:
        raise ParseError(file, "expected train, val or test, found none of them")
    return DataYaml(file, root, names, images)


def _find(path: Path) -> Path:
    if not path.exists():
        raise DataNotFound(f"{path}: no such file or folder", hint="check the path")
    if path.is_file():
        return path
    found = [p for p in sorted(path.iterdir()) if p.suffix in (".yaml", ".yml")]
    preferred = [p for p in found if p.stem in ("data", "dataset")] or found
    if len(preferred) != 1:
        names = ", ".join(p.name for p in preferred) or "none"
        raise DataNotFound(f"{path}: expected one data.yaml in the folder, found {names}", hint="name the file itself")
    return preferred[0]


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load("\n".join(read_lines(file)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise ParseError(file, f"malformed YAML: {reason}", line=mark.line + 1 if mark else None) from error
    if not isinstance(content, dict):
        raise ParseError(file, f"expected keys such as names, train and val, found {type(content).__name__}")
    return content


def _names(file: Path, content: dict[str, Any]) -> tuple[str, ...]:
    names, count = content.get("names"), content.get("nc")
    if names is None and isinstance(count, int) and count > 0:
        return tuple(f"class_{i}" for i in range(count))  # as Ultralytics names them
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ParseError(file, f"expected a list or a map of class names, found {names!r}", place="names")
    try:
        by_id = {int(key): str(name) for key, name in names.items()}
    except (TypeError, ValueError):
        by_id = {}
    if sorted(by_id) != list(range(len(names))):
        raise ParseError(file, f"expected the keys 0 to {len(names) - 1}, found {list(names)}", place="names")
    if count is not None and count != len(names):
        raise ParseError(file, f"nc is {count!r}, but there are {len(names)} names", place="nc")
    return tuple(by_id[i] for i in range(len(by_id)))


def _images(file: Path, root: Path, split: str, value: Any) -> tuple[Path, ...]:
    entries = value if isinstance(value, list) else [value]
    found: list[Path] = []
    for entry in entries:
        if not isinstance(entry, str):
            raise ParseError(file, f"expected a path or a list of paths, found {value!r}", place=split)
        found += _images_at(file, root, split, entry)
    if not found:
        raise DataNotFound(f"{file} ({split}): no images in {value}", hint="check `path` and the split in the yaml")
    return tuple(sorted(found))


def _images_at(file: Path, root: Path, split: str, entry: str) -> list[Path]:
    path = root / entry
    if not path.exists() and entry.startswith("../"):  # Roboflow counts from a folder that is not there
        path = root / entry[3:]
    path = Path(os.path.normpath(path))
    if path.is_dir():
        return [p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES]
    if not path.is_file():
        raise DataNotFound(
            f"{file} ({split}): expected images at {path}, found nothing there",
            hint="paths in the yaml start from its own folder, or from `path`",
        )
    lines = (line.strip() for line in read_lines(path))
    listed = (path.parent / line[2:] if line.startswith("./") else root / line for line in lines if line)
    return [p for p in listed if p.suffix.lower() in IMAGE_SUFFIXES]
