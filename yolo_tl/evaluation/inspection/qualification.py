"""Is a model good enough for an inspection? Each limit of a contract, judged on images that chose nothing.

Several limits need no correction for their number, because every one of them must hold (Berger 1982,
"Multiparameter hypothesis testing and acceptance sampling", Technometrics 24(4)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolo_tl.config import to_mapping
from yolo_tl.errors import NotMet, NotProvable
from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.demands import Demand, Outcome, count, demands, outcome
from yolo_tl.evaluation.inspection.requirement import Requirement, Verdict
from yolo_tl.evaluation.inspection.thresholds import Choice
from yolo_tl.evaluation.inspection.units import Inspected
from yolo_tl.files import stamped


@dataclass(frozen=True)
class Incident:
    """A unit that went wrong.

    Attributes:
        unit: the image or part.
        images: the images of it in which that can be seen.
        classes: the classes that were missed, or that were seen where there are none.
    """

    unit: str
    images: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """A contract on one split.

    Attributes:
        split: its name.
        images: how many.
        units: how many are accepted or rejected as a whole.
        defective: how many of those have a defect that must be found.
        requirements: every limit.
        escapes: the units that escaped.
        overkills: the units that were rejected without reason.
    """

    split: str
    images: int
    units: int
    defective: int
    requirements: tuple[Requirement, ...]
    escapes: tuple[Incident, ...]
    overkills: tuple[Incident, ...]

    @property
    def verdict(self) -> Verdict:
        """``met`` if every requirement is; else ``not met`` if one is not, else ``not provable``."""
        found = {requirement.verdict for requirement in self.requirements}
        return "not met" if "not met" in found else "not provable" if "not provable" in found else "met"


@dataclass(frozen=True)
class Qualification:
    """Whether a model fulfils a contract, with which thresholds, and how that is known.

    Attributes:
        contract: what was asked for.
        choice: the thresholds, and how they were chosen.
        chosen: the contract on the split they were chosen on: too good, because they were chosen there.
        judged: the contract on the split that chose nothing: this counts.
        model: the checkpoint: file name, SHA-256, class names, head, side of the input.
        data: the data set: path and fingerprint.
    """

    contract: InspectionContract
    choice: Choice
    chosen: Judgement
    judged: Judgement
    model: dict[str, Any]
    data: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """Of `judged`."""
        return self.judged.verdict

    def describe(self) -> str:
        """Plain sentences for people: how the thresholds came about, and what is not met or not provable."""
        lines = []
        if not self.choice.meets:
            failed = [r for r in self.chosen.requirements if r.verdict == "not met"]
            lines.append(f"No thresholds keep every limit on {self.chosen.split}. The closest, which were taken:")
            lines += [f"  {requirement.describe()}" for requirement in failed]
        if not self.choice.exhaustive:
            lines.append("There were too many combinations of thresholds to look at all of them.")
        lines += [r.describe() for r in self.judged.requirements]
        lines.append(f"On {self.judged.split} the contract is {self.verdict}.")
        return "\n".join(lines)

    def require_met(self) -> None:
        """Nothing, where the contract is met.

        Raises:
            NotMet: a limit is not kept.
            NotProvable: every limit is kept, and with so few images that proves too little.
        """
        if self.verdict == "met":
            return
        failed = [r for r in self.judged.requirements if r.verdict == self.verdict]
        message = " ".join(requirement.describe() for requirement in failed)
        if self.verdict == "not met":
            raise NotMet(message, hint="look at the images listed as escapes and overkills; train on more like them")
        raise NotProvable(message, hint=f"label more images for {self.judged.split}")

    def to_json(self) -> dict[str, Any]:
        """Plain values with ``verdict`` and ``thresholds``."""
        content = {
            "verdict": self.verdict,
            "thresholds": self.choice.thresholds,
            "margins": self.choice.margins,
            "contract": to_mapping(self.contract),
            "model": self.model,
            "data": self.data,
            "chosen": {
                "meets": self.choice.meets,
                "reserve": self.choice.reserve,
                "exhaustive": self.choice.exhaustive,
                **_plain(self.chosen),
            },
            "judged": _plain(self.judged),
        }
        return stamped("qualification.json", content)


def judge(inspected: Inspected, contract: InspectionContract, thresholds: dict[str, float]) -> Judgement:
    """A contract on one split, with these thresholds by class name."""
    made = outcome(inspected, thresholds, contract)
    asked = demands(contract, tuple(view.rule.name for view in inspected.classes))
    return Judgement(
        split=inspected.split,
        images=len(inspected.images),
        units=len(inspected.units),
        defective=int(inspected.defective.sum()),
        requirements=tuple(
            Requirement.judge(demand, *count(demand, inspected, made), among=_among(demand, contract))
            for demand in asked
        ),
        escapes=tuple(_escapes(inspected, made)),
        overkills=tuple(_overkills(inspected, made, thresholds)),
    )


def _among(demand: Demand, contract: InspectionContract) -> str:
    """What a demand counts."""
    units = f"{contract.unit}s"
    if demand.kind == "overkill":
        return f"good {units}" if contract.overkill == "good" else units
    if demand.kind == "recall":
        return f"{demand.name} defects" if demand.name else "defects"
    return f"{units} with {demand.name}" if demand.name else f"defective {units}"


def _escapes(inspected: Inspected, made: Outcome) -> list[Incident]:
    where = [(view, view.image[missed]) for view, missed in zip(inspected.classes, made.missed, strict=True)]
    return _incidents(inspected, made.escaped, [(view.rule.name, images) for view, images in where])


def _overkills(inspected: Inspected, made: Outcome, thresholds: dict[str, float]) -> list[Incident]:
    views = [(view.rule.name, view.alarm) for view in inspected.classes]
    return _incidents(
        inspected, made.rejected, [(name, np.flatnonzero(alarm > thresholds[name])) for name, alarm in views]
    )


def _incidents(inspected: Inspected, units: Any, seen: Sequence[tuple[str, Any]]) -> list[Incident]:
    """One for each of `units`, with the images of each class in which it went wrong."""
    found = []
    for number in np.flatnonzero(units):
        images = {name: [i for i in np.unique(where) if inspected.unit[i] == number] for name, where in seen}
        listed = sorted({i for own in images.values() for i in own})
        found.append(
            Incident(
                inspected.units[number],
                tuple(inspected.images[i] for i in listed),
                tuple(name for name, own in images.items() if own),
            )
        )
    return found


def _plain(judgement: Judgement) -> dict[str, Any]:
    return {"verdict": judgement.verdict, **asdict(judgement)}
