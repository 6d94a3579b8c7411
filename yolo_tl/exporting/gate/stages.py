"""Which stage makes two artifacts differ: one stage at a time is exchanged, the others stay.

The reference's own pipeline is the base: the other's tensor goes into the reference's network (preprocess), the
reference's tensor into the other's network (engine), the reference's outputs to the other's reading (postprocess).
Where the base cannot take what it is given (another size, another head), the other artifact is the base. What each
exchange changes on its own is counted, so that a stage that differs without effect can be told from the one to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.errors import BundleError
from yolo_tl.exporting.gate.classes import lowered, numbered, threshold_of_each
from yolo_tl.exporting.gate.flips import ROUNDING, Counts, differs, top
from yolo_tl.exporting.gate.matching import Matched, matched
from yolo_tl.exporting.gate.subject import Said, Subject
from yolo_tl.exporting.gate.tensors import Tensors, largest, tensors, unlike

Name = Literal["preprocess", "engine", "postprocess"]

_ROUNDING = GateLimits()
"""What 32-bit engines may differ by: less than this is no difference of a stage."""


@dataclass(frozen=True)
class Stage:
    """One stage, and what it changes on its own.

    Attributes:
        stage: ``preprocess``, ``engine`` or ``postprocess``.
        differs: whether it makes a difference beyond the rounding of 32-bit engines.
        images: on how many images that was looked at.
        flips: images that flip by it alone; None where it could not be exchanged, as are those below.
        unmatched: detections that appear or go by it alone.
        box: how far it moves a matched box, px of the network input.
        score: how far it moves a matched score, or a probability.
        note: how the stages differ in themselves, or why they could not be exchanged.
    """

    stage: Name
    differs: bool
    images: int
    flips: int | None = None
    unmatched: int | None = None
    box: float | None = None
    score: float | None = None
    note: str = ""


def localise(a: Pipeline, b: Pipeline, images: Sequence[Image], thresholds: Thresholds) -> tuple[Stage, ...]:
    """What each stage of `b` changes in `a`.

    Args:
        a: the reference.
        b: the other.
        images: each (H, W, 3) uint8 BGR; those that flip say most.
        thresholds: the operating point, its classes numbered as those of `a`.

    Returns:
        Preprocess, engine and postprocess, in this order.
    """
    swap = _Swap(a, b, thresholds)
    seen = [swap.look(image) for image in images]
    return swap.preprocess(seen), swap.engine(seen), swap.postprocess(seen)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What both make of one image, each by its own pipeline."""

    a: Said
    b: Said


Answer = Said | None
"""Outputs and where they are read from; None where a network does not take the tensor."""


