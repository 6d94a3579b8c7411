"""What was decided of a frame, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from yolo_tl.edge.prediction import Prediction
from yolo_tl.inspection.logged import LoggedFrame

Verdict = Literal["PASS", "FAIL", "UNKNOWN"]
"""UNKNOWN is not a weak PASS: the frame was not, or not properly, looked at."""


@dataclass(frozen=True)
class Reason:
    """Why a verdict is not PASS.

    Attributes:
        code: ``rule``: it is broken. Or why nothing is known: a state of a frame (``lost``, ``dropped``, ``late``,
            ``stale``, ``unreadable``, ``resized``) or ``failed``, of a frame that was not looked at; ``saturated``,
            ``dark``, ``bright``, ``blurred``, ``unsure`` or ``outside`` (a region is not within the picture), of one
            that was looked at in vain; ``warming`` (too few frames yet) or ``undecided`` (too many of the last ones
            are not known), of a rule over several frames.
        text: the same for people, with the numbers.
        rule: name of the rule it is about, of the codes ``rule``, ``warming`` and ``undecided``.
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
        counts: rule → what it counted in this frame; empty where nothing was looked at.
        index: decisions that the judge had made before, since it began; 0 in a log says that a new judge took over.
        tracks: number of the track of each object, in their order, where a rule counts objects once; 0 of an object of
            a class that none counts so.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    prediction: Prediction
    rules: str
    quality: Quality | None
    counts: dict[str, int]
    index: int = 0
    tracks: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: what `Prediction.to_dict` says, and the decision, which can be replayed from it."""
        content = {
            "verdict": self.verdict,
            "reasons": [dict(vars(reason)) for reason in self.reasons],
            "counts": dict(self.counts),
            "quality": None if self.quality is None else dict(vars(self.quality)),
            "rules": self.rules,
            "index": self.index,
            **({} if self.tracks is None else {"tracks": list(self.tracks)}),
            **self.prediction.to_dict(),
        }
        frame = self.prediction.frame
        if isinstance(frame, LoggedFrame):
            content["size"] = None if frame.size is None else list(frame.size)
        return content
