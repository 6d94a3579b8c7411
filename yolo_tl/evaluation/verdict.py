"""Whether transfer helps: what was tried, what it cost, and what the difference to random weights says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from yolo_tl.evaluation.comparison import Comparison
from yolo_tl.evaluation.starts import Start
from yolo_tl.files import stamped

SCRATCH = "scratch"

Outcome = Literal["use this", "no difference", "negative transfer"]


@dataclass(frozen=True)
class Candidate:
    """A way to train.

    Attributes:
        key: name of its run folders, before the seed.
        recipe: ``full``, ``frozen``, ``staged`` or ``scratch``.
        weights: the checkpoint; of scratch, the architecture YAML.
        architecture: the architecture YAML of the same network.
        overrides: what the recipe adds to the configuration.
        scores: epochs → mAP50-95 on val of ``best.pt``, of the first seed, for each rung it took part in.
        dropped: why it went no further; empty of the two that are compared in the end.
        cpu_seconds: spent on it, all seeds.
        full_cpu_seconds: what a full run with every seed would take, by the time of its epochs.
    """

    key: str
    recipe: str
    weights: str
    architecture: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[int, float] = field(default_factory=dict)
    dropped: str = ""
    cpu_seconds: float = 0.0
    full_cpu_seconds: float = 0.0

    @property
    def name(self) -> str:
        """For people: ``yolov5n.pt, frozen``; of scratch, with the architecture's name."""
        return f"{Path(self.weights).name if self.recipe == SCRATCH else self.weights}, {self.recipe}"

    @property
    def anew(self) -> bool:
        """Whether it has stages, which are shares of a run: then a rung cannot go on from the one before."""
        return "stages" in self.overrides


@dataclass(frozen=True)
class Verdict:
    """What is to be started from.

    Attributes:
        comparison: of the two on val, `transfer` less `scratch`, over images, and seeds where there are several.
        transfer: the best way to start from weights.
        scratch: the same architecture from random weights.
        starts: the weights as they were before training.
        candidates: all that were trained.
        run: folder of the better of the two, of the first seed.
        epochs: the longest run here; every candidate that got so far took as many steps.
        full_epochs: those of a full run.
        steps: optimizer steps in `epochs`.
        seeds: of training.
        cpu_seconds: all that was spent.
    """

    comparison: Comparison
    transfer: Candidate
    scratch: Candidate
    starts: tuple[Start, ...]
    candidates: tuple[Candidate, ...]
    run: Path
    epochs: int
    full_epochs: int
    steps: int
    seeds: tuple[int, ...]
    cpu_seconds: float

    @property
    def outcome(self) -> Outcome:
        """``use this`` where the interval of the difference lies above zero, ``negative transfer`` where below.

        ``no difference`` where it includes zero: this start does not help, or too little to be seen.
        """
        found: dict[str, Outcome] = {"better": "use this", "worse": "negative transfer"}
        return found.get(self.comparison.verdict, "no difference")

    @property
    def winner(self) -> Candidate:
        """The one with the higher score; `outcome` says whether that means anything."""
        return self.transfer if self.comparison.map50_95.observed > 0 else self.scratch

    @property
    def start(self) -> Start:
        """The weights of the best way to transfer."""
        return next(start for start in self.starts if start.weights == self.transfer.weights)

    @property
    def flagged(self) -> bool:
        """Whether there is something wrong with the start: it does not help, or its features know nothing."""
        return self.outcome != "use this" or not self.start.informative

    @property
    def full_cpu_seconds(self) -> float:
        """Estimate of training every candidate in full, with every seed."""
        return sum(candidate.full_cpu_seconds for candidate in self.candidates)

    @property
    def share(self) -> float | None:
        """What was spent, as a share of `full_cpu_seconds`; None where no epoch was timed."""
        return self.cpu_seconds / self.full_cpu_seconds if self.full_cpu_seconds else None

    def describe(self) -> str:
        """The verdict in a sentence."""
        change = self.comparison.map50_95
        interval = "no interval: one image"
        if change.low is not None:
            interval = f"{self.comparison.level * 100:g} % interval [{change.low:+.3f}, {change.high:+.3f}]"
        figures = (
            f"mAP50-95 {change.a:.3f} against {change.b:.3f} from scratch after {self.epochs} epochs, "
            f"{change.observed:+.3f}, {interval}"
        )
        known = "" if self.start.informative else ", though its features are no better than random: look for others"
        words = {
            "use this": f"use this: {self.transfer.name}{known}",
            "negative transfer": f"negative transfer: start from scratch, not from {self.transfer.name}",
            "no difference": f"no difference: {self.transfer.name} is not distinguishable from scratch",
        }
        share = "" if self.share is None else f" ({self.share:.0%} of training all {len(self.candidates)} in full)"
        return f"{words[self.outcome]}; {figures}; {self.cpu_seconds:.0f} CPU-s{share}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What speaks against taking the verdict as the last word."""
        notes = [start.describe() for start in self.starts if not start.informative]
        if self.outcome == "use this" and self.flagged:
            notes.append(
                f"{self.transfer.name} is ahead although its features are not: weights of a good scale train faster, "
                "whatever they have learnt. Look for others."
            )
        part = f"Compared after {self.epochs} epochs of the {self.full_epochs} of a full run"
        closer = ", which may bring scratch closer." if self.outcome == "use this" else "."
        chosen = "The way to transfer was chosen on the images of the comparison, which favours it a little."
        return (*notes, part + closer, chosen, *self.comparison.notes)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the fields, and what follows from them."""
        content = {
            "outcome": self.outcome,
            "sentence": self.describe(),
            "flagged": self.flagged,
            "winner": self.winner.key,
            "run": str(self.run),
            "transfer": self.transfer.key,
            "scratch": self.scratch.key,
            "comparison": self.comparison.to_json(),
            "starts": [{**asdict(start), "informative": start.informative} for start in self.starts],
            "candidates": [{**asdict(candidate), "name": candidate.name} for candidate in self.candidates],
            "epochs": self.epochs,
            "full_epochs": self.full_epochs,
            "steps": self.steps,
            "seeds": list(self.seeds),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "full_cpu_seconds": round(self.full_cpu_seconds, 2),
            "share": self.share,
            "notes": list(self.notes),
        }
        return stamped("verdict.json", content)