class _Swap:
    def __init__(self, a: Pipeline, b: Pipeline, thresholds: Thresholds) -> None:
        names, (of_a, of_b) = numbered(a.info.names, b.info.names)
        self._a, self._b = Subject(a, names, of_a, thresholds), Subject(b, names, of_b, thresholds)
        self._limits = threshold_of_each(thresholds, len(names))
        self._classify = a.info.task == "classify"
        self._unlike = unlike(a.info, b.info)

    def look(self, image: Image) -> _Seen:
        (a,), (b,) = self._a.look([image]), self._b.look([image])
        return _Seen(a, b)

    def preprocess(self, seen: Sequence[_Seen]) -> Stage:
        note = _unlike_tensors(self._a.pipeline.preprocess, self._b.pipeline.preprocess, seen)
        if not note:
            return _unchanged("preprocess", len(seen))
        return self._stage(
            "preprocess",
            note,
            [
                (self._a, self._a, lambda one: one.a, lambda one: _run(self._a, one.b)),
                (self._b, self._b, lambda one: one.b, lambda one: _run(self._b, one.a)),
            ],
            seen,
        )

    def engine(self, seen: Sequence[_Seen]) -> Stage:
        if self._unlike:  # the outputs of one network mean nothing to the reading of the other
            return Stage("engine", False, len(seen), note=f"not exchanged: {self._unlike}")
        found = Tensors()
        for one in seen:
            other = _run(self._b, one.a)
            base = one.a if other is not None else _run(self._a, one.b)
            other = one.b if other is None else other
            if base is None:
                return Stage("engine", False, len(seen), note="not exchanged: neither network takes the other's size")
            found |= tensors(base.outputs, other.outputs, (self._a.pipeline.info, self._b.pipeline.info))
        note = found.reason or _told(found)
        stage = self._stage(
            "engine",
            note,
            [
                (self._a, self._a, lambda one: one.a, lambda one: _run(self._b, one.a)),
                (self._b, self._b, lambda one: one.b, lambda one: _run(self._a, one.b)),
            ],
            seen,
        )
        return stage if stage.differs else replace(stage, differs=bool(found.reason) or _beyond(found))

    def postprocess(self, seen: Sequence[_Seen]) -> Stage:
        infos = self._a.pipeline.info, self._b.pipeline.info
        note = self._unlike and f"{self._unlike}, so network and reading were exchanged together"
        if infos[0].names != infos[1].names:
            names = [", ".join(info.names[:10]) for info in infos]
            note = f"class names {names[0]} and {names[1]}" + (f"; {note}" if note else "")
        if not note:
            return _unchanged("postprocess", len(seen))
        if not self._unlike:
            return self._stage("postprocess", note, [(self._a, self._b, lambda one: one.a, lambda one: one.a)], seen)
        return self._stage(
            "postprocess",
            note,
            [
                (self._a, self._b, lambda one: one.a, lambda one: _run(self._b, one.a)),
                (self._b, self._a, lambda one: one.b, lambda one: _run(self._a, one.b)),
            ],
            seen,
        )

    def _stage(
        self,
        name: Name,
        note: str,
        ways: Sequence[tuple[Subject, Subject, Callable[[_Seen], Said], Callable[[_Seen], Answer]]],
        seen: Sequence[_Seen],
    ) -> Stage:
        """The effect of one exchange.

        Args:
            name: of the stage.
            note: how it differs in itself.
            ways: to exchange it, the first that can be gone is: who reads the base and who the changed outputs, and
                which these are.
            seen: the images.
        """
        for reads, reads_changed, base, changed in ways:
            answers = [(base(one), changed(one)) for one in seen]
            pairs = [(one, other) for one, other in answers if other is not None]
            if len(pairs) < len(answers):
                continue
            flips, found = 0, Matched()
            for one, other in pairs:
                flipped, apart = self._compare(reads, one, reads_changed, other)
                flips, found = flips + flipped, found | apart
            beyond = flips or found.unmatched or found.box > (_ROUNDING.box or 0) or found.score > ROUNDING
            return Stage(name, bool(beyond), len(seen), flips, found.unmatched, found.box, found.score, note)
        return Stage(name, True, len(seen), note=f"{note}; not exchanged: neither network takes the other's size")

    def _compare(self, a: Subject, one: Said, b: Subject, other: Said) -> tuple[bool, Matched]:
        if self._classify:
            sure = a.probabilities(one), b.probabilities(other)
            return top(*sure)[1], Matched(score=largest(sure[0] - sure[1]))
        lower = lowered(a.thresholds, ROUNDING)
        first, second = a.read(one), b.read(other)
        of_a, of_b = (
            Counts.of(first, a.read(one, lower), self._limits),
            Counts.of(second, b.read(other, lower), self._limits),
        )
        gain = min(canvas / side for canvas, side in zip(one.geometry.canvas, one.geometry.image, strict=True))
        return differs(of_a, of_b)[1], matched(
            first, second, limits=self._limits, certain=ROUNDING, gain=gain, image=""
        )


def _run(subject: Subject, said: Said) -> Answer:
    """The network of `subject` on the tensor that another was given."""
    if not subject.takes(said.tensor):
        return None
    try:
        return replace(said, outputs=subject.outputs(said.tensor))
    except BundleError:  # a network that is free in size, but not that free
        return None


def _unlike_tensors(a: Preprocess, b: Preprocess, seen: Sequence[_Seen]) -> str:
    """How the tensors of the two differ; empty where they are the same to the bit."""
    shapes = {(one.a.tensor.shape[2:], one.b.tensor.shape[2:]) for one in seen}
    if other := sorted((first, second) for first, second in shapes if first != second):
        first, second = other[0]
        return f"input of {first[0]}x{first[1]} px and of {second[0]}x{second[1]} px"
    apart = max((largest(one.a.tensor - one.b.tensor) for one in seen), default=0.0)
    if not apart:
        return ""
    settings = [
        f"{f.name} {getattr(a, f.name)} and {getattr(b, f.name)}"
        for f in fields(a)
        if getattr(a, f.name) != getattr(b, f.name)
    ]
    return ", ".join([*settings, f"tensors differ by up to {apart:.3g}"])


def _told(found: Tensors) -> str:
    parts = [
        ("boxes by up to", found.box, " px"),
        ("scores by up to", found.score, ""),
        ("masks by up to", found.masks, ""),
    ]
    said = [f"{what} {value:.2g}{unit}" for what, value, unit in parts if value]
    if found.missing_rows:
        said.append(f"{found.missing_rows} rows missing")
    return f"outputs differ: {', '.join(said)}" if said else ""


def _beyond(found: Tensors) -> bool:
    score = _ROUNDING.tensor_score or 0.0
    within = found.box <= (_ROUNDING.tensor_box or 0.0) and found.score <= score and found.masks <= score
    return bool(found.missing_rows) or not within  # NaN is not within


def _unchanged(name: Name, images: int) -> Stage:
    return Stage(name, False, images, 0, 0, 0.0, 0.0)
