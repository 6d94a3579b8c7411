"""The gate: how an artifact is shown to say what its reference says, and which stage differs where it does not."""

from yolo_tl.exporting.gate.flips import Rule
from yolo_tl.exporting.gate.judging import judge, judge_all
from yolo_tl.exporting.gate.result import GateResult
from yolo_tl.exporting.gate.samples import Sample, Samples, choose_samples
from yolo_tl.exporting.gate.stages import Stage, localise

__all__ = [
    "GateResult",
    "Rule",
    "Sample",
    "Samples",
    "Stage",
    "choose_samples",
    "judge",
    "judge_all",
    "localise",
]
