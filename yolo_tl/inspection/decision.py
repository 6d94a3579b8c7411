"""What was decided of a frame, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from yolo_tl.edge.prediction import Prediction

Verdict = Literal["PASS", "FAIL", "UNKNOWN"]
"""UNKNOWN is not a weak PASS: the frame was not, or not properly, looked at."""


@dataclass(frozen=True)
class Reason:
    """Why a verdict is not PASS.

    Attributes:
        code: ``rule``; or why nothing is known: a state of a frame (``lost``, ``dropped``, ``late``, ``stale``,
            ``unreadable``, ``resized``), ``saturated``, ``dark``, ``bright``, ``blurred``, ``failed``.
        text: the same for people, with the numbers.
        rule: name of the rule that was broken, of the code ``rule``.
    """

    code: str
    text: str
    rule: str | None = None


@dataclass(frozen=True)
class Quality:
    """Whether a picture can be judged at all; measured on the picture, kept so that a log can be decided again.

    Attributes:
        dark: share of pixels that are as good as black, 0 to 1.
        bright: share of pixels that are as good as white, 0 to 1.
        sharpness: variance of the Laplacian of the grey picture, in levels².
    """

    dark: float
    bright: float
    sharpness: float


@dataclass(frozen=True, eq=False)
class Decision:
    """A verdict on one frame.

    Attributes:
        verdict: PASS, FAIL or UNKNOWN.
        reasons: why it is not PASS; empty if it is.
        prediction: what was found in which frame.
        rules: SHA-256 of the rules in their resolved form.
        quality: of the picture, where the rules ask for it.
        counts: rule → what it counted in this frame.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    prediction: Prediction
    rules: str
    quality: Quality | None
    counts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: what `Prediction.to_dict` says, and the decision, which can be replayed from it."""
        return {
            "verdict": self.verdict,
            "reasons": [asdict(reason) for reason in self.reasons],
            "counts": dict(self.counts),
            "quality": None if self.quality is None else asdict(self.quality),
            "rules": self.rules,
            **self.prediction.to_dict(),
        }
