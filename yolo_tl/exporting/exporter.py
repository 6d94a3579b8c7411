"""From a checkpoint to a bundle that has passed the gate, or to none at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.config import ExportConfig, to_mapping
from yolo_tl.data.dataset import Dataset
from yolo_tl.data.fingerprint import fingerprint
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.engine.checkpoint import describe_network, load_checkpoint
from yolo_tl.engine.detector import selected_head, trained_size
from yolo_tl.engine.exporting import export_onnx, forward_of
from yolo_tl.engine.runs import environment, installed
from yolo_tl.errors import DataError, MissingExtra, ParityError
from yolo_tl.exporting.acceptance import Acceptance
from yolo_tl.exporting.bundle import write_manifest
from yolo_tl.exporting.gate import Parity, compare
from yolo_tl.exporting.registry import FORMATS, choose_head
from yolo_tl.files import require_free, sha256, staged_folder


@dataclass(frozen=True)
class ExportResult:
    """What became of an export.

    Attributes:
        bundle: the bundle folder; None after a dry run.
        format: export format.
        parity: the comparison with the checkpoint; None after a dry run.
        request: the resolved request: head, size, batch and the rest.
        contract: verdict of the qualification in the bundle; None without one.
    """

    bundle: Path | None
    format: str
    parity: Parity | None
    request: dict[str, Any]
    contract: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "bundle": None if self.bundle is None else str(self.bundle),
            "format": self.format,
            "parity": None if self.parity is None else self.parity.to_json(),
            "request": self.request,
            "contract": self.contract,
        }


def export_bundle(
    weights: Path,
    *,
    dataset: Dataset,
    out: Path,
    config: ExportConfig,
    qualification: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
    dry_run: bool = False,
) -> ExportResult:
    """Export, compare, and only then make the bundle.

    Raises:
        ExportError: the qualification is of another checkpoint, other classes, another head or input size.
        ParityError: the exported model disagrees with the checkpoint; nothing is left behind.
    """
    entry = FORMATS[config.format]
    for package in entry.packages:
        if installed(package) is None:
            raise MissingExtra(package, entry.extra)
    require_free(out, overwrite=overwrite)
    module = load_checkpoint(weights, trust=trust)
    network = describe_network(module, pretrained=True)
    head = choose_head(config, network, selected=selected_head(module))
    imgsz = config.imgsz or trained_size(module)
    acceptance = None if qualification is None else Acceptance.read(qualification)
    thresholds: dict[str, Any] = {"confidence": config.confidence, "iou": config.iou, "max_det": config.max_det}
    if acceptance is not None:
        acceptance.require_of(sha256=sha256(weights), names=network.names, head=head, imgsz=imgsz, config=config)
        thresholds["classes"] = acceptance.thresholds
    contract = None if acceptance is None else str(acceptance.content["verdict"])
    images = parity_images(dataset, config.images)
    request = {**to_mapping(config), "head": head, "imgsz": imgsz, "images": len(images)}
    if dry_run:
        return ExportResult(None, config.format, None, request, contract)
    with staged_folder(out, overwrite=overwrite) as stage:
        model = stage / f"model{entry.suffix}"
        export_onnx(
            module,
            model,
            head=head,
            imgsz=imgsz,
            batch=config.batch,
            dynamic=config.dynamic,
            simplify=config.simplify,
            opset=config.opset,
            confidence=config.confidence,
            iou=config.iou,
            max_det=config.max_det,
        )
        exported = OnnxNetwork(model)
        parity = compare(
            images,
            reference=forward_of(module, head=head),
            exported=lambda tensor: exported.run(tensor)[0],
            head=head,
            imgsz=imgsz,
            config=config,
        )
        if not parity.passed:
            raise ParityError(
                f"{weights}: {parity.describe()}",
                hint="no bundle was made; try --simplify false or another --opset, or loosen the tolerance knowingly",
            )
        write_manifest(
            stage,
            model=model.name,
            format=config.format,
            head=head,
            names=network.names,
            imgsz=imgsz,
            batch=config.batch,
            dynamic=config.dynamic,
            stride=int(module.stride.max()),
            thresholds=thresholds,
            qualification=None if acceptance is None else acceptance.content,
            parity=parity.to_json(),
            source={"checkpoint": weights.name, "sha256": sha256(weights), "metrics": _metrics(weights)},
            data={"classes": list(dataset.names), "fingerprint": fingerprint(dataset)},
            versions=environment(),
        )
    return ExportResult(out, config.format, parity, request, contract)


def parity_images(dataset: Dataset, count: int) -> list[Path]:
    """`count` images spread evenly over val, or over the first split there is.

    Raises:
        DataError: the data set has no images.
    """
    split = next((dataset.splits[name] for name in ("val", "test", "train") if name in dataset.splits), None)
    if split is None:
        raise DataError(f"{dataset.data}: expected images to compare on, found none")
    chosen = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int))
    return [split.images[i] for i in chosen]


def _metrics(weights: Path) -> dict[str, Any] | None:
    """Scores of the run that made a checkpoint, where it lies in a run folder of ours."""
    file = weights.parent.parent / "metrics.json"
    if weights.name != "best.pt" or not file.is_file():
        return None
    metrics: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return {key: metrics[key] for key in ("map50", "map50_95", "ci95", "images") if key in metrics}
