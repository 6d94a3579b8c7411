"""One artifact beside the reference, image after image, and what that adds up to on the four levels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image, read_image
from yolo_tl.errors import ExportError
from yolo_tl.evaluation.inspection.units import LOWEST
from yolo_tl.evaluation.records import ImageResult
from yolo_tl.exporting.gate.answers import Answer
from yolo_tl.exporting.gate.classes import threshold_of_each
from yolo_tl.exporting.gate.flips import ROUNDING, Flip, Margins, Rule, Share, differs, rejects, top
from yolo_tl.exporting.gate.gallery import outlined
from yolo_tl.exporting.gate.matching import Matched, matched
from yolo_tl.exporting.gate.result import GateResult
from yolo_tl.exporting.gate.samples import Sample, Samples
from yolo_tl.exporting.gate.scores import Scores, accuracy, average_precision
from yolo_tl.exporting.gate.stages import Stage, localise
from yolo_tl.exporting.gate.subject import Said, Subject
from yolo_tl.exporting.gate.tensors import Tensors, largest, tensors, unlike

_LOOKED_AT = 8  # images on which the stage is looked for: those that differ most

Probabilities = NDArray[np.float64]
Looked = tuple[Said, "Answer | Probabilities"]
"""What a network put out for an image, and what that says."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What all artifacts are judged by.

    Attributes:
        names: class names that everything is numbered by.
        thresholds: the operating point.
        limits: what is allowed.
        samples: the images.
        rule: which units a line rejects; None where that is not known.
        scored: where mAP is counted from; None where nothing is true.
        resamples: of the bootstrap.
    """

    names: tuple[str, ...]
    thresholds: Thresholds
    limits: GateLimits
    samples: Samples
    rule: Rule | None
    scored: Thresholds | None
    resamples: int

    def answer(self, subject: Subject, said: Said) -> Answer | Probabilities:
        """What is said of an image; to classify, the probability of each class."""
        if subject.pipeline.info.task == "classify":
            return subject.probabilities(said)
        return Answer.of(subject, said, classes=len(self.names), scored=self.scored)


class Trial:
    """The tally of one artifact.

    Args:
        terms: what it is judged by.
        a: the reference.
        b: the artifact.
        called: names of both, for people.
    """

    def __init__(self, terms: Terms, a: Subject, b: Subject, called: tuple[str, str]) -> None:
        self._terms, self._a, self.b, self._called = terms, a, b, called
        self._limits = threshold_of_each(terms.thresholds, len(terms.names))
        rule = terms.rule
        inspected = [number for number, name in enumerate(terms.names) if rule is not None and name in rule.classes]
        self._inspected = np.array(inspected, np.intp)
        self._certain = ROUNDING if terms.limits.score is None else terms.limits.score
        self._tensors, self._matched = Tensors(), Matched()
        self._images, self._at_threshold = 0, 0
        self._flips: list[Flip] = []
        self._units: dict[str, NDArray[np.bool_]] = {}
        self._margins: tuple[list[float], list[float]] = ([], [])
        self._results: tuple[list[ImageResult], list[ImageResult]] = ([], [])
        self._right: tuple[list[bool], list[bool]] = ([], [])
        self._apart: list[tuple[tuple[float, ...], Path]] = []

    def add(self, sample: Sample, image: Image, a: Looked, b: Looked) -> None:
        """One more image (H, W, 3), and what both made of it."""
        self._images += 1
        found = self._compare_tensors(a[0], b[0])
        self._tensors |= found
        if isinstance(a[1], Answer) and isinstance(b[1], Answer):
            flipped, agreement = self._objects(sample, image, a[0], a[1], b[1])
        else:
            assert not isinstance(a[1], Answer)  # the tasks are the same
            assert not isinstance(b[1], Answer)
            flipped, agreement = self._class(sample, a[1], b[1])
        self._matched |= agreement
        far = agreement.box + agreement.score, found.box + found.score + found.masks + found.missing_rows
        self._apart.append(((flipped, agreement.unmatched, *far), sample.image))

    def result(self) -> GateResult:
        """What it adds up to.

        Raises:
            ExportError: there was nothing to compare: no outputs, and no detection on any image.
        """
        terms = self._terms
        if self._tensors.reason and not self._matched.detections and not self._flips:
            raise ExportError(
                f"no detection above {terms.thresholds.confidence:g} on {self._images} images, and outputs that cannot "
                f"be compared ({self._tensors.reason}): there is nothing to compare",
                hint="lower the confidence, take images that show something, or compare models with the same head",
            )
        result = GateResult(
            a=self._called[0],
            b=self._called[1],
            task=self._a.pipeline.info.task,
            images=self._images,
            names=terms.names,
            thresholds=terms.thresholds,
            limits=terms.limits,
            tensors=self._tensors,
            matched=self._matched,
            flips=tuple(sorted(self._flips, key=lambda flip: -flip.changed)),
            share=Share.of(len(self._flips), self._images),
            at_threshold=self._at_threshold,
            verdicts=self._verdicts(),
            margins=Margins.of(*self._margins),
            scores=self._scores(),
            notes=self._notes(),
        )
        return result if result.passed else result.with_stages(self._stages())

    def _compare_tensors(self, a: Said, b: Said) -> Tensors:
        """Level 1: both networks on the tensor of the reference."""
        infos = self._a.pipeline.info, self.b.pipeline.info
        if reason := unlike(*infos):
            return Tensors(reason=reason)
        if np.array_equal(a.tensor, b.tensor):
            return tensors(a.outputs, b.outputs, infos)
        if not self.b.takes(a.tensor):
            height, width = a.tensor.shape[2:]
            return Tensors(reason=f"{self._called[1]} does not take the reference's input of {height}x{width} px")
        return tensors(a.outputs, self.b.outputs(a.tensor), infos)

    def _objects(self, sample: Sample, image: Image, said: Said, a: Answer, b: Answer) -> tuple[int, Matched]:
        """Levels 2 and 3 of an image with objects, and what level 4 needs; the number of objects that flip."""
        gain = min(canvas / side for canvas, side in zip(said.geometry.canvas, said.geometry.image, strict=True))
        agreement = matched(
            a.found, b.found, limits=self._limits, certain=self._certain, gain=gain, image=sample.image.name
        )
        apart, surely = differs(a.counts, b.counts)
        flip = None
        if surely:
            kinds = np.flatnonzero(a.counts.at != b.counts.at)
            of_a, of_b = ({self._terms.names[k]: int(one.at[k]) for k in kinds} for one in (a.counts, b.counts))
            flip = Flip(sample.image, of_a, of_b, outlined(a.found), outlined(b.found))
            self._flips.append(flip)
        self._at_threshold += apart and not surely
        for values, answer in zip(self._margins, (a, b), strict=True):
            values.extend(answer.margins.tolist())
        if self._terms.rule is not None:
            unit = self._units.setdefault(self._terms.rule.unit(sample.image), np.zeros((2, 3), bool))
            unit |= [rejects(a.counts, self._inspected), rejects(b.counts, self._inspected)]
        if a.scored is not None and b.scored is not None:
            boxes, classes = self._truths(sample, image)
            for results, found in zip(self._results, (a.scored, b.scored), strict=True):
                results.append(ImageResult(str(sample.image), found, boxes, classes))
        return (0 if flip is None else flip.changed), agreement

    def _class(self, sample: Sample, a: Probabilities, b: Probabilities) -> tuple[int, Matched]:
        """Levels 2 and 3 of an image that shows one class."""
        apart, surely = top(a, b)
        names = self._terms.names
        if surely:
            self._flips.append(Flip(sample.image, {names[int(a.argmax())]: 1}, {names[int(b.argmax())]: 1}))
        self._at_threshold += apart and not surely
        for values, right, probabilities in zip(self._margins, self._right, (a, b), strict=True):
            best = np.sort(probabilities)[::-1]
            values.append(float(best[0] - best[1]) if len(best) > 1 else float(best[0]))
            if sample.names is not None:
                right.append(names[int(probabilities.argmax())] in sample.names)
        return 2 * surely, Matched(detections=1, score=largest(a - b))

    def _truths(self, sample: Sample, image: Image) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What is true of an image, in px; classes that no model knows are left out."""
        known = [
            (name, box)
            for name, box in zip(sample.names or (), _rows(sample), strict=True)
            if name in self._terms.names
        ]
        height, width = image.shape[:2]
        boxes = np.array([box for _, box in known], np.float64).reshape(-1, 4) * [width, height, width, height]
        classes = np.array([self._terms.names.index(name) for name, _ in known], np.int64)
        return boxes.astype(np.float32), classes

    def _verdicts(self) -> Share | None:
        if self._terms.rule is None or not self._units:
            return None
        flipped = 0
        for (at_a, fewest_a, most_a), (at_b, fewest_b, most_b) in self._units.values():
            flipped += bool(at_a != at_b and not (fewest_b <= at_a <= most_b and fewest_a <= at_b <= most_a))
        return Share.of(flipped, len(self._units))

    def _scores(self) -> Scores:
        """Level 4."""
        terms = self._terms
        classify = self._a.pipeline.info.task == "classify"
        if terms.samples.unlabelled:
            return Scores("accuracy" if classify else "mAP50-95", reason=terms.samples.unlabelled)
        if classify:
            first, second = (np.array(right, bool) for right in self._right)
            return accuracy(first, second, resamples=terms.resamples)
        note = ""
        if terms.scored is not None and terms.scored.confidence > LOWEST:
            note = f"counted from confidence {terms.scored.confidence:g} on: NMS inside a graph lets no less through"
        return average_precision(*self._results, terms.names, resamples=terms.resamples, note=note)

    def _notes(self) -> tuple[str, ...]:
        a, b = self._a.pipeline.info, self.b.pipeline.info
        notes = []
        if a.names != b.names:
            notes.append(f"class names differ: {', '.join(a.names[:10])} against {', '.join(b.names[:10])}")
        if a.head != b.head:
            notes.append(f"heads differ: {a.head} against {b.head}")
        true = {name for sample in self._terms.samples.images for name in sample.names or ()}
        if unknown := sorted(true - set(self._terms.names)):
            notes.append(f"classes of the data that no model knows were left out: {', '.join(unknown[:10])}")
        return tuple(notes)

    def _stages(self) -> tuple[Stage, ...]:
        worst = sorted(self._apart, key=lambda entry: entry[0], reverse=True)[:_LOOKED_AT]
        images = [read_image(path) for _, path in worst]
        return localise(self._a.pipeline, self.b.pipeline, images, self._terms.thresholds)


def _rows(sample: Sample) -> NDArray[np.float64]:
    return np.zeros((0, 4)) if sample.boxes is None else sample.boxes
