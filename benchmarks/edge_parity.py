"""The edge against Ultralytics on the same ONNX file, bit by bit, on many images; for ``benchmarks/edge.py``.

    python benchmarks/edge_parity.py NETWORKS [--generated 2000] [--data FOLDER] [--tasks detect] [--model MODEL.onnx]

Boxes, scores, classes, keypoints and probabilities must be the same numbers. Turned boxes are compared as sets. The
outline of a mask is drawn by other code on either side: pixels that differ are counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from edge_networks import picture, write_network

from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.edge import Classification, Classifier, Detector, read_image
from yolo_tl.edge.network import Head

NETWORKS: tuple[tuple[str, int, Head], ...] = (
    ("detect", 320, "raw"),
    ("detect", 320, "nms-free"),
    ("segment", 320, "raw"),
    ("pose", 320, "raw"),
    ("classify", 224, "raw"),
    ("obb", 320, "raw"),
)


CONFIDENCE = 0.1  # networks nobody trained find little in real images


def pictures(count: int, data: Path | None) -> Iterator[np.ndarray]:
    """Generated pictures of all sizes from 16 to 900 px a side, then all of a folder."""
    rng = np.random.default_rng(11)
    for seed in range(count):
        height, width = (int(2 ** rng.uniform(4, np.log2(900))) for _ in range(2))
        yield picture(height, width, seed=seed)
    if data is not None:
        for path in sorted(data.rglob("*.jpg")):
            yield read_image(path)


def compare(path: Path, task: str, *, generated: int, data: Path | None) -> dict[str, Any]:
    """How many images come out the same, and with how many detections."""
    import torch
    from ultralytics import YOLO

    # Equal scores are sorted by chance, unless torch is asked not to.
    torch.argsort = partial(torch.argsort, stable=True)
    torch.set_num_threads(1)
    # As many threads as Ultralytics leaves ONNX Runtime to choose: with another number, sums are rounded otherwise.
    ours: Any = Classifier(path) if task == "classify" else Detector(path)
    theirs = YOLO(path, task=task)
    options = {"imgsz": list(ours.imgsz), "device": "cpu", "verbose": False}
    asked = {} if task == "classify" else {"confidence": CONFIDENCE}
    told: dict[str, Any] = {"images": 0, "equal": 0, "detections": 0}
    for image in pictures(generated, data):
        found, (expected,) = ours(image, **asked), theirs.predict(image, conf=CONFIDENCE, **options)
        same, strays = equal(found, expected)
        told["images"] += 1
        told["equal"] += same
        told["detections"] += 1 if isinstance(found, Classification) else len(found)
        if task == "segment":
            told["pixels"] = told.get("pixels", 0) + strays[1]
            told["stray"] = told.get("stray", 0) + strays[0]
    return told


def equal(found: Detections | Classification, expected: Any) -> tuple[bool, tuple[int, int]]:
    """Whether all numbers are the same; and mask pixels that are not, of how many."""
    if isinstance(found, Classification):
        return np.array_equal(found.probabilities, expected.probs.data.numpy()), (0, 0)
    rows = np.column_stack([found.xyxy, found.confidence, found.class_id]).astype(np.float32)
    if expected.obb is not None:
        data = expected.obb.data.numpy()
        wanted = np.column_stack([xywh_to_xyxy(data[:, :4]), data[:, 5:], data[:, 4]])
        rows = np.column_stack([rows, found.angle])
        return sorted(map(tuple, rows.tolist())) == sorted(map(tuple, wanted.tolist())), (0, 0)
    same = np.array_equal(rows, expected.boxes.data.numpy())
    if expected.keypoints is not None and len(found):
        same &= np.array_equal(found.keypoints, expected.keypoints.data.numpy())
    if expected.masks is None or not same:
        return same, (0, 0)
    from ultralytics.utils import ops

    enlarged = ops.scale_masks(expected.masks.data[None].float(), expected.orig_shape)[0].numpy() > 0.5
    return same, (int((found.masks != enlarged).sum()), enlarged.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=Path)
    parser.add_argument("--generated", type=int, default=2000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tasks", default="detect,segment,pose,classify,obb")
    parser.add_argument("--model", type=Path, help="a trained detector, beside the networks with random weights")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr
    # Written first: the exporter forbids what Ultralytics wants to do when it is imported by itself.
    paths: dict[tuple[str, str], Path] = {
        (task, head): write_network(options.networks, task, imgsz=size, head=head) for task, size, head in NETWORKS
    }
    if options.model is not None:
        paths["detect", "trained"] = options.model
    for (task, head), path in paths.items():
        if task in options.tasks.split(","):
            told = compare(path, task, generated=options.generated, data=options.data)
            print(json.dumps({"task": task, "head": head, **told}), file=answers, flush=True)


if __name__ == "__main__":
    main()
