"""Holding artifacts to one that is the reference."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yolo_tl.config import ExportConfig
from yolo_tl.errors import ParityError, UsageError
from yolo_tl.files import PathLike, staged_folder, stamped, write_bytes, write_json
from yolo_tl.presets import resolve

if TYPE_CHECKING:
    from yolo_tl.edge.artifact import Artifact
    from yolo_tl.edge.decode import Thresholds
    from yolo_tl.exporting.acceptance import Acceptance
    from yolo_tl.exporting.exporter import GateRefused
    from yolo_tl.exporting.gate import GateResult, Rule, Samples

RESULT, PAGE = "verify.json", "report.html"


@dataclass(frozen=True, eq=False)
class Verification:
    """Each artifact against the first.

    Attributes:
        models: the artifacts, the reference first.
        called: their names, for people.
        samples: the images they were compared on.
        gates: one for each artifact but the first.
        pictures: of flipped images, for each gate; empty without an output folder.
        page: the report; None without an output folder.
        seconds: wall time from opening to the last image.
    """

    models: tuple[str, ...]
    called: tuple[str, ...]
    samples: Samples
    gates: tuple[GateResult, ...]
    pictures: tuple[tuple[Path, ...], ...]
    page: Path | None
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every artifact keeps every limit."""
        return all(gate.passed for gate in self.gates)

    def require_passed(self) -> None:
        """Nothing, where every limit is kept.

        Raises:
            ParityError: one is broken.
        """
        broken = [gate.describe() for gate in self.gates if not gate.passed]
        if broken:
            raise ParityError("\n".join(broken), hint=_hint(self.gates))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        content = {
            "passed": self.passed,
            "models": list(self.models),
            "called": list(self.called),
            "data": str(self.samples.data),
            "split": self.samples.split,
            "labelled": not self.samples.unlabelled,
            "seconds": round(self.seconds, 2),
            "gates": [
                {**gate.to_json(), "pictures": [str(path) for path in pictures]}
                for gate, pictures in zip(self.gates, self.pictures, strict=True)
            ],
            "report": None if self.page is None else str(self.page),
        }
        return stamped(RESULT, content)


def verify(
    models: Sequence[PathLike],
    data: PathLike,
    *,
    split: str | None = None,
    images: int | None = 32,
    preset: str | None = None,
    limits: Mapping[str, Any] | None = None,
    confidence: float | None = None,
    iou: float | None = None,
    max_det: int | None = None,
    qualification: PathLike | None = None,
    out: PathLike | None = None,
    pictures: int = 24,
    head: str = "auto",
    imgsz: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    precision: Literal["f32", "bf16", "f16"] = "f32",
    resamples: int = 1000,
    trust: bool = False,
    overwrite: bool = False,
) -> Verification:
    """Hold artifacts to the first of them, on real images: outputs, detections, verdicts and scores.

    Args:
        models: two or more of: a checkpoint, a run folder, a bundle, a network exported by anyone.
        data: a ``data.yaml`` or its folder; to classify, a folder of classes; or any folder of images, without labels.
        split: ``val``, ``test`` or ``train``; by default the first of these that there is.
        images: how many at most, spread evenly; None for all.
        preset: a preset of ``configs/export`` by its name, or a YAML file: its limits are taken.
        limits: fields of `GateLimits` to values, stronger than the preset.
        confidence: operating confidence of every class. By default the operating point of the qualification, else
            of the first bundle among the models, else 0.25.
        iou: overlap above which the weaker of two boxes of a class goes.
        max_det: most detections of an image.
        qualification: what `qualify` wrote: its thresholds, and which classes make a line reject.
        out: folder for ``verify.json``, ``report.html`` and pictures of flipped images.
        pictures: how many of each artifact, most changed first.
        head: of checkpoints: ``one-to-many``, ``nms-free``, or ``auto`` for that of the first that is no checkpoint.
        imgsz: side of the square input of checkpoints, px; by default that of the first that is no checkpoint.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index, of checkpoints.
        threads: CPU threads of the engines; None leaves it to them.
        precision: arithmetic of OpenVINO.
        resamples: of the bootstrap that says how far scores are to be trusted.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: replace what the output folder holds.

    Returns:
        What was found; `Verification.require_passed` raises where a limit is broken.

    Raises:
        BundleError: an artifact is missing, damaged or of a kind that is not run here.
        ExportError: artifacts of different tasks, or nothing to compare.
        UsageError: fewer than two artifacts, or an output folder that holds files.
    """
    from yolo_tl.edge.network import RunOptions
    from yolo_tl.engine.detector import HEADS
    from yolo_tl.exporting.acceptance import Acceptance
    from yolo_tl.exporting.gate import choose_samples, judge_all
    from yolo_tl.exporting.opening import open_all

    if len(models) < 2:
        raise UsageError(f"expected two models or more to compare, found {len(models)}")
    config = resolve(
        ExportConfig,
        kind="export",
        preset=preset,
        overrides={f"limits.{key}": value for key, value in (limits or {}).items()},
    ).config
    accepted = None if qualification is None else Acceptance.read(Path(qualification))
    start = time.perf_counter()
    artifacts = open_all(
        models,
        head=None if head == "auto" else HEADS[head],
        imgsz=imgsz,
        device=device,
        options=RunOptions(threads=threads, precision=precision),
        trust=trust,
    )
    reference = artifacts[0].pipeline
    samples = choose_samples(
        Path(data), task=reference.info.task, names=reference.info.names, split=split, count=images
    )
    called = _names(models)
    gates = judge_all(
        reference,
        [artifact.pipeline for artifact in artifacts[1:]],
        samples,
        limits=config.limits,
        thresholds=_operating(artifacts, accepted, confidence, iou, max_det),
        called=called,
        rule=_rule(artifacts, accepted, samples),
        resamples=resamples,
    )
    seconds = time.perf_counter() - start
    found = Verification(
        tuple(str(model) for model in models), called, samples, gates, ((),) * len(gates), None, seconds
    )
    return found if out is None else write_report(found, Path(out), pictures=pictures, overwrite=overwrite)


