"""The manifest of a bundle: what the model beside it is, and how it is to be used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import RunOptions, Size
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.edge.schema import load_schema, problems, shown
from yolo_tl.errors import BundleError
from yolo_tl.files import sha256

FILE = "manifest.json"
SIGNATURE = "manifest.json.sig"
SCHEMA = 2
SCHEMA_FILE = "manifest.schema.json"

Precision = Literal["fp32", "fp16", "int8", "bf16"]
Arithmetic = Literal["f32", "f16", "bf16"]

_REBUILD = "build the bundle again with yolo-tl export"
_COPY = "copy the whole bundle again"
_SHOWN = 5  # files in a message


@dataclass(frozen=True)
class Manifest:
    """The part of a manifest that running needs.

    Attributes:
        path: the manifest file.
        model: the file or folder to run; every file of the bundle has been checked against its SHA-256.
        format: export format.
        task: what the network was trained for.
        names: class names in order of class number.
        head: how the output is read.
        keypoints: of the task pose: points of an object, and numbers of a point.
        imgsz: height and width of the input in px.
        preprocess: what is done to images.
        precision: numbers the network was made of.
        arithmetic: what the engine must compute in.
        thresholds: the operating point the model was accepted with.
        content: the whole manifest, in the form of the newest version.
    """

    path: Path
    model: Path
    format: str
    task: str
    names: tuple[str, ...]
    head: str
    keypoints: tuple[int, int] | None
    imgsz: Size
    preprocess: Preprocess
    precision: Precision
    arithmetic: Arithmetic
    thresholds: Thresholds
    content: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``folder/manifest.json``, and check it and every file of the bundle.

        Raises:
            BundleError: a file is missing, changed or too much, or the manifest is not one that is known here.
        """
        path = folder / FILE
        manifest = cls.parse(path, _content(path))
        _require_files(path, manifest.content["files"])
        return manifest

    @classmethod
    def parse(cls, path: Path, content: Mapping[str, Any]) -> Manifest:
        """From what a manifest file holds; no other file is looked at.

        Raises:
            BundleError: it does not fit the schema, contradicts itself, or is newer than this package.
        """
        content = _of_this_version(path, content)
        for place, sentence in problems(content, load_schema(SCHEMA_FILE)):
            raise BundleError(f"{path}: {place}: {sentence}" if place else f"{path}: {sentence}", hint=_REBUILD)
        names, model = tuple(content["names"]), content["model"]
        if not any(name == model or name.startswith(model + "/") for name in content["files"]):
            raise BundleError(f"{path}: model: {model} is not among the files of the bundle", hint=_REBUILD)
        keypoints = content.get("keypoints")
        return cls(
            path=path,
            model=path.with_name(model) if "/" not in model else path.parent.joinpath(*model.split("/")),
            format=content["format"],
            task=content["task"],
            names=names,
            head=content["head"],
            keypoints=None if keypoints is None else (int(keypoints[0]), int(keypoints[1])),
            imgsz=(int(content["input"]["imgsz"][0]), int(content["input"]["imgsz"][1])),
            preprocess=_preprocess(path, content["preprocess"]),
            precision=content["precision"],
            arithmetic=content["arithmetic"],
            thresholds=_thresholds(path, content["thresholds"], names),
            content=content,
        )

    def run_options(self, options: RunOptions | None = None) -> RunOptions:
        """How it is run: as asked, in the arithmetic it was verified in."""
        return replace(options or RunOptions(), precision=self.arithmetic)


def thresholds_to_json(thresholds: Thresholds, names: Sequence[str]) -> dict[str, Any]:
    """As a manifest holds them."""
    content = {"confidence": thresholds.confidence, "iou": thresholds.iou, "max_det": thresholds.max_det}
    by_class = {names[number]: value for number, value in thresholds.by_class}
    return {**content, "classes": by_class} if by_class else content


def thresholds_from_json(values: Mapping[str, Any], names: Sequence[str]) -> Thresholds:
    """From a manifest.

    Raises:
        ValueError: a threshold for a class that is none of `names`, or out of range.
    """
    by_class = values.get("classes", {})
    if not by_class.keys() <= set(names):
        known = ", ".join(names)
        raise ValueError(f"classes: expected a threshold for names of {known}, found {shown(by_class)}")
    return Thresholds(
        confidence=values["confidence"],
        iou=values["iou"],
        max_det=int(values["max_det"]),
        by_class=tuple((number, by_class[name]) for number, name in enumerate(names) if name in by_class),
    )


def files_of(folder: Path) -> list[str]:
    """Every file of a bundle but the manifest and its signature: relative, with slashes, sorted."""
    found = []
    for parent, _, names in os.walk(folder):
        found += [(Path(parent) / name).relative_to(folder).as_posix() for name in names]
    return sorted(set(found) - {FILE, SIGNATURE})


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleError(f"{path}: expected the manifest of a bundle: {reason}", hint="check the path") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: expected JSON: {error}", hint=_REBUILD) from error
    if not isinstance(content, dict):
        raise BundleError(f"{path}: expected a JSON object, found {shown(content)}", hint=_REBUILD)
    return content


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _of_this_version(path: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    version = content.get("schema")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise BundleError(f"{path}: schema: expected a version from 1 to {SCHEMA}, found {shown(version)}")
    if version > SCHEMA:
        maker = str(content.get("made_by", "a newer version"))
        raise BundleError(
            f"{path}: schema {version} is newer than this yolo-tl reads (up to {SCHEMA}); it was made by {maker}",
            hint=f"install the yolo-tl that made it, or a later one: {maker}",
        )
    return content if version == SCHEMA else _from_version_1(content)


def _from_version_1(content: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 knew one format in one precision, and called the gate parity."""
    kept = {key: value for key, value in content.items() if key != "parity"}
    gate = {"gate": content["parity"]} if "parity" in content else {}
    return {**kept, **gate, "schema": SCHEMA, "precision": "fp32", "arithmetic": "f32"}


def _require_files(path: Path, expected: Mapping[str, str]) -> None:
    found = files_of(path.parent)
    faults = (
        ("missing", [name for name in expected if name not in found], _COPY),
        ("not in the manifest", [name for name in found if name not in expected], "remove it, or " + _COPY),
        ("changed", [name for name in found if sha256(path.parent / name) != expected.get(name)], _COPY),
    )
    for what, names, hint in faults:
        if names:
            raise BundleError(f"{path.parent}: {what}: {_listed(names)} (by {path.name} and SHA-256)", hint=hint)


def _listed(names: Iterable[str]) -> str:
    first = list(names)
    more = f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else ""
    return ", ".join(first[:_SHOWN]) + more


def _preprocess(path: Path, values: Mapping[str, Any]) -> Preprocess:
    try:
        return Preprocess.from_json(values)
    except ValueError as error:
        raise BundleError(f"{path}: preprocess.{error}", hint=_REBUILD) from error


def _thresholds(path: Path, values: Mapping[str, Any], names: Sequence[str]) -> Thresholds:
    try:
        return thresholds_from_json(values, names)
    except ValueError as error:
        raise BundleError(f"{path}: thresholds.{error}", hint=_REBUILD) from error
