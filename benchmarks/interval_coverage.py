"""How often the intervals hold the truth, and how often a model differs from its equal.

    python benchmarks/interval_coverage.py [--samples 400] [--resamples 1000]

Detectors and images are made up (``simulated_detector.py``), so the true score is known: that of 20 000 images. From
each sample of a few images an interval of 95 % is found, and it should hold the true score in 95 % of the samples.
Two detectors of equal skill, which differ by chance alone, meet the same images: at most 5 % of the intervals of
their difference should leave out zero. Beside ours are percentiles of the same resamples, the usual way.
The table goes to stdout and to ``interval_coverage.md`` beside this file.
"""

from __future__ import annotations

import argparse
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from simulated_detector import Scene, simulate

from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.bootstrap import Resampling, scores
from yolo_tl.evaluation.calibration import calibration
from yolo_tl.evaluation.intervals import Interval, difference_interval, interval
from yolo_tl.evaluation.operating import outcome_counts, rate_scores
from yolo_tl.evaluation.ranking import rank
from yolo_tl.evaluation.sizes import COCO_BANDS, rank_band

POPULATION = 20_000
CONFIDENCE = 0.5
Table = dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Case:
    """A scene, how many images a sample has, and what it stands for."""

    scene: Scene
    images: int
    about: str


CASES = {
    "few": Case(Scene((1.5,), (1.0,), (2.0,)), 20, "20 images, 1 class, 1.5 objects an image"),
    "sparse": Case(Scene((0.8, 0.4), (1.0, 0.0), (1.0, 1.0)), 60, "60 images, 2 classes, 1.2 objects an image"),
    "rare": Case(Scene((3.0, 0.15), (1.0, 0.5), (2.0, 1.0)), 87, "87 images, one class in 12 of them"),
    "weak": Case(Scene((2.0, 1.0), (-1.0, -1.5), (5.0, 5.0), separation=1.0), 87, "87 images, a detector near 0.05"),
    "cells": Case(Scene((11, 0.9, 0.9), (2.0, 3.0, 0.8), (20, 2, 3)), 87, "87 images as of blood cells: 3 classes"),
}


@dataclass
class Study:
    """What came of the samples of one case: for each score, one entry a sample.

    Attributes:
        population: the true score.
        held: whether our interval held it, by score; and that of percentiles.
        differs: whether our interval of the difference of two equals left out zero; and that of percentiles.
    """

    population: dict[str, float]
    held: dict[str, list[tuple[bool, bool]]] = field(default_factory=lambda: defaultdict(list))
    differs: dict[str, list[tuple[bool, bool]]] = field(default_factory=lambda: defaultdict(list))

    def coverage(self, score: str) -> tuple[float, float]:
        """Share of the samples whose interval held the true score: ours, and by percentiles."""
        ours, theirs = np.mean(self.held[score], axis=0).tolist()
        return ours, theirs

    def rejected(self, score: str) -> tuple[float, float]:
        """Share of the samples in which two equals differed: ours, and by percentiles."""
        ours, theirs = np.mean(self.differs[score], axis=0).tolist()
        return ours, theirs


def study(case: Case, *, samples: int, resamples: int) -> Study:
    """Draw samples of a case and find their intervals; a sample that lacks a class has no mean of all of them."""
    names = [f"class {number}" for number in range(len(case.scene.objects))]
    everything = simulate(case.scene, POPULATION, 10**6)
    found = Study({key: float(row[0]) for key, (row, _) in table(everything, names, ones(POPULATION)).items()})
    calibrated = calibration(everything)
    confidence = {"calibration error": calibrated.ece, "confidence less precision": calibrated.gap}
    confidence["Brier score"] = calibrated.brier
    found.population.update({score: value for score, value in confidence.items() if value is not None})
    for sample in range(samples):
        drawn = Resampling.draw(case.images, resamples=resamples, seed=sample)
        first, second = (simulate(case.scene, case.images, 2 * sample + k, truth_seed=sample) for k in (0, 1))
        one, other = table(first, names, drawn.weights), table(second, names, drawn.weights)
        for score, (row, shown) in one.items():
            ours, usual = drawn.interval(row, shown), interval(row[1:], level=drawn.level)
            found.held[score].append((holds(ours, found.population[score]), holds(usual, found.population[score])))
            if score in other:
                change = row - other[score][0]
                units = int((shown | other[score][1]).sum())
                ends = difference_interval(
                    float(change[0]), change[1:], drawn.draws, level=drawn.level, units=max(2, units)
                )
                usual = interval(change[1:], level=drawn.level)
                found.differs[score].append((not holds(ends, 0.0), not holds(usual, 0.0)))
        measured = calibration(first, drawn)
        for score, own in zip(
            confidence, (measured.interval, measured.gap_interval, measured.brier_interval), strict=True
        ):
            found.held[score].append((holds(own, found.population[score]), False))
    return found