def _operating(
    artifacts: Sequence[Artifact],
    accepted: Acceptance | None,
    confidence: float | None,
    iou: float | None,
    max_det: int | None,
) -> Thresholds:
    """The operating point of all, its classes numbered as those of the reference."""
    from yolo_tl.exporting.gate.classes import translated

    names = artifacts[0].pipeline.info.names
    source = next((artifact for artifact in artifacts if artifact.manifest is not None), artifacts[0])
    found = translated(source.thresholds, source.pipeline.info.names, names)
    if accepted is not None:
        by_class = tuple((names.index(name), value) for name, value in accepted.thresholds.items() if name in names)
        found = replace(found, by_class=by_class)
    if confidence is not None:
        found = replace(found, confidence=confidence, by_class=())
    return replace(found, iou=found.iou if iou is None else iou, max_det=found.max_det if max_det is None else max_det)


def _rule(artifacts: Sequence[Artifact], accepted: Acceptance | None, samples: Samples) -> Rule | None:
    """What a line rejects: by the qualification that was given, else by that of the first bundle that has one."""
    from yolo_tl.exporting.gate import Rule

    images = [sample.image for sample in samples.images]
    if accepted is not None:
        return Rule.of(accepted.content["contract"], accepted.thresholds, images, samples.root)
    for artifact in artifacts:
        qualified = None if artifact.manifest is None else artifact.manifest.content.get("qualification")
        if qualified:
            names = artifact.pipeline.info.names
            inspected = [names[number] for number, _ in artifact.thresholds.by_class]
            return Rule.of(qualified["contract"], inspected, images, samples.root)
    return None


def _names(models: Sequence[PathLike]) -> tuple[str, ...]:
    """For each the shortest end of its path that no other has; of the same path twice, a number more."""
    parts = [Path(os.path.normpath(model)).parts for model in models]
    names: list[str] = []
    for own in parts:
        ends = ("/".join(own[-count:]) for count in range(1, len(own) + 1))
        alone = (end for end in ends if sum(f"/{'/'.join(other)}".endswith(f"/{end}") for other in parts) == 1)
        name = next(alone, "/".join(own))
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return tuple(names)


def _hint(gates: Sequence[GateResult]) -> str:
    culprits = sorted({stage for gate in gates for stage in gate.culprits})
    hints = {
        "preprocess": "make size, padding, colour order and scale the same (the manifest, or a fixed-size export)",
        "engine": "export again from this checkpoint; try another opset, --simplify false, or more layers in float",
        "postprocess": "make class names and head the same",
    }
    return "; ".join(hints[stage] for stage in culprits)


def write_refusal(refused: GateRefused, out: Path) -> Path:
    """Write a report of an export that did not become the bundle `out`, beside it.

    Returns:
        The page.
    """
    gate = refused.gate
    called = (gate.a, gate.b)
    found = Verification(called, called, refused.samples, (gate,), ((),), None, refused.seconds)
    folder = out.with_name(f"{out.name}-refused")
    write_report(found, folder, overwrite=True)
    return folder / PAGE


def write_report(found: Verification, out: Path, *, pictures: int = 24, overwrite: bool = False) -> Verification:
    """The same, with pictures of flipped images, ``verify.json`` and ``report.html`` in `out`.

    Args:
        found: what was found.
        out: the folder to make.
        pictures: how many of each artifact, most changed first.
        overwrite: replace what the folder holds.
    """
    from yolo_tl.data.pictures.panels import encoded
    from yolo_tl.exporting.gate.gallery import flip_picture
    from yolo_tl.reporting.gate_page import gate_page

    samples = {sample.image: sample for sample in found.samples.images}
    with staged_folder(out, overwrite=overwrite) as stage:
        listed: list[tuple[Path, ...]] = []
        for number, gate in enumerate(found.gates, start=1):
            drawn = []
            for place, flip in enumerate(gate.flips[:pictures], start=1):
                name = f"flips-{number}/{place:02d}-{flip.image.stem}.jpg"
                shown = flip_picture(flip, samples[flip.image], gate.names, called=(gate.a, gate.b))
                write_bytes(stage / name, encoded(shown))
                drawn.append(out / name)
            listed.append(tuple(drawn))
        found = replace(found, pictures=tuple(listed), page=out / PAGE)
        content = found.to_json()
        write_json(stage / RESULT, content)
        gate_page(content, stage).write(stage / PAGE)
    return found
