"""Which of two recipes is better, as far as these images and training seeds can tell.

One resampling of images and seeds serves every score: overall, by class and by size. The verdict is the interval of
mAP50-95; what it could not have shown is said beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation.bootstrap import Resampling, require_truths, scores, unit_labels
from yolo_tl.evaluation.flips import Flip, flips
from yolo_tl.evaluation.intervals import require_level
from yolo_tl.evaluation.metrics import evaluate
from yolo_tl.evaluation.operating import thresholds_of
from yolo_tl.evaluation.paired import Difference, aligned
from yolo_tl.evaluation.predictions import Predictions
from yolo_tl.evaluation.ranking import Ranking, rank
from yolo_tl.evaluation.records import ImageResult
from yolo_tl.evaluation.seeds import identical, require_distinct, two_way
from yolo_tl.evaluation.sizes import COCO_BANDS, rank_band

Verdict = Literal["better", "worse", "not distinguishable"]
Pairing = Literal["one run each", "paired by position", "drawn separately"]


@dataclass(frozen=True)
class Delta:
    """One score of a and of b, each the mean over its seeds, and their difference.

    Attributes:
        a: score of a.
        b: score of b.
        observed: a - b.
        low: lower end of the interval; None where one image, or one group, shows all there is, as are `high` and `p`.
        high: upper end.
        p: two-sided bootstrap share.
        p_holm: `p` by Holm's step-down correction over the classes or sizes beside it; None for one overall.
    """

    a: float
    b: float
    observed: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the interval leaves out zero, and on which side."""
        if self.low is not None and self.low > 0:
            return "better"
        if self.high is not None and self.high < 0:
            return "worse"
        return "not distinguishable"