def holds(ends: Interval | None, value: float) -> bool:
    """No interval claims nothing, and so holds everything."""
    return ends is None or ends.low <= value <= ends.high


def table(results: Sequence[ImageResult], names: Sequence[str], weights: NDArray[np.int32]) -> Table:
    """Score → its value by each row of weights, and the images that have something to do with it."""
    every = np.ones(len(results), bool)
    found: Table = {}
    rankings, small = rank(results, names), rank_band(results, names, COCO_BANDS[0])
    if len(rankings) == len(names):
        map50_95, map50, *classes = scores(rankings, weights)
        found["mAP50-95"], found["mAP50"] = (map50_95, every), (map50, every)
        if len(names) > 1:
            found["AP50-95 of the last class"] = (classes[-1], rankings[-1].truths > 0)
    if len(small) == len(names):
        shown = np.sum([ranking.truths for ranking in small], axis=0) > 0
        found["mAP50-95 of small objects"] = (scores(small, weights)[0], shown)
    counts = outcome_counts(results, names, CONFIDENCE)
    precision, recall, f1 = rate_scores(counts, weights)[:, 0]
    hits, alarms, missed = counts.sum(1).T
    found["precision"], found["recall"] = (precision, hits + alarms > 0), (recall, hits + missed > 0)
    found["F1"] = (f1, hits + alarms + missed > 0)
    return found


def ones(images: int) -> NDArray[np.int32]:
    return np.ones((1, images), np.int32)


def report(studies: dict[str, Study], *, samples: int, resamples: int) -> str:
    error = 100 * sqrt(0.95 * 0.05 / samples)
    lines = [
        "# How often the intervals hold the truth",
        "",
        f"`python benchmarks/interval_coverage.py --samples {samples} --resamples {resamples}`: {samples} simulated "
        f"data sets of each kind, {resamples} resamples, numpy {version('numpy')}, Python "
        f"{platform.python_version()}. The standard error of each share is about {error:.1f} points. Wanted: 95 % "
        "held, at most 5 % of equals that differ.",
        "",
        "| images | score | true | held, ours | held, percentiles | two equals differ, ours | percentiles |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for key, found in studies.items():
        about = CASES[key].about
        for score, true in found.population.items():
            shares = found.coverage(score)
            shares = (*shares, *found.rejected(score)) if score in found.differs else shares[:1]
            cells = " | ".join([f"{100 * share:.1f} %" for share in shares] + ["" for _ in range(4 - len(shares))])
            lines.append(f"| {about} | {score} | {true:.3f} | {cells} |")
            about = ""
    lines += [
        "",
        "Shares of all-or-nothing scores, such as a precision near 1, are held too often: their interval is exact "
        "where no image differs. Two things are held too seldom. A mean over classes, one of which only a few objects "
        "show (small objects of the rare class), because resamples without them say nothing of it. And the expected "
        "calibration error, a mean of distances that are never negative; the plain gap and the Brier score are held.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    studies = {key: study(case, samples=options.samples, resamples=options.resamples) for key, case in CASES.items()}
    text = report(studies, samples=options.samples, resamples=options.resamples)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
