"""What is kept of a finished run: one JSON line, enough to compare it with any other image by image.

The paired bootstrap draws the same images for two models and takes the difference of their scores
(`yolo_tl.evaluation.paired`). Which images are drawn depends on their number and a seed alone, so the scores
of one model in every draw can be kept, 2 bytes each, and subtracted later: no predictions need to be stored,
and the tables are made from the results file alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from json_lines import JsonLines
from numpy.typing import NDArray

from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation import evaluate as score
from yolo_tl.evaluation.bootstrap import resample, scores
from yolo_tl.evaluation.ranking import rank

RESAMPLES = 1000
_UNIT, _NONE = 65_534, 65_535  # what 1.0 and a draw without any object are stored as


class Scores(msgspec.Struct, frozen=True):
    """One checkpoint on one split.

    Attributes:
        map50_95: mean average precision over IoU 0.5 to 0.95.
        map50: mean average precision at IoU 0.5.
        images: digest of the images and their objects; only equal ones can be compared.
        draws: `map50_95` of each resample, as 16-bit shares.
    """

    map50_95: float
    map50: float
    images: str
    draws: bytes

    @classmethod
    def of(cls, results: Sequence[ImageResult], names: Sequence[str]) -> Scores:
        """Score predictions on a split, given in the order of its images."""
        metrics = score(results, names)
        weights = resample(len(results), resamples=RESAMPLES, seed=0)
        drawn = scores(rank(results, names), weights)[0]
        stored = np.where(np.isnan(drawn), _NONE, np.nan_to_num(drawn).clip(0, 1) * _UNIT).round().astype("<u2")
        return cls(metrics.map50_95, metrics.map50, _digest(results), stored.tobytes())

    def resampled(self) -> NDArray[np.float64]:
        """`map50_95` (B,) of each resample; NaN where no object was drawn."""
        stored = np.frombuffer(self.draws, "<u2")
        shares: NDArray[np.float64] = np.where(stored == _NONE, np.nan, stored / _UNIT)
        return shares


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finished training.

    Attributes:
        data: name of the data set, that of its folder.
        fingerprint: of the content of the data set, the first digits.
        weights: name of the checkpoint it started from.
        name: the contestant.
        seed: of the training, and of the labelled images.
        config: every configuration value that differs from the defaults, seed apart.
        images: number of training images.
        labels: their names, where they are not all of train.
        epochs: epochs trained.
        steps: optimizer steps planned; None for `yolo train`, which does not say.
        cpu: processor seconds of training and the validations within.
        scores: by split, or by corruption of val.
        versions: of the packages that decide a result.
    """

    data: str
    fingerprint: str
    weights: str
    name: str
    seed: int
    config: dict[str, Any]
    images: int
    epochs: int
    steps: int | None
    cpu: float
    scores: dict[str, Scores]
    versions: dict[str, str]
    labels: list[str] = []

    @property
    def setting(self) -> tuple[Any, ...]:
        """What runs must have in common to stand in one table."""
        return self.fingerprint, self.weights, self.config["imgsz"]


class Results(JsonLines[Run]):
    """The results file, and what it holds."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, Run)

    def has(self, *, data: str, fingerprint: str, weights: str, name: str, seed: int, config: dict[str, Any]) -> bool:
        """Whether this very run was finished before."""
        wanted = (data, fingerprint, weights, name, seed, config)
        return any((r.data, r.fingerprint, r.weights, r.name, r.seed, r.config) == wanted for r in self.all)

    def datasets(self) -> list[str]:
        """Names of the data sets, in the order of their first run."""
        return list(dict.fromkeys(run.data for run in self.all))

    def of(self, data: str) -> dict[str, dict[int, Run]]:
        """The runs of a data set by contestant and seed.

        A contestant whose settings were changed, such as its epochs, counts with the newest ones alone.
        """
        runs = [run for run in self.all if run.data == data]
        runs = [run for run in runs if run.setting == runs[-1].setting]
        newest = {run.name: run.config for run in runs}
        found: dict[str, dict[int, Run]] = {}
        for run in runs:
            if run.config == newest[run.name]:
                found.setdefault(run.name, {})[run.seed] = run
        return found


def _digest(results: Sequence[ImageResult]) -> str:
    """What was scored: name and classes of every image, in order."""
    said = [f"{Path(r.image).stem}:{np.sort(r.truth_class).tolist()}" for r in results]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]
