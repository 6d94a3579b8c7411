"""Scores and differences over several seeds, with the interval that the choice of images leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finetuning.results import Run, Scores
from yolo_tl.evaluation.bootstrap import interval

Seeds = Mapping[int, Run]  # the runs of a contestant by seed
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        value: of the images as they are.
        low, high: its interval over other images of the same kind; it does not speak of other seeds.
        by_seed: the value of each seed.
    """

    value: float
    low: float
    high: float
    by_seed: Mapping[int, float]

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is."""
        return self.low > 0


def score(runs: Seeds, splits: Sequence[str] = ("val",)) -> Estimate | None:
    """mAP50-95 as the mean over seeds and `splits`; None where a run has none of them."""
    chosen = {seed: run for seed, run in runs.items() if all(split in run.scores for split in splits)}
    if not chosen:
        return None
    parts = {seed: [run.scores[split] for split in splits] for seed, run in chosen.items()}
    return _estimate({seed: (_value(own), _draws(own)) for seed, own in parts.items()})


def difference(a: Seeds, b: Seeds, splits: Sequence[str] = ("val",)) -> Estimate | None:
    """mAP50-95 of `a` minus that of `b`, seed by seed on the same images; None without a common seed.

    Raises:
        ValueError: the two were scored on different images.
    """
    pairs = {}
    for seed in common(a, b)[0]:
        if not all(split in run.scores for split in splits for run in (a[seed], b[seed])):
            continue
        ours, theirs = ([run.scores[split] for split in splits] for run in (a[seed], b[seed]))
        if [s.images for s in ours] != [s.images for s in theirs]:
            raise ValueError(f"{a[seed].name} and {b[seed].name}, seed {seed}: expected scores of the same images")
        pairs[seed] = (_value(ours) - _value(theirs), _draws(ours) - _draws(theirs))
    return _estimate(pairs) if pairs else None


def common(a: Seeds, b: Seeds) -> tuple[Seeds, Seeds]:
    """Both, with the seeds that both have."""
    seeds = sorted(a.keys() & b.keys())
    return {seed: a[seed] for seed in seeds}, {seed: b[seed] for seed in seeds}


def cpu(runs: Seeds) -> float:
    """Mean processor seconds over seeds."""
    return float(np.mean([run.cpu for run in runs.values()]))


def _value(parts: Sequence[Scores]) -> float:
    return float(np.mean([part.map50_95 for part in parts]))


def _draws(parts: Sequence[Scores]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean([part.resampled() for part in parts], axis=0)
    return mean


def _estimate(seeds: Mapping[int, tuple[float, NDArray[np.float64]]]) -> Estimate:
    values = {seed: value for seed, (value, _) in seeds.items()}
    inside = interval(np.mean([draws for _, draws in seeds.values()], axis=0), level=LEVEL)
    return Estimate(float(np.mean(list(values.values()))), inside.low, inside.high, values)
