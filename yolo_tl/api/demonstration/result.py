"""What a demo came to: its steps, whether transfer helped, what to look at, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_tl.api.demonstration.record import Record, Step
from yolo_tl.api.demonstration.settings import SPLIT
from yolo_tl.api.demonstration.start import Start


@dataclass(frozen=True)
class DemoResult:
    """A finished demo.

    Attributes:
        out: its folder.
        start: the checkpoint it started from, and why.
        steps: what happened.
        kept: it was finished before; nothing was done now.
    """

    out: Path
    start: Start
    steps: tuple[Step, ...]
    kept: bool

    @classmethod
    def of(cls, out: Path, record: Record, *, kept: bool) -> DemoResult:
        """The result of a record that is finished."""
        return cls(out, record.start, record.steps, kept)

    @property
    def seconds(self) -> float:
        """What all steps took, by the clock."""
        return sum(step.seconds for step in self.steps)

    @property
    def report(self) -> Path:
        """The page about the training run."""
        return self.out / "run" / "report.html"

    @property
    def reports(self) -> dict[str, Path]:
        """All pages, by what they are about."""
        return {
            "training": self.report,
            "transfer": self.out / "verdict" / "report.html",
            "data": self.out / "check.html",
        }

    @property
    def transfer(self) -> Mapping[str, Any]:
        """The verdict's figures: ``outcome``, ``a`` and ``b`` (from scratch), ``observed``, ``low``, ``high``."""
        return next(step.facts for step in self.steps if step.name == "verdict")

    @property
    def claim(self) -> str:
        """Whether transfer beat training from scratch, as far as it was measured."""
        found = self.transfer
        figures = f"mAP50-95 {found['a']:.3f} against {found['b']:.3f} after {found['epochs']} epochs each"
        figures += f" on {found['images']} images of val, difference {found['observed']:+.3f}"
        if found["low"] is not None:
            figures += f", 95 % interval [{found['low']:+.3f}, {found['high']:+.3f}]"
        words = {
            "use this": "Transfer beat training from scratch here",
            "no difference": "Transfer is NOT shown to beat training from scratch here",
            "negative transfer": "Transfer did NOT help here: training from scratch was better",
        }
        doubt = "" if found["informative"] else " Its features are no better than random ones: look for other weights."
        return f"{words[found['outcome']]}: {figures}.{doubt}"

    @property
    def next(self) -> tuple[str, ...]:
        """The commands for data of one's own; words in capitals are to be replaced."""
        return (
            "yolo-tl convert ANNOTATIONS datasets/all",
            "yolo-tl split datasets/all datasets/mine --ratios 0.7,0.15,0.15",
            "yolo-tl check datasets/mine",
            f"yolo-tl train datasets/mine --weights {self.start.weights} --out runs/mine",
            f"yolo-tl evaluate runs/mine datasets/mine --split {SPLIT}",
            "yolo-tl export runs/mine --data datasets/mine --out runs/mine/bundle",
            "yolo-tl inspect runs/mine/bundle PICTURES --rules default",
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "out": str(self.out),
            "start": self.start.to_json(),
            "kept": self.kept,
            "steps": [asdict(step) for step in self.steps],
            "seconds": round(self.seconds, 1),
            "transfer": {**self.transfer, "sentence": self.claim},
            "report": str(self.report),
            "reports": {what: str(path) for what, path in self.reports.items()},
            "next": list(self.next),
        }
