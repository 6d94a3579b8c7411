"""The bundle: a model file and the manifest that says how to run it and why it may be trusted.

``manifest.json`` has a schema version; `yolo_tl.edge` reads it and refuses what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_tl import __version__
from yolo_tl.edge.manifest import FILE, SCHEMA
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.files import sha256, write_json

LICENCE = "AGPL-3.0 (https://ultralytics.com/license)"  # of weights trained with Ultralytics


def write_manifest(
    folder: Path,
    *,
    model: str,
    format: str,
    head: str,
    names: tuple[str, ...],
    imgsz: int,
    batch: int,
    dynamic: bool,
    stride: int,
    thresholds: Mapping[str, Any],
    qualification: Mapping[str, Any] | None,
    parity: Mapping[str, Any],
    source: Mapping[str, Any],
    data: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> None:
    """Write ``manifest.json`` for the files already in `folder`.

    Args:
        folder: the bundle, with its model file in place.
        model: name of the model file.
        format: export format.
        head: ``raw``, ``nms-free`` or ``nms``.
        names: class names by index.
        imgsz: side of the square input, px.
        batch: images per run, where fixed.
        dynamic: whether batch, height and width are free.
        stride: the network's stride, px.
        thresholds: operating ``confidence``, ``iou``, ``max_det``, and where qualified ``classes``: name → confidence.
        qualification: how the contract was judged, where it was.
        parity: how the model compares with its checkpoint.
        source: the checkpoint: name, SHA-256, metrics where known.
        data: the data set the comparison used: name, fingerprint.
        versions: packages that made the bundle.
    """
    manifest = {
        "schema": SCHEMA,
        "made_by": f"yolo_tl {__version__}",
        "format": format,
        "model": model,
        "files": {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()},
        "task": "detect",
        "names": list(names),
        "input": {
            "shape": [None, 3, None, None] if dynamic else [batch, 3, imgsz, imgsz],
            "imgsz": [imgsz, imgsz],
            "dtype": "float32",
            "dynamic": dynamic,
            "stride": stride,
        },
        "preprocess": Preprocess().to_json(),
        "head": head,
        "thresholds": dict(thresholds),
        **({} if qualification is None else {"qualification": dict(qualification)}),
        "parity": dict(parity),
        "source": dict(source),
        "data": dict(data),
        "versions": dict(versions),
        "licence": LICENCE,
    }
    write_json(folder / FILE, manifest)
