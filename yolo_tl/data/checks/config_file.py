"""The ``data.yaml`` as far as it can be understood, with everything that is wrong with it.

`yolo_tl.data.yolo.data_yaml` refuses what Ultralytics would refuse; here the same becomes findings,
and the rest of the file is read on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from yolo_tl.data.documents import decode, read_bytes
from yolo_tl.data.split import SPLITS
from yolo_tl.errors import DataNotFound, ParseError

_MOST = 10_000  # keypoints; more is a mistake


@dataclass
class ConfigFile:
    """What a data.yaml says.

    Attributes:
        file: the yaml.
        content: its keys and values.
        repeated: keys that it holds twice, with their line.
        names: class names by index; ``class_3`` where a name is missing.
        root: the folder its paths start from.
        places: the folders, lists and images of each split, absolute; they need not exist.
        keypoint_shape: number of keypoints and of values of each, or None.
        bad_encoding: it is not UTF-8.
    """

    file: Path
    content: dict[Any, Any]
    repeated: list[tuple[str, int]] = field(default_factory=list)
    names: tuple[str, ...] = ()
    root: str = ""
    places: dict[str, list[str]] = field(default_factory=dict)
    keypoint_shape: tuple[int, int] | None = None
    bad_encoding: bool = False


def find_config(path: Path) -> Path | None:
    """The data.yaml that is `path`, or the one in that folder; None where there is none.

    Raises:
        DataNotFound: `path` does not exist, or the folder holds several.
    """
    if not path.exists():
        raise DataNotFound(f"{path}: no such file or folder", hint="check the path")
    if path.is_file():
        return path if path.suffix.lower() in (".yaml", ".yml") else None
    found = [p for p in sorted(path.iterdir()) if p.suffix.lower() in (".yaml", ".yml") and _speaks_of_images(p)]
    preferred = [p for p in found if p.stem in ("data", "dataset")] or found
    if len(preferred) > 1:
        names = ", ".join(p.name for p in preferred)
        raise DataNotFound(f"{path}: expected one data.yaml in the folder, found {names}", hint="name the file itself")
    return preferred[0] if preferred else None


def read_config(file: Path) -> ConfigFile:
    """Read a data.yaml.

    Raises:
        ParseError: it is not YAML, or holds no keys: nothing can be made of it.
    """
    raw = read_bytes(file)
    try:
        text, bad = decode(raw, file), False
    except ParseError:
        text, bad = decode(raw, file, latin1=True), True
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise ParseError(file, f"malformed YAML: {reason}", line=mark.line + 1 if mark else None) from error
    if not isinstance(content, dict):
        raise ParseError(file, f"expected keys such as names, train and val, found {type(content).__name__}")
    config = ConfigFile(file, content, list(_repeated(node)), bad_encoding=bad)
    config.names = _names(content)
    base = content.get("path")
    config.root = os.path.normpath(os.path.join(os.path.abspath(file.parent), base if isinstance(base, str) else ""))
    for split in SPLITS:
        value = content.get(split)
        if split == "val" and value is None:
            value = content.get("validation")
        entries = [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, str)]
        if entries:
            config.places[split] = [_place(config.root, entry) for entry in entries]
    shape = content.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and all(type(n) is int for n in shape):
        config.keypoint_shape = (shape[0], shape[1]) if 0 < shape[0] <= _MOST and shape[1] in (2, 3) else None
    return config


def _speaks_of_images(path: Path) -> bool:
    try:
        lines = path.read_bytes()[: 1 << 20].decode("utf-8", "replace").replace("\x00", "").splitlines()
    except OSError:
        return False
    keys = {line.partition(":")[0].strip("\ufeff\ufffd \"'") for line in lines if ":" in line}
    return bool(keys & {"names", "nc", "train", "val", "test", "validation"})


def _place(root: str, entry: str) -> str:
    path = os.path.normpath(os.path.join(root, entry))
    if not os.path.exists(path) and entry.startswith("../"):  # Roboflow counts from a folder that is not there
        return os.path.normpath(os.path.join(root, entry[3:]))
    return path


def _names(content: dict[Any, Any]) -> tuple[str, ...]:
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, list):
        return tuple(_name(name) for name in names)
    if isinstance(names, dict):
        numbered = {}
        for key, name in names.items():
            try:
                numbered[int(key)] = _name(name)
            except (TypeError, ValueError, OverflowError):
                continue
        last = max(numbered, default=-1)
        if last < 10 * len(names) + 100:
            return tuple(numbered.get(i, f"class_{i}") for i in range(last + 1))
        return tuple(numbered[i] for i in sorted(numbered))
    return tuple(f"class_{i}" for i in range(count)) if type(count) is int and 0 < count < 100_000 else ()


def shown(value: object) -> str:
    """A value for a message; of a nested one its type only, since aliases make it grow without bound.

    >>> shown([1, "a"]), shown([[1]])
    ("[1, 'a']", 'a nested list')
    """
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    if any(isinstance(part, (list, dict, tuple)) for part in parts):
        return f"a nested {type(value).__name__}"
    return repr(value)[:80]


def _name(value: object) -> str:
    return value if isinstance(value, str) else shown(value)


def _repeated(node: Any) -> list[tuple[str, int]]:
    """Keys that stand twice in the file itself or in its map of names; YAML keeps the last silently."""
    found: list[tuple[str, int]] = []
    maps = [node]
    if isinstance(node, yaml.MappingNode):
        maps += [value for key, value in node.value if getattr(key, "value", None) == "names"]
    for item in maps:
        seen: set[str] = set()
        for key, _ in item.value if isinstance(item, yaml.MappingNode) else ():
            word = str(getattr(key, "value", ""))
            if word in seen:
                found.append((word, key.start_mark.line + 1))
            seen.add(word)
    return found
