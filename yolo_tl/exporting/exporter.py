"""From a checkpoint to a bundle that has passed the gate, or to none at all."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo_tl.config import ExportConfig, to_mapping
from yolo_tl.data.fingerprint import fingerprint
from yolo_tl.data.yolo.labelled import read_labelled
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.golden import GoldenSet, tolerance_of, write_golden
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.checkpoint import describe_network, load_checkpoint
from yolo_tl.engine.detector import selected_head, trained_size
from yolo_tl.engine.network import CheckpointNetwork
from yolo_tl.engine.runs import environment
from yolo_tl.errors import ParityError
from yolo_tl.exporting.acceptance import Acceptance
from yolo_tl.exporting.bundle import BundleFacts, CalibrationRecord, Source, seal_bundle
from yolo_tl.exporting.gate import GateResult, Rule, Samples, choose_samples, judge
from yolo_tl.exporting.making import Made, make_model
from yolo_tl.exporting.opening import open_any
from yolo_tl.exporting.registry import Request, choose_head, require_possible
from yolo_tl.files import require_free, require_schema, sha256, staged_folder

GOLDEN = 32  # images that the golden set is chosen from


class GateRefused(ParityError):
    """The gate was not passed; there is no bundle.

    Attributes:
        gate: what it found.
        samples: the images it judged on.
        seconds: wall time of the comparison.
    """

    def __init__(self, message: str, *, hint: str, gate: GateResult, samples: Samples, seconds: float) -> None:
        super().__init__(message, hint=hint)
        self.gate, self.samples, self.seconds = gate, samples, seconds


@dataclass(frozen=True)
class ExportResult:
    """What became of an export.

    Attributes:
        bundle: the bundle folder; None after a dry run.
        format: export format.
        request: the resolved request: head, size, batch and the rest.
        gate: the comparison with the checkpoint; None after a dry run, and where nothing here runs the format.
        unverified: why the format is not run here; empty where it is.
        golden: what a device will be tested with; None where there is no gate.
        contract: verdict of the qualification in the bundle; None without one.
        notes: what was decided on the way, such as layers that stay in float.
    """

    bundle: Path | None
    format: str
    request: dict[str, Any]
    gate: GateResult | None = None
    unverified: str = ""
    golden: GoldenSet | None = None
    contract: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        golden = self.golden
        return {
            "bundle": None if self.bundle is None else str(self.bundle),
            "format": self.format,
            "request": self.request,
            "gate": None if self.gate is None else self.gate.to_json(),
            "unverified": self.unverified or None,
            "golden": None if golden is None else {**vars(golden), "unseen": list(golden.unseen)},
            "contract": self.contract,
            "notes": list(self.notes),
        }


def export_bundle(
    weights: Path,
    *,
    data: Path,
    out: Path,
    config: ExportConfig,
    qualification: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
    dry_run: bool = False,
) -> ExportResult:
    """Export, compare, and only then make the bundle.

    Args:
        weights: the checkpoint.
        data: the data set whose images are compared; see `gate.choose_samples`.
        out: the bundle folder to make.
        config: the request.
        qualification: what `qualify` wrote about the checkpoint.
        overwrite: replace a folder that holds files.
        trust: load a checkpoint that asks for foreign classes.
        dry_run: only say what would be done.

    Raises:
        ConfigError: the format cannot take what is asked for.
        MissingExtra: a package is not installed.
        ExportError: the export failed, or the qualification is of another checkpoint, other classes, another head or
            input size.
        GateRefused: the exported model disagrees with the checkpoint; nothing is left behind.
    """
    require_possible(Request.of(config))  # before anything that takes time
    require_free(out, overwrite=overwrite)
    module = load_checkpoint(weights, trust=trust)
    network = describe_network(module, pretrained=True)
    head = choose_head(config, network, selected=selected_head(module))
    imgsz, stride = config.imgsz or trained_size(module), int(module.stride.max())
    entry = require_possible(Request.of(config, head=head, network=network, imgsz=imgsz, stride=stride))
    acceptance = None if qualification is None else Acceptance.read(qualification)
    if acceptance is not None:
        acceptance.require_of(sha256=sha256(weights), names=network.names, head=head, imgsz=imgsz, config=config)
    thresholds = _thresholds(config, network.names, acceptance)
    contract = None if acceptance is None else str(acceptance.content["verdict"])
    samples = choose_samples(data, task=network.task, names=network.names, count=config.images)
    request = {**to_mapping(config), "head": head, "imgsz": imgsz, "images": len(samples.images)}
    if dry_run:
        return ExportResult(None, config.format, request, unverified=entry.unverified, contract=contract)
    checkpoint = CheckpointNetwork(weights, module, head=head, imgsz=imgsz, max_det=config.max_det)
    with staged_folder(out, overwrite=overwrite) as stage:
        # Its own info says raw of the head nms, which it has outside of the graph.
        asked = replace(checkpoint.info, head=head)
        made = make_model(module, stage, config=config, info=asked, data=data, thresholds=thresholds)
        facts = BundleFacts(
            format=config.format,
            model=made.model,
            info=asked,
            source=Source(weights.name, sha256(weights), _metrics(weights)),
            versions=environment(),
            thresholds=thresholds,
            precision=config.precision,
            data=_data(data, network.task),
            qualification=None if acceptance is None else acceptance.content,
            calibration=_record(made),
        )
        if not entry.verified:
            seal_bundle(stage, replace(facts, gate={"passed": False, "unverified": entry.unverified}))
            return ExportResult(
                out, config.format, request, unverified=entry.unverified, contract=contract, notes=made.notes
            )
        exported = open_any(stage / made.model, options=RunOptions(precision=facts.arithmetic)).pipeline
        began = time.perf_counter()
        gate = judge(
            _as_the_device(checkpoint, exported),
            exported,
            samples,
            limits=config.limits,
            thresholds=thresholds,
            rule=_rule(acceptance, samples),
        )
        if not gate.passed:
            text = f"{weights}: {gate.describe()}"
            seconds = time.perf_counter() - began
            raise GateRefused(text, hint=_hint(config), gate=gate, samples=samples, seconds=seconds)
        golden = write_golden(
            stage,
            [sample.image for sample in samples.images[:GOLDEN]],
            exported,
            thresholds=thresholds,
            tolerance=tolerance_of(format=config.format, precision=config.precision, arithmetic=facts.arithmetic),
        )
        seal_bundle(stage, replace(facts, info=exported.info, gate=gate.to_json()))
    return ExportResult(out, config.format, request, gate=gate, golden=golden, contract=contract, notes=made.notes)


def _thresholds(config: ExportConfig, names: tuple[str, ...], acceptance: Acceptance | None) -> Thresholds:
    own = {} if acceptance is None else acceptance.thresholds
    by_class = tuple((names.index(name), value) for name, value in own.items())
    return Thresholds(config.confidence, config.iou, config.max_det, by_class=by_class)


def _rule(acceptance: Acceptance | None, samples: Samples) -> Rule | None:
    """What a line rejects, where a contract says so."""
    if acceptance is None:
        return None
    images = [sample.image for sample in samples.images]
    return Rule.of(acceptance.content["contract"], acceptance.thresholds, images, samples.root)


def _as_the_device(checkpoint: CheckpointNetwork, exported: Pipeline) -> Pipeline:
    """The checkpoint, padded as the export is: a dynamic one takes the smallest rectangle."""
    checkpoint.info = replace(checkpoint.info, dynamic=exported.info.dynamic)
    return Pipeline(checkpoint)


def _hint(config: ExportConfig) -> str:
    if config.precision == "fp32":
        return "no bundle was made; try --simplify false or another --opset, or loosen the limits knowingly"
    return (
        f"no bundle was made; {config.precision} rounds, so a preset with limits for it is needed "
        "(see configs/export), or more layers in float"
    )


def _record(made: Made) -> CalibrationRecord | None:
    calibration = made.calibration
    return None if calibration is None else CalibrationRecord(calibration.digest, calibration.sha256)


def _data(data: Path, task: str) -> dict[str, Any] | None:
    """The data set in the manifest; nothing of a folder of images, which has no classes."""
    if task == "classify" or not (data.is_file() or any(data.glob("*.y*ml"))):
        return None
    labelled = read_labelled(data)
    return {"classes": list(labelled.names), "fingerprint": fingerprint(labelled)}


def _metrics(weights: Path) -> dict[str, Any] | None:
    """Scores of the run that made a checkpoint, where it lies in a run folder of ours."""
    file = weights.parent.parent / "metrics.json"
    if weights.name != "best.pt" or not file.is_file():
        return None
    metrics: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    require_schema("metrics.json", metrics, file)
    return {key: metrics[key] for key in ("map50", "map50_95", "ci95", "images") if key in metrics}
