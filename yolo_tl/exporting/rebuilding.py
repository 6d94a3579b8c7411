"""The bundle of a TensorRT plan from the bundle of an ONNX file, on the machine that will run it; without torch."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

from yolo_tl.config import ExportConfig, to_mapping
from yolo_tl.edge.archive import is_archive, opened
from yolo_tl.edge.golden import tolerance_of, write_golden
from yolo_tl.edge.machine import packages
from yolo_tl.edge.manifest import FILE, Manifest
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.tensorrt import TensorRtNetwork
from yolo_tl.errors import ExportError
from yolo_tl.exporting.bundle import BundleFacts, CalibrationRecord, Source, seal_bundle
from yolo_tl.exporting.exporter import GOLDEN, ExportResult, GateRefused
from yolo_tl.exporting.gate import choose_samples, judge
from yolo_tl.exporting.making import build_plan
from yolo_tl.files import require_free, staged_folder

ONNX, PLAN = "model.onnx", "model.engine"


def is_bundle(path: Path) -> bool:
    """Whether it is a bundle: a folder with a manifest, or a zip."""
    return (path / FILE).is_file() or (path.is_file() and is_archive(path))


def rebuild_bundle(
    bundle: Path, *, data: Path, out: Path, config: ExportConfig, overwrite: bool = False
) -> ExportResult:
    """Build a plan from the ONNX file of a bundle, hold it to that file, and make a bundle of it.

    Args:
        bundle: of format ``onnx``, or ``engine`` of another GPU or version: it has its ONNX file, too.
        data: images to compare on; see `gate.choose_samples`.
        out: the bundle folder to make.
        config: the request; everything but precision, limits, images and TensorRT is the bundle's.
        overwrite: replace a folder that holds files.

    Raises:
        BundleError: the bundle is damaged.
        ExportError: it has no ONNX file, another format is asked for, or TensorRT cannot build the plan.
        GateRefused: the plan disagrees with the ONNX file; nothing is left behind.
        MissingExtra: TensorRT with its builder, or onnx, is not installed.
        RuntimeFailure: no driver or no GPU.
    """
    if config.format != "engine":
        raise ExportError(
            f"{bundle}: only a TensorRT plan is built from a bundle, found format {config.format}",
            hint="say --format engine, or export the checkpoint",
        )
    require_free(out, overwrite=overwrite)
    with opened(bundle) as folder, staged_folder(out, overwrite=overwrite) as stage:
        manifest = Manifest.read(folder)
        if not (folder / ONNX).is_file():
            raise ExportError(f"{bundle}: expected a bundle with {ONNX}, found format {manifest.format}")
        shutil.copyfile(folder / ONNX, stage / ONNX)
        build_plan(stage / ONNX, stage / PLAN, config)
        source = OnnxNetwork(stage / ONNX)
        samples = choose_samples(data, task=manifest.task, names=manifest.names, count=config.images)
        with closing(TensorRtNetwork(stage / PLAN)) as network:
            plan, began = Pipeline(network, manifest.preprocess), time.perf_counter()
            gate = judge(
                Pipeline(source, manifest.preprocess),
                plan,
                samples,
                limits=config.limits,
                thresholds=manifest.thresholds,
                called=(f"{ONNX} of the bundle", "the plan"),
            )
            if not gate.passed:
                text, seconds = f"{bundle}: {gate.describe()}", time.perf_counter() - began
                hint = "no bundle was made; build in fp32, or loosen the limits knowingly"
                raise GateRefused(text, hint=hint, gate=gate, samples=samples, seconds=seconds)
            golden = write_golden(
                stage,
                [sample.image for sample in samples.images[:GOLDEN]],
                plan,
                thresholds=manifest.thresholds,
                tolerance=tolerance_of(format="engine", precision=config.precision, arithmetic=manifest.arithmetic),
            )
            content = manifest.content
            calibration = content.get("calibration")
            seal_bundle(
                stage,
                BundleFacts(
                    format="engine",
                    model=PLAN,
                    info=network.info,
                    source=Source(**content["source"]),
                    versions=packages(),
                    thresholds=manifest.thresholds,
                    preprocess=manifest.preprocess,
                    precision=config.precision,
                    arithmetic=manifest.arithmetic,
                    gate=gate.to_json(),
                    data=content.get("data"),
                    qualification=content.get("qualification"),
                    calibration=None if calibration is None else CalibrationRecord(**calibration),
                    licence=content["licence"],
                ),
            )
    request = {**to_mapping(config), "head": network.info.head, "imgsz": network.info.imgsz[0]}
    return ExportResult(out, "engine", request, gate=gate, golden=golden)
