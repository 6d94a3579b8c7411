"""The bundle: a model file and the manifest that says how to run it and why it may be trusted.

``manifest.json`` has a schema version; `yolo_tl.edge` reads it and refuses what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo_tl import __version__
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.machine import machine
from yolo_tl.edge.manifest import FILE, SCHEMA, Arithmetic, Manifest, Precision, files_of, thresholds_to_json
from yolo_tl.edge.network import NetworkInfo
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.files import sha256, write_json

LICENCE = "AGPL-3.0 (https://ultralytics.com/license)"  # of weights trained with Ultralytics


@dataclass(frozen=True)
class Source:
    """The checkpoint a bundle was made from.

    Attributes:
        checkpoint: its file name.
        sha256: of the file.
        metrics: its scores, where known.
    """

    checkpoint: str
    sha256: str
    metrics: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As a manifest holds it."""
        metrics = None if self.metrics is None else dict(self.metrics)
        return {"checkpoint": self.checkpoint, "sha256": self.sha256, "metrics": metrics}


@dataclass(frozen=True)
class CalibrationRecord:
    """The images that 8-bit ranges were measured on.

    Attributes:
        digest: one SHA-256 for all of them.
        images: SHA-256 of each file.
    """

    digest: str
    images: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """As a manifest holds it."""
        return {"digest": self.digest, "images": list(self.images)}


@dataclass(frozen=True)
class BundleFacts:
    """What a manifest says beyond what can be read from the files beside it.

    Attributes:
        format: export format, as in the registry.
        model: name of the model file or folder in the bundle.
        info: the network, as the loaded export says of itself.
        source: the checkpoint.
        versions: packages that made the bundle.
        thresholds: the operating point.
        preprocess: what is done to images; by default what Ultralytics does for the task.
        precision: numbers the network was made of.
        arithmetic: what the engine must compute in.
        gate: how the model compares with its checkpoint.
        data: the data set the gate used: classes, fingerprint.
        qualification: how the inspection contract was judged, where it was.
        calibration: of an 8-bit network.
        hardware: machine the gate ran on.
        licence: of the weights.
    """

    format: str
    model: str
    info: NetworkInfo
    source: Source
    versions: Mapping[str, Any]
    thresholds: Thresholds = field(default_factory=Thresholds)
    preprocess: Preprocess | None = None
    precision: Precision = "fp32"
    arithmetic: Arithmetic = "f32"
    gate: Mapping[str, Any] | None = None
    data: Mapping[str, Any] | None = None
    qualification: Mapping[str, Any] | None = None
    calibration: CalibrationRecord | None = None
    hardware: Mapping[str, Any] = field(default_factory=machine)
    licence: str = LICENCE


def seal_bundle(folder: Path, facts: BundleFacts) -> Manifest:
    """Write ``manifest.json`` for everything that lies in `folder`, and read it as a device will.

    Args:
        folder: the bundle, with model, golden set and whatever else belongs to it in place.
        facts: what the manifest says.

    Raises:
        BundleError: what would be written is no manifest that a device accepts.
    """
    optional = {
        "keypoints": None if facts.info.keypoints is None else list(facts.info.keypoints),
        "qualification": facts.qualification,
        "gate": facts.gate,
        "calibration": None if facts.calibration is None else facts.calibration.to_json(),
        "data": facts.data,
    }
    info = facts.info
    size = (None, None) if info.dynamic else info.imgsz
    content = {
        "schema": SCHEMA,
        "made_by": f"yolo_tl {__version__}",
        "format": facts.format,
        "model": facts.model,
        "files": {name: sha256(folder / name) for name in files_of(folder)},
        "task": info.task,
        "names": list(info.names),
        "input": {
            "shape": [info.batch, 3, *size],
            "imgsz": list(info.imgsz),
            "dtype": "float32",
            "dynamic": info.dynamic,
            "stride": info.stride,
        },
        "preprocess": (facts.preprocess or Preprocess.of(info.task)).to_json(),
        "head": info.head,
        "precision": facts.precision,
        "arithmetic": facts.arithmetic,
        "thresholds": thresholds_to_json(facts.thresholds, info.names),
        "source": facts.source.to_json(),
        "versions": dict(facts.versions),
        "hardware": dict(facts.hardware),
        "licence": facts.licence,
        **{key: value for key, value in optional.items() if value is not None},
    }
    write_json(folder / FILE, content)
    return Manifest.read(folder)
