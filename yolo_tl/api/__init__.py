"""One function per verb. Each composes the rooms and owns no logic; the command line calls nothing else.

A function is imported when it is used: a device that inspects needs none of what training does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from yolo_tl.api.demonstration import DemoResult, demo
    from yolo_tl.api.deploying import deploy
    from yolo_tl.api.growth import LearningCurve, Selection, curve, label_next
    from yolo_tl.api.inspecting import inspect, replay
    from yolo_tl.api.latencies import benchmark
    from yolo_tl.api.models import average, doctor, export, predict
    from yolo_tl.api.qualifying import qualify
    from yolo_tl.api.reports import report
    from yolo_tl.api.sampling import sample
    from yolo_tl.api.scores import Evaluation, evaluate
    from yolo_tl.api.serving import serve
    from yolo_tl.api.training import TrainResult, plan, resume, train
    from yolo_tl.api.trials import CrossValidation, OverfitReport, cross_validate, overfit_check
    from yolo_tl.api.verdicts import Verdict, verdict
    from yolo_tl.api.verifying import Verification, verify

__all__ = [
    "CheckReport",
    "ComparisonReport",
    "ConvertReport",
    "CrossValidation",
    "DemoResult",
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
    "demo",
    "deploy",
    "diff",
    "doctor",
    "evaluate",
    "export",
    "fingerprint",
    "fix",
    "inspect",
    "label_next",
    "overfit_check",
    "plan",
    "predict",
    "preview",
    "qualify",
    "replay",
    "report",
    "resume",
    "sample",
    "selftest",
    "serve",
    "split",
    "train",
    "verdict",
    "verify",
]

_HOMES = {
    "bundles": ("bundle_diff", "selftest"),
    "comparing": ("ComparisonReport", "compare"),
    "datasets": (
        "CheckReport",
        "ConvertReport",
        "Differences",
        "FixReport",
        "PreviewReport",
        "SplitReport",
        "check",
        "convert",
        "diff",
        "fingerprint",
        "fix",
        "preview",
        "split",
    ),
    "demonstration": ("DemoResult", "demo"),
    "deploying": ("deploy",),
    "growth": ("LearningCurve", "Selection", "curve", "label_next"),
    "inspecting": ("inspect", "replay"),
    "latencies": ("benchmark",),
    "models": ("average", "doctor", "export", "predict"),
    "qualifying": ("qualify",),
    "reports": ("report",),
    "sampling": ("sample",),
    "scores": ("Evaluation", "evaluate"),
    "serving": ("serve",),
    "training": ("TrainResult", "plan", "resume", "train"),
    "trials": ("CrossValidation", "OverfitReport", "cross_validate", "overfit_check"),
    "verdicts": ("Verdict", "verdict"),
    "verifying": ("Verification", "verify"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"yolo_tl.api.{_HOME[name]}"), name)
    globals()[name] = value
    return value
