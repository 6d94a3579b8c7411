"""One function per verb. Each composes the rooms and owns no logic; the command line calls nothing else."""

from yolo_tl.api.datasets import (
    CheckReport,
    ConvertReport,
    Differences,
    FixReport,
    PreviewReport,
    SplitReport,
    check,
    convert,
    diff,
    fingerprint,
    fix,
    preview,
    split,
)
from yolo_tl.api.models import average, doctor, export, predict
from yolo_tl.api.scores import Evaluation, evaluate
from yolo_tl.api.training import TrainResult, plan, resume, train
from yolo_tl.api.trials import CrossValidation, OverfitReport, cross_validate, overfit_check

__all__ = [
    "CheckReport",
    "ConvertReport",
    "CrossValidation",
    "Differences",
    "Evaluation",
    "FixReport",
    "OverfitReport",
    "PreviewReport",
    "SplitReport",
    "TrainResult",
    "average",
    "check",
    "convert",
    "cross_validate",
    "diff",
    "doctor",
    "evaluate",
    "export",
    "fingerprint",
    "fix",
    "overfit_check",
    "plan",
    "predict",
    "preview",
    "resume",
    "split",
    "train",
]
