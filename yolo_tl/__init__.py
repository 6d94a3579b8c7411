"""Fine-tune Ultralytics YOLO detectors on few labels, prove the result, run it anywhere.

The names below are looked up when they are used: importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolo_tl.api import (
        average,
        benchmark,
        bundle_diff,
        check,
        compare,
        convert,
        cross_validate,
        curve,
        demo,
        deploy,
        diff,
        doctor,
        evaluate,
        export,
        fingerprint,
        fix,
        inspect,
        label_next,
        overfit_check,
        plan,
        predict,
        preview,
        qualify,
        replay,
        report,
        resume,
        sample,
        selftest,
        serve,
        split,
        train,
        verdict,
        verify,
    )
    from yolo_tl.boxes import Detections
    from yolo_tl.edge import Detector
    from yolo_tl.errors import YoloTLError
    from yolo_tl.inspection.inspector import Inspector

__version__ = "0.1.0"

__all__ = [
    "Detections",
    "Detector",
    "Inspector",
    "YoloTLError",
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
    "Detections": "yolo_tl.boxes",
    "Detector": "yolo_tl.edge",
    "Inspector": "yolo_tl.inspection.inspector",
    "YoloTLError": "yolo_tl.errors",
}
_HOMES |= {name: "yolo_tl.api" for name in __all__ if name not in _HOMES}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
