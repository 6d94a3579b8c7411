"""The ``data.yaml`` of Ultralytics: class names, keypoints, and the images of each split."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.split import SPLITS
from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.errors import DataNotFound, ParseError

_MOST_CLASSES, _MOST_KEYPOINTS = 100_000, 10_000  # more is a mistake, and would fill the memory
_SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])", re.IGNORECASE)
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}


@dataclass(frozen=True)
class DataYaml:
    """What a ``data.yaml`` says, with every path resolved.

    Attributes:
        file: the yaml itself.
        root: the folder its paths start from.
        names: class names by index.
        images: the image files of each split it has, sorted.
        task: the value of ``task``, or "".
        keypoints: number of keypoints and of columns for each (``kpt_shape``), or None.
        keypoint_names: from ``kpt_names``, else the numbers from 0; empty without ``kpt_shape``.
        flip_idx: the keypoint that each one becomes in a mirror, where the yaml says so.
        lost: the ``path`` it names, where that is not on this machine (see `load_data_yaml`), or "".
    """

    file: Path
    root: Path
    names: tuple[str, ...]
    images: dict[str, tuple[Path, ...]]
    task: str = ""
    keypoints: tuple[int, int] | None = None
    keypoint_names: tuple[str, ...] = ()
    flip_idx: tuple[int, ...] | None = None
    lost: str = ""


def load_data_yaml(path: Path | str, *, source: Tree | None = None) -> DataYaml:
    """Read a ``data.yaml``, or the one in a folder, the way Ultralytics does.

    A relative ``path`` starts from the folder of the yaml alone. (Ultralytics tries the
    working folder and then a folder of its settings, so that the same file means different
    data in different places.) Lines of an image list start from the list where they begin
    with ``./``, and from ``path`` otherwise.

    Args:
        path: the yaml, or a folder that holds one.
        source: the files the yaml came with, perhaps from another machine: of a ``path`` or a split
            that is not here, the longest tail that is here below the folder of the yaml is taken.

    Raises:
        DataNotFound: the yaml or a split does not exist, or a split holds no image.
        ParseError: the yaml is malformed, or a key does not hold what it has to.
    """
    file = _find(Path(path))
    content = _parse(file)
    names = _names(file, content)
    if "val" not in content and "validation" in content:
        content["val"] = content["validation"]
    root, lost = _root(file, content, moved=source is not None)
    images = {split: _images(file, root, split, content[split], source) for split in SPLITS if content.get(split)}
    if not images:
        raise ParseError(file, "expected train, val or test, found none of them")
    keypoints = keypoint_shape(file, content)
    count = keypoints[0] if keypoints else 0
    return DataYaml(
        file,
        root,
        names,
        images,
        task=content["task"] if isinstance(content.get("task"), str) else "",
        keypoints=keypoints,
        keypoint_names=keypoint_names(file, content, count),
        flip_idx=_flip_idx(file, content, count) if keypoints else None,
        lost=lost,
    )


def mirrored(names: Sequence[str]) -> list[int] | None:
    """The keypoint that each one becomes in a mirror, by left and right in the names; None if they do not tell.

    >>> mirrored(["nose", "left_eye", "right_eye"])
    [0, 2, 1]
    """
    places = {name: i for i, name in enumerate(names)}

    def other(match: re.Match[str]) -> str:
        word = match.group()
        swapped = _OTHER_SIDE[word.lower()]
        return swapped.upper() if word.isupper() else swapped.title() if word[0].isupper() else swapped

    order = [places.get(_SIDE.sub(other, name), i) for i, name in enumerate(names)]
    is_mirror = all(order[order[i]] == i for i in range(len(order)))
    return order if is_mirror and (order != list(range(len(order))) or len(order) == 1) else None


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
    text = "\n".join(read_lines(file))
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise ParseError(file, f"malformed YAML: {reason}", line=mark.line + 1 if mark else None) from error
    except (ValueError, OverflowError) as error:  # a date or a number that cannot be
        raise ParseError(file, f"malformed YAML: {error}") from error
    except RecursionError as error:
        raise ParseError(file, "expected keys such as names and train, found a document nested too deeply") from error
    if not isinstance(content, dict):
        raise ParseError(file, f"expected keys such as names, train and val, found {type(content).__name__}")
    return content


def _names(file: Path, content: dict[str, Any]) -> tuple[str, ...]:
    names, count = content.get("names"), _whole(content.get("nc"))
    if count is not None and count > _MOST_CLASSES:
        raise ParseError(file, f"expected at most {_MOST_CLASSES} classes, found {_shown(count)}", place="nc")
    if names is None and count is not None and count > 0:
        return tuple(f"class_{i}" for i in range(count))  # as Ultralytics names them
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ParseError(file, f"expected a list or a map of class names, found {_shown(names)}", place="names")
    try:
        by_id = {int(key): str(name) for key, name in names.items() if not isinstance(name, (list, dict))}
    except (TypeError, ValueError, OverflowError):
        by_id = {}
    if sorted(by_id) != list(range(len(names))):
        found = ", ".join(_shown(key) for key in list(names)[:20])
        raise ParseError(file, f"expected the keys 0 to {len(names) - 1}, found [{found}]", place="names")
    if content.get("nc") is not None and count != len(names):
        raise ParseError(file, f"nc is {_shown(content['nc'])}, but there are {len(names)} names", place="nc")
    return tuple(by_id[i] for i in range(len(by_id)))


def keypoint_shape(file: Path, content: dict[str, Any]) -> tuple[int, int] | None:
    """``kpt_shape``: the number of keypoints and of the columns of each, 2 or 3; None where there is none.

    Raises:
        ParseError: it is anything else.
    """
    shape = content.get("kpt_shape")
    if shape is None:
        return None
    numbers = [_whole(value) for value in shape] if isinstance(shape, list) and len(shape) == 2 else []
    match numbers:
        case [int(count), (2 | 3) as columns] if 0 < count <= _MOST_KEYPOINTS:
            return count, columns
    raise ParseError(file, f"expected [number of keypoints, 2 or 3], found {_shown(shape)}", place="kpt_shape")


def keypoint_names(file: Path, content: dict[str, Any], count: int) -> tuple[str, ...]:
    """``kpt_names``: a list, or one for each class, of which the first stands for all; by default numbers.

    Raises:
        ParseError: it is anything else, or not `count` different names.
    """
    given = content.get("kpt_names")
    if isinstance(given, dict):
        given = next(iter(given.values()), None)
    if not count or not given:
        return tuple(str(i) for i in range(count))
    if not isinstance(given, list) or any(isinstance(name, (list, dict)) for name in given):
        raise ParseError(file, f"expected lists of names, found {_shown(given)}", place="kpt_names")
    names = tuple(str(name) for name in given)
    if len(names) != count or len(set(names)) != count:
        raise ParseError(
            file, f"expected {count} different names, as kpt_shape says, found {len(set(names))}", place="kpt_names"
        )
    return names


def _flip_idx(file: Path, content: dict[str, Any], count: int) -> tuple[int, ...] | None:
    given = content.get("flip_idx")
    if not given:
        return None
    numbers = [_whole(value) for value in given] if isinstance(given, list) else []
    if sorted(number for number in numbers if number is not None) != list(range(count)):
        raise ParseError(file, f"expected the numbers 0 to {count - 1} in some order", place="flip_idx")
    return tuple(number for number in numbers if number is not None)


def _root(file: Path, content: dict[str, Any], *, moved: bool) -> tuple[Path, str]:
    """The folder that paths start from, and the one that the yaml names where that is another."""
    path = content.get("path")
    if path is not None and not isinstance(path, str):
        raise ParseError(file, f"expected a folder, found {_shown(path)}", place="path")
    root = file.parent / (path or "")
    if moved and not os.path.isdir(root):
        return _tail(file.parent, path or "") or file.parent, path or ""
    return root, ""


def _images(file: Path, root: Path, split: str, value: Any, source: Tree | None) -> tuple[Path, ...]:
    entries = value if isinstance(value, list) else [value]
    found: list[Path] = []
    for entry in entries:
        if not isinstance(entry, str):
            raise ParseError(file, f"expected a path or a list of paths, found {_shown(value)}", place=split)
        found += _images_at(file, root, split, entry, source)
    if not found:
        raise DataNotFound(f"{file} ({split}): no images in {value}", hint="check `path` and the split in the yaml")
    # As paths are sorted, folder by folder, but in a tenth of the time.
    return tuple(sorted(found, key=lambda path: os.fspath(path).replace(os.sep, "\0")))


def _images_at(file: Path, root: Path, split: str, entry: str, source: Tree | None) -> list[Path]:
    path = root / entry
    if not os.path.exists(path) and entry.startswith("../"):  # Roboflow counts from a folder that is not there
        path = root / entry[3:]
    if source is not None and not os.path.exists(path):
        path = _tail(root, entry) or _tail(file.parent, entry) or path
    path = Path(os.path.normpath(path))
    if os.path.isdir(path):
        return _images_below(path, source)
    if not os.path.isfile(path):
        raise DataNotFound(
            f"{file} ({split}): expected images at {path}, found nothing there",
            hint="paths in the yaml start from its own folder, or from `path`",
        )
    lines = (line.strip().replace("\0", "") for line in read_lines(path))
    listed = (path.parent / line[2:] if line.startswith("./") else root / line for line in lines if line)
    return [p for p in listed if p.suffix.lower() in IMAGE_SUFFIXES]


def _images_below(folder: Path, source: Tree | None) -> list[Path]:
    if source is not None and folder.is_relative_to(source.image_root):  # walked already
        prefix = os.path.join(folder, "") if folder != Path() else ""
        return [path for path in source.images if os.fspath(path).startswith(prefix)]
    try:
        return list(Tree(folder).images)
    except DataNotFound:  # an empty folder
        return []


def _tail(root: Path, entry: str) -> Path | None:
    """The longest tail of a path of another machine that exists below `root`."""
    parts = [part for part in re.split(r"[/\\]+", entry) if part not in ("", ".", "..")]
    tails = (root.joinpath(*parts[i:]) for i in range(len(parts)) if not re.match(r"^[A-Za-z]:$", parts[i]))
    return next((path for path in tails if os.path.exists(path)), None)


def _whole(value: Any) -> int | None:
    """The integer that a value stands for: Ultralytics takes 10, 10.0 and "10"."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, str)):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return int(number) if number.is_integer() else None
    return None


def _shown(value: Any) -> str:
    """A value for a message; of a nested one its type only, since aliases make it grow without bound."""
    if isinstance(value, (list, dict)) and any(isinstance(item, (list, dict)) for item in value):
        return f"a nested {type(value).__name__}"
    return repr(value)[:80]