@dataclass(frozen=True)
class Comparison:
    """How a differs from b on the same images.

    Attributes:
        a: name of the first.
        b: name of the second.
        models: the checkpoints of each, one for each seed.
        split: the split.
        images: how many.
        groups: how many groups of images were resampled whole; None where each image stands for itself.
        pairing: how the seeds of a go with those of b.
        level: share of the resamples inside each interval.
        resamples: how many; 0 where there is no interval.
        seeds_a: mAP50-95 of each run of a.
        seeds_b: mAP50-95 of each run of b.
        map50_95: difference in mean average precision over IoU 0.5 to 0.95.
        map50: in mean average precision at IoU 0.5.
        by_class: class name → difference in AP50-95; None where no image shows the class.
        by_size: size by COCO's areas → difference in mAP50-95 by COCO's rule; None where no object has it.
        identical: both say exactly the same of every image.
        shown: which run of each the flips are of: the one of middling mAP50-95.
        thresholds: confidence above which a detection counts in the flips, of each.
        flips: images whose outcome differs, most changes first.
    """

    a: str
    b: str
    models: tuple[tuple[str, ...], tuple[str, ...]]
    split: str
    images: int
    groups: int | None
    pairing: Pairing
    level: float
    resamples: int
    seeds_a: tuple[float, ...]
    seeds_b: tuple[float, ...]
    map50_95: Delta
    map50: Delta
    by_class: dict[str, Delta | None]
    by_size: dict[str, Delta | None]
    identical: bool
    shown: tuple[int, int]
    thresholds: tuple[float, float]
    flips: tuple[Flip, ...]

    @property
    def verdict(self) -> Verdict:
        """Of a against b, by the interval of mAP50-95."""
        return self.map50_95.verdict

    @property
    def detectable(self) -> float | None:
        """Half the width of the interval of mAP50-95: about the least difference that could have shown."""
        if self.map50_95.low is None or self.map50_95.high is None:
            return None
        return (self.map50_95.high - self.map50_95.low) / 2

    def describe(self) -> str:
        """The verdict in a sentence: ``A is better than B: mAP50-95 0.479 against 0.268, ...``."""
        change = self.map50_95
        if self.identical:
            return f"{self.a} and {self.b} say exactly the same of every image: no difference"
        words = "is not distinguishable from" if self.verdict == "not distinguishable" else f"is {self.verdict} than"
        interval = "no interval: too little to resample"
        if change.low is not None:
            p = f"p ≤ {change.p:.3g}" if change.p == 2 / self.resamples else f"p = {change.p:.3g}"
            interval = f"{self.level * 100:g} % interval [{change.low:+.3f}, {change.high:+.3f}], {p}"
        return (
            f"{self.a} {words} {self.b}: mAP50-95 {change.a:.3f} against {change.b:.3f}, "
            f"difference {change.observed:+.3f}, {interval}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers rest on, and what they cannot say."""
        runs = f"{len(self.seeds_a)} and {len(self.seeds_b)} runs"
        seeds = {
            "one run each": "One run of each: this speaks of these weights, not of what another seed would give.",
            "paired by position": f"Seeds and images were resampled, over {runs} that are paired by position.",
            "drawn separately": f"Seeds and images were resampled, over {runs} whose seeds were drawn separately.",
        }[self.pairing]
        if self.pairing == "drawn separately" and 1 in (len(self.seeds_a), len(self.seeds_b)):
            seeds += " What another seed would make of the single run is not in it."
        if 2 in (len(self.seeds_a), len(self.seeds_b)):
            seeds += " Two runs say little about how much seeds differ: use three or more."
        found = [seeds]
        if self.detectable is None:
            found.append("There is no interval: one image, or one group, says nothing about the next.")
            return tuple(found)
        if not self.identical:
            these = f"these {self.images} images" + (f" in {self.groups} groups" if self.groups else "")
            found.append(f"With {these}, differences of mAP50-95 below about {self.detectable:.3f} cannot be seen.")
        if absent := [name for name, change in self.by_class.items() if change is None]:
            found.append(f"Not measurable, because {self.split} does not show them: {', '.join(absent)}.")
        if lone := [name for name, change in self.by_class.items() if change is not None and change.p is None]:
            found.append(f"No interval, because one image shows all there is: {', '.join(lone)}.")
        tested = sum(change is not None and change.p is not None for change in self.by_class.values())
        if self.resamples and tested > 1:
            found.append(
                f"Of {tested} classes, some differ by chance: p is corrected for that (Holm)"
                + (
                    f", and cannot fall below {least:.2g} with {self.resamples} resamples."
                    if (least := 2 * tested / self.resamples) > 1 - self.level
                    else "."
                )
            )
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the fields, and what follows from them."""
        return {
            "verdict": self.verdict,
            "sentence": self.describe(),
            "notes": list(self.notes),
            "detectable": self.detectable,
            **asdict(self),
            "flips": [flip.to_json() for flip in self.flips],
        }


def compare(
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: Sequence[Hashable | None] | None = None,
    confidence: float | None = None,
    called: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """Compare two recipes, each by one or several training seeds, on the same images.

    Runs are paired by their position where both recipes have as many; else their seeds are drawn separately.

    Args:
        a: predictions of each run of the first recipe.
        b: of the second.
        resamples: at least 100.
        seed: the same seed gives the same resamples, of the images those of `paired_difference`.
        level: share of the resamples inside the intervals, between 0 and 1.
        groups: a label for each image in the order of the first run of `a`; images of one label are drawn together.
        confidence: above which a detection counts in the flips; of each model where its own mean F1 is largest by
            default, chosen on these images.
        called: names of both, for people.

    Raises:
        DataError: the images, their truths or the classes differ, no image has a truth, or a run is given twice.
        UsageError: nothing to compare, or `resamples`, `level` or `groups` does not fit.
    """
    if not a or not b:
        raise UsageError("expected predictions of one run or more for each of the two, found none")
    require_level(level)
    trial = _Trial.of(a, b, resamples=resamples, seed=seed, level=level, groups=groups, called=called)
    names = trial.a[0].names
    overall, classes, seeds = trial.deltas(lambda results: rank(results, names))
    sizes = {
        band.name: trial.deltas(lambda results, band=band: rank_band(results, names, band))[0]  # type: ignore[misc]
        for band in COCO_BANDS
    }
    shown_a, shown_b = (_middle(scores) for scores in seeds)
    run_a, run_b = trial.a[shown_a], trial.b[shown_b]
    if confidence is not None:
        thresholds_of(confidence, names)
    thresholds = tuple(
        evaluate(run.results, names).confidence if confidence is None else confidence for run in (run_a, run_b)
    )
    return Comparison(
        a=called[0],
        b=called[1],
        models=(tuple(run.model for run in a), tuple(run.model for run in b)),
        split=a[0].split,
        images=len(run_a.results),
        groups=None if groups is None else trial.drawn.draws.shape[1],
        pairing="one run each"
        if len(a) == len(b) == 1
        else "paired by position"
        if trial.paired
        else "drawn separately",
        level=level,
        resamples=trial.drawn.resamples,
        seeds_a=seeds[0],
        seeds_b=seeds[1],
        map50_95=overall[0],
        map50=overall[1],
        by_class=holm({name: classes.get(k) for k, name in enumerate(names)}),
        by_size=holm({name: found[0] if found else None for name, found in sizes.items()}),
        identical=trial.identical,
        shown=(shown_a, shown_b),
        thresholds=(thresholds[0], thresholds[1]),
        flips=() if trial.identical else flips(run_a.results, run_b.results, (thresholds[0], thresholds[1])),
    )


def holm(found: Mapping[str, Delta | None]) -> dict[str, Delta | None]:
    """The same with `Delta.p_holm` set."""
    p = corrected({name: None if delta is None else delta.p for name, delta in found.items()})
    return {name: None if delta is None else replace(delta, p_holm=p[name]) for name, delta in found.items()}


def corrected(p: Mapping[str, float | None]) -> dict[str, float | None]:
    """Holm's step-down p-values (Holm 1979): the least times how many there are, the next times one fewer.

    Rejecting where one is under 5 % rejects any true hypothesis among all in at most 5 % of such tables.

    >>> corrected({"a": 0.04, "b": 0.01, "c": None})
    {'a': 0.04, 'b': 0.02, 'c': None}
    """
    tested = sorted((value, name) for name, value in p.items() if value is not None)
    adjusted, least = dict(p), 0.0
    for number, (value, name) in enumerate(tested):
        least = max(least, min(1.0, value * (len(tested) - number)))
        adjusted[name] = least
    return adjusted


@dataclass(frozen=True, eq=False)
class _Trial:
    """The runs of both, on the same images in the same order, and the resamples of these."""

    a: tuple[Predictions, ...]
    b: tuple[Predictions, ...]
    drawn: Resampling
    seed: int
    identical: bool

    @classmethod
    def of(
        cls,
        a: Sequence[Predictions],
        b: Sequence[Predictions],
        *,
        resamples: int,
        seed: int,
        level: float,
        groups: Sequence[Hashable | None] | None,
        called: tuple[str, str],
    ) -> _Trial:
        runs = _same_images([*a, *b], [called[0]] * len(a) + [called[1]] * len(b))
        a, b = runs[: len(a)], runs[len(a) :]
        same = len(a) == len(b) and all(identical(one, other) for one, other in zip(a, b, strict=True))
        require_distinct(a)
        require_distinct(b if same else runs)
        labels = unit_labels(len(a[0].results), groups)
        if labels.max() > 0:
            drawn = Resampling.draw(len(labels), resamples=resamples, seed=seed, level=level, groups=groups)
        else:
            drawn = Resampling(np.ones((1, len(labels)), np.int32), labels, level)
        return cls(tuple(a), tuple(b), drawn, seed, same)

    @property
    def paired(self) -> bool:
        return len(self.a) == len(self.b)

    def deltas(
        self, measure: Callable[[Sequence[ImageResult]], tuple[Ranking, ...]]
    ) -> tuple[list[Delta], dict[int, Delta], tuple[tuple[float, ...], tuple[float, ...]]]:
        """In mAP50-95 and mAP50, in AP50-95 by class, and the mAP50-95 of each run; nothing where nothing is true."""
        rankings = [[measure(run.results) for run in runs] for runs in (self.a, self.b)]
        if not rankings[0][0]:
            return [], {}, ((), ())
        of_a, of_b = (np.stack([scores(ranking, self.drawn.weights) for ranking in runs]) for runs in rankings)
        labels, draws = self.drawn.labels, self.drawn.draws
        truths = np.array([ranking.truths for ranking in rankings[0][0]])
        shown = [len(np.unique(labels[row > 0])) for row in (truths.sum(0), truths.sum(0), *truths)]
        # Overall, images count in which nothing is true but something may be raised; for a class they are nearly all.
        units = [draws.shape[1]] * 2 + shown[2:]
        change = two_way(
            of_a, of_b, paired=self.paired, draws=draws, units=units, level=self.drawn.level, seed=self.seed
        )
        scored = zip(of_a[:, :, 0].mean(0), of_b[:, :, 0].mean(0), change, shown, strict=True)
        found = [self._delta(float(one), float(other), row, count) for one, other, row, count in scored]
        by_class = {ranking.class_id: delta for ranking, delta in zip(rankings[0][0], found[2:], strict=True)}
        return found[:2], by_class, (tuple(of_a[:, 0, 0].tolist()), tuple(of_b[:, 0, 0].tolist()))

    def _delta(self, a: float, b: float, change: NDArray[np.float64], shown: int) -> Delta:
        if not self.drawn.resamples or shown < 2:
            return Delta(a, b, float(change[0]))
        found = Difference.of(change[0], change[1:], level=self.drawn.level)
        return Delta(a, b, found.observed, found.low, found.high, found.p)


def _same_images(runs: Sequence[Predictions], called: Sequence[str]) -> list[Predictions]:
    """The runs with their images in the order of the first.

    Raises:
        DataError: classes, images or truths differ, or there is nothing to find.
    """
    first = runs[0]
    names = [name if len(runs) == 2 else f"{name} ({run.model})" for name, run in zip(called, runs, strict=True)]
    for name, run in zip(names, runs, strict=True):
        if run.names != first.names:
            raise DataError(
                f"expected the same classes in {names[0]} and {name}, "
                f"found {', '.join(first.names)} and {', '.join(run.names)}",
                hint="compare models of the same classes, in the same order",
            )
    require_truths(rank(first.results, first.names))
    return [
        replace(run, results=tuple(aligned(first.results, run.results, (names[0], name))))
        for name, run in zip(names, runs, strict=True)
    ]


def _middle(scores: Sequence[float]) -> int:
    """The place of the median, the lower one of two."""
    return int(np.argsort(scores, kind="stable")[(len(scores) - 1) // 2])
