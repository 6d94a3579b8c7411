"""The gate: does one artifact say what another does, on real images?"""

from __future__ import annotations

from collections.abc import Sequence

from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import read_image
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.errors import ExportError
from yolo_tl.evaluation.inspection.units import LOWEST
from yolo_tl.exporting.gate.classes import numbered
from yolo_tl.exporting.gate.flips import Rule
from yolo_tl.exporting.gate.result import GateResult
from yolo_tl.exporting.gate.samples import Samples
from yolo_tl.exporting.gate.subject import Subject
from yolo_tl.exporting.gate.trial import Terms, Trial


def judge(
    a: Pipeline,
    b: Pipeline,
    samples: Samples,
    *,
    limits: GateLimits,
    thresholds: Thresholds,
    rule: Rule | None = None,
    called: tuple[str, str] = ("the checkpoint", "the export"),
    resamples: int = 1000,
) -> GateResult:
    """Compare `b` with the reference `a`; see `judge_all`."""
    (result,) = judge_all(
        a, [b], samples, limits=limits, thresholds=thresholds, rule=rule, called=called, resamples=resamples
    )
    return result


def judge_all(
    reference: Pipeline,
    others: Sequence[Pipeline],
    samples: Samples,
    *,
    limits: GateLimits,
    thresholds: Thresholds,
    called: Sequence[str],
    rule: Rule | None = None,
    resamples: int = 1000,
) -> tuple[GateResult, ...]:
    """Compare several artifacts with one that is the reference; images are read and the reference is run once.

    Args:
        reference: what the others are held to.
        others: one or more.
        samples: the images; where they have labels, level 4 is measured.
        limits: what is allowed.
        thresholds: the operating point of all; classes are numbered as those of the reference.
        called: names of the reference and of the others, for people.
        rule: which units a line rejects, where that is known.
        resamples: of the bootstrap on level 4.

    Raises:
        ExportError: the tasks differ, or there is nothing to compare: no outputs and no detection.
        ImageError: an image cannot be read.
        RuntimeFailure: a network put out NaN.
    """
    for other, name in zip(others, called[1:], strict=True):
        if other.info.task != reference.info.task:
            raise ExportError(
                f"expected models of one task, found {called[0]} for {reference.info.task} and "
                f"{name} for {other.info.task}",
                hint="compare models that answer the same question",
            )
    names, numbers = numbered(reference.info.names, *(other.info.names for other in others))
    a, *rest = (
        Subject(pipeline, names, own, thresholds) for pipeline, own in zip([reference, *others], numbers, strict=True)
    )
    terms = Terms(
        names, thresholds, limits, samples, rule, _scored(samples, thresholds, [reference, *others]), resamples
    )
    trials = [Trial(terms, a, b, (called[0], name)) for b, name in zip(rest, called[1:], strict=True)]
    batch = max(pipeline.info.batch or 1 for pipeline in (reference, *others))
    for start in range(0, len(samples.images), batch):
        part = samples.images[start : start + batch]
        images = [read_image(sample.image) for sample in part]
        looked = [(said, terms.answer(a, said)) for said in a.look(images)]
        for trial in trials:
            for sample, image, first, said in zip(part, images, looked, trial.b.look(images), strict=True):
                trial.add(sample, image, first, (said, terms.answer(trial.b, said)))
    return tuple(trial.result() for trial in trials)


def _scored(samples: Samples, thresholds: Thresholds, pipelines: Sequence[Pipeline]) -> Thresholds | None:
    """Where mAP is counted from: NMS inside a graph lets nothing below a threshold of its own through."""
    if samples.unlabelled:
        return None
    if any(pipeline.info.head == "nms" for pipeline in pipelines):
        return thresholds
    return Thresholds(LOWEST, thresholds.iou, thresholds.max_det)
