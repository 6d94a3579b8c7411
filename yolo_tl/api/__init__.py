"""One function per verb. Each composes the rooms and owns no logic; the command line calls nothing else."""

from yolo_tl.api.bundles import bundle_diff, selftest
from yolo_tl.api.comparing import ComparisonReport, compare
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
from yolo_tl.api.growth import LearningCurve, Selection, curve, label_next
from yolo_tl.api.latencies import benchmark
from yolo_tl.api.models import average, doctor, export, predict
from yolo_tl.api.qualifying import qualify
from yolo_tl.api.reports import report
from yolo_tl.api.scores import Evaluation, evaluate
from yolo_tl.api.training import TrainResult, plan, resume, train
from yolo_tl.api.trials import CrossValidation, OverfitReport, cross_validate, overfit_check
from yolo_tl.api.verdicts import Verdict, verdict
from yolo_tl.api.verifying import Verification, verify

__all__ = [
    "CheckReport",
    "ComparisonReport",
    "ConvertReport",
    "CrossValidation",
    "Differences",
    "Evaluation",
    "FixReport",
    "LearningCurve",
    "OverfitReport",
    "PreviewReport",
    "Selection",
    "SplitReport",
    "TrainResult",
    "Verdict",
    "Verification",
    "average",
    "benchmark",
    "bundle_diff",
    "check",
    "compare",
    "convert",
    "cross_validate",
    "curve",
    "diff",
    "doctor",
    "evaluate",
    "export",
    "fingerprint",
    "fix",
    "label_next",
    "overfit_check",
    "plan",
    "predict",
    "preview",
    "qualify",
    "report",
    "resume",
    "selftest",
    "split",
    "train",
    "verdict",
    "verify",
]
