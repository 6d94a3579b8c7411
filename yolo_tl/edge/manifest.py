"""The manifest of a bundle: what the model beside it is, and how it is to be used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.errors import BundleError
from yolo_tl.files import sha256

FILE = "manifest.json"
SCHEMA = 1

_REBUILD = "build the bundle again with yolo-tl export"


@dataclass(frozen=True)
class Manifest:
    """The part of a manifest that running needs.

    Attributes:
        path: the manifest file.
        model: the model file, whose content has been checked against its SHA-256.
        task: what the network was trained for.
        names: class names in order of class number.
        head: how the output is read.
        preprocess: what is done to images.
        thresholds: the operating point the model was accepted with.
        content: the whole manifest.
    """

    path: Path
    model: Path
    task: str
    names: tuple[str, ...]
    head: str
    preprocess: Preprocess
    thresholds: Thresholds
    content: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check ``folder/manifest.json`` and the model file it names.

        Raises:
            BundleError: a file is missing or changed, or the bundle is of a kind that cannot be run.
        """
        path = folder / FILE
        content = _content(path)
        _require(path, "schema", content.get("schema"), SCHEMA, hint="install the yolo-tl version that wrote it")
        _require(path, "format", content.get("format"), "onnx", hint="only ONNX bundles are run")
        names = _entry(path, content, "names", list)
        if not names or not all(isinstance(name, str) for name in names):
            raise BundleError(f"{path}: names: expected a list of class names, found {names}", hint=_REBUILD)
        return cls(
            path=path,
            model=_model(path, content),
            task=_entry(path, content, "task", str),
            names=tuple(names),
            head=_entry(path, content, "head", str),
            preprocess=_preprocess(path, _entry(path, content, "preprocess", dict)),
            thresholds=_thresholds(path, _entry(path, content, "thresholds", dict), names),
            content=content,
        )


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleError(f"{path}: expected the manifest of a bundle: {reason}", hint="check the path") from error
    except ValueError as error:
        raise BundleError(f"{path}: expected JSON: {error}", hint=_REBUILD) from error
    if not isinstance(content, dict):
        raise BundleError(f"{path}: expected a JSON object, found {type(content).__name__}", hint=_REBUILD)
    return content


def _model(path: Path, content: Mapping[str, Any]) -> Path:
    name = _entry(path, content, "model", str)
    if Path(name).name != name:
        raise BundleError(f"{path}: model: expected a file name in the bundle's own folder, found {name}")
    expected = _entry(path, content, "files", dict).get(name)
    model = path.with_name(name)
    if not model.is_file():
        raise BundleError(f"{model}: named in {path.name}, but there is no such file", hint="copy the whole bundle")
    if (found := sha256(model)) != expected:
        raise BundleError(
            f"{model}: expected SHA-256 {expected} as in {path.name}, found {found}",
            hint="the file was damaged or exchanged; copy the bundle again",
        )
    return model


def _preprocess(path: Path, values: Mapping[str, Any]) -> Preprocess:
    try:
        return Preprocess.from_json(values)
    except ValueError as error:
        raise BundleError(f"{path}: preprocess.{error}", hint=_REBUILD) from error


def _thresholds(path: Path, values: Mapping[str, Any], names: Sequence[str]) -> Thresholds:
    known = {key: values[key] for key in ("confidence", "iou", "max_det") if key in values}
    by_class = values.get("classes", {})
    if not isinstance(by_class, dict) or not by_class.keys() <= set(names):
        raise BundleError(
            f"{path}: thresholds.classes: expected a threshold for names of {', '.join(names)}, found {by_class!r}",
            hint=_REBUILD,
        )
    own = tuple((number, by_class[name]) for number, name in enumerate(names) if name in by_class)
    try:
        return Thresholds(**known, by_class=own)
    except ValueError as error:
        raise BundleError(f"{path}: thresholds: {error}", hint=_REBUILD) from error


def _entry(path: Path, content: Mapping[str, Any], key: str, kind: type) -> Any:
    value = content.get(key)
    if not isinstance(value, kind):
        found = "nothing" if value is None else repr(value)
        raise BundleError(f"{path}: {key}: expected a {kind.__name__}, found {found}", hint=_REBUILD)
    return value


def _require(path: Path, key: str, found: Any, expected: Any, *, hint: str) -> None:
    if found != expected or isinstance(found, bool):
        raise BundleError(f"{path}: {key}: expected {expected!r}, found {found!r}", hint=hint)
