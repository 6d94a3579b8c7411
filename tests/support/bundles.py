"""Bundles around the toy network, sealed as an export seals them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from support.toys import toy_network
from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.golden import write_golden
from yolo_tl.edge.machine import packages
from yolo_tl.edge.manifest import files_of
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.exporting.bundle import BundleFacts, Source, seal_bundle
from yolo_tl.files import sha256, write_json

ONE = RunOptions(threads=1)
THRESHOLDS = Thresholds(confidence=0.9, iou=0.4)


def toy_bundle(folder: Path, *, golden: bool = True, seed: int = 0, **facts: Any) -> Path:
    """A bundle folder with its golden set."""
    folder.mkdir(parents=True)
    model = toy_network(folder / "model.onnx", seed=seed)
    pipeline = Pipeline(open_network(model, ONE))
    thresholds = facts.pop("thresholds", THRESHOLDS)
    if golden:
        pictures = folder.parent / f"{folder.name} pictures"
        write_golden(folder, draw_pictures(pictures), pipeline, thresholds=thresholds, count=4)
        shutil.rmtree(pictures)
    known: dict[str, Any] = {
        "format": "onnx",
        "model": "model.onnx",
        "info": pipeline.info,
        "source": Source("best.pt", "0" * 64),
        "versions": {"yolo_tl": "0", "packages": packages()},
        "thresholds": thresholds,
        "gate": {"passed": True, "flips": 0},
    }
    seal_bundle(folder, BundleFacts(**{**known, **facts}))
    return folder


def draw_pictures(folder: Path, count: int = 6) -> list[Path]:
    """Smooth noise of several sizes, as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        small = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        picture = cv2.resize(small, (90 + 17 * number, 70 + 11 * number), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), picture)
    return paths


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Edit the manifest in place."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    write_json(path, content)


def rehash(folder: Path) -> None:
    """Make the hashes fit what lies there, as someone does who wants to hide a change."""
    change_manifest(folder, lambda c: c.update(files={name: sha256(folder / name) for name in files_of(folder)}))
