"""Scores over the number of training images, and what more of them would bring.

A recipe is trained on nested subsets of the training images: the 25 are among the 50, so a step from one size to the
next adds images and nothing else. Every run takes the same number of optimizer steps; with the same number of epochs
few images would mean few steps, and the curve would show how long was trained instead of on how much. So what a recipe
counts in epochs (its length, warm-up, the weight average, validations) is counted in steps here.

Subsets smaller than the whole are drawn several times, with another seed of training each time; of all images there is
one subset, and one run. Each run is scored on val with ``last.pt``, because ``best.pt`` was selected there
(see `yolo_tl.cross_validation`). How the curve goes on is the question of `yolo_tl.evaluation.power_law`.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.config import TrainConfig
from yolo_tl.cross_validation import held_out
from yolo_tl.data.dataset import Dataset, Split, read_dataset
from yolo_tl.data.fingerprint import file_fingerprint
from yolo_tl.data.subsets import nested_order, write_subset
from yolo_tl.data.targets import require_apart
from yolo_tl.engine.runs import kept_plan
from yolo_tl.errors import ConfigError
from yolo_tl.evaluation import Interval, Predictions
from yolo_tl.evaluation.bootstrap import Resampling, scores
from yolo_tl.evaluation.intervals import interval
from yolo_tl.evaluation.power_law import FEWEST, FittedCurve, MeanScore, MoreImages, fit_curve, score_draws
from yolo_tl.evaluation.power_law_svg import curve_svg
from yolo_tl.evaluation.ranking import rank
from yolo_tl.files import stamped, write_json, write_text
from yolo_tl.presets import resolve
from yolo_tl.run_series import finish_run, learnt_from, open_series, require_scorable, weights_digest
from yolo_tl.transfer.budget import budget
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.progress import Listener, Silent
from yolo_tl.transfer.repeats import repeat_factors
from yolo_tl.transfer.repeats import repeats as repeated

RESULT, PICTURE = "learning_curve.json", "curve.svg"
GAIN = 0.02  # 2 points of mAP50-95
REPEATS = 3
SHARES = (1 / 8, 1 / 4, 1 / 2, 1)

_MADE = rf"n\d+-seed\d+|data|scores|{RESULT}|{PICTURE}"
_RESAMPLES = 1000
_LEVEL = 0.95
_PINNED = ("batch", "nbs", "optimizer", "lr", "momentum")  # as planned for all images
_IN_EPOCHS = ("warmup", "ema_window", "val_every")


@dataclass(frozen=True)
class CurvePoint:
    """One run.

    Attributes:
        images: training images.
        seed: of the choice of images and of training.
        score: mAP50-95 of ``last.pt`` on val.
        interval: 95 % bootstrap interval over the val images.
        steps: optimizer steps.
        cpu_seconds: processor time of training and its validations.
        run: its folder.
    """

    images: int
    seed: int
    score: float
    interval: Interval
    steps: int
    cpu_seconds: float
    run: Path


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Scores over the number of training images.

    Attributes:
        points: every run, by size and seed.
        sizes: the mean of each size, with an interval over val images and, where several runs tell, over subsets.
        fit: the power law through them; None with fewer than three sizes.
        more: how many more images raise the score; None without a fit.
        notes: what the curve does not say.
        picture: the curve as SVG.
    """

    points: tuple[CurvePoint, ...]
    sizes: tuple[MeanScore, ...]
    fit: FittedCurve | None
    more: MoreImages | None
    notes: tuple[str, ...]
    picture: Path

    @property
    def sentence(self) -> str:
        """How many more images are needed, or why that cannot be said."""
        if self.more is None:
            return f"no forecast: {len(self.sizes)} sizes were measured, {FEWEST} or more are needed"
        return self.more.describe()

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all runs."""
        return sum(point.cpu_seconds for point in self.points)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        content = {
            "sentence": self.sentence,
            "more": self.more and self.more.to_json(),
            "fit": self.fit and self.fit.to_json(),
            "sizes": [asdict(size) for size in self.sizes],
            "points": [{**asdict(point), "run": str(point.run)} for point in self.points],
            "weights": "last.pt",
            "cpu_seconds": round(self.cpu_seconds, 2),
            "notes": list(self.notes),
            "picture": str(self.picture),
        }
        return stamped(RESULT, content)


@dataclass(frozen=True)
class _Recipe:
    """What all runs have in common.

    Attributes:
        decided: every configuration key with its value, as planned for all training images.
        shown: images in an epoch of those.
        steps: optimizer steps of every run, as near as whole epochs come to it.
    """

    decided: Mapping[str, Any]
    shown: int
    steps: int

    @classmethod
    def of(cls, plan: TrainPlan) -> _Recipe:
        """The recipe of a plan for all training images."""
        decided = {key: decision.value for key, decision in plan.decisions.items()}
        return cls(decided, sum(plan.copies) if plan.copies else plan.data.images["train"], plan.budget.steps)

    def overrides(self, split: Split, chosen: NDArray[np.int64], *, seed: int) -> dict[str, Any]:
        """Configuration of a run on some of the images; what it counts in epochs is as many steps as on all of them."""
        epochs = self.decided["epochs"]
        if len(chosen) < len(split):
            epochs = self.epochs(self.steps, self._shown(split, chosen, seed=seed))
        longer = epochs / self.decided["epochs"]
        found = {key: self.decided[key] for key in _PINNED}
        found |= {key: self.decided[key] * longer for key in _IN_EPOCHS if self.decided[key] is not None}
        found["val_every"] = max(1, round(found["val_every"]))
        return {**found, "epochs": epochs, "patience": epochs, "seed": seed}

    def epochs(self, steps: int, images: int) -> int:
        """How many epochs on `images` come closest to `steps`."""
        batch, nbs = int(self.decided["batch"]), int(self.decided["nbs"])

        def taken(epochs: int) -> int:
            warmup = self.decided["warmup"] * epochs / self.decided["epochs"]
            return budget(images=images, batch=batch, nbs=nbs, epochs=epochs, warmup_epochs=warmup).steps

        most: int = math.ceil(steps * max(round(nbs / batch), 1) / math.ceil(images / batch)) + 1
        enough = bisect_left(range(1, most), steps, key=taken) + 1
        return min(range(max(1, enough - 1), enough + 1), key=lambda epochs: abs(taken(epochs) - steps))

    def _shown(self, split: Split, chosen: NDArray[np.int64], *, seed: int) -> int:
        """Images in an epoch of the chosen ones: rare classes may be repeated."""
        own = np.isin(split.image_index, chosen)
        factors = repeat_factors(
            split.class_ids[own],
            np.searchsorted(chosen, split.image_index[own]),
            images=len(chosen),
            classes=split.class_count,
            threshold=self.decided["repeat"],
        )
        return int(repeated(factors, seed=seed).sum())


def learning_curve(
    data: Path | str,
    weights: str,
    out: Path | str,
    *,
    train: Callable[..., Any],
    resume: Callable[..., Any],
    plan: Callable[..., TrainPlan],
    sizes: Sequence[int] | None = None,
    repeats: int = REPEATS,
    steps: int | None = None,
    gain: float = GAIN,
    preset: str | None = "small-data",
    config: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> LearningCurve:
    """Train a recipe on growing subsets of the training images, and say what more images would bring.

    Called again with the same request it goes on where it was: finished runs are not trained again. Sizes and
    repeats may then be others. The runs lie in ``n<images>-seed<seed>`` of `out`.

    Args:
        data: a data.yaml or the folder that holds it; it is not modified.
        weights: a checkpoint's path or name, or an architecture YAML.
        out: folder for the runs, ``learning_curve.json`` and ``curve.svg``; not inside the data set.
        train: `yolo_tl.api.train`.
        resume: `yolo_tl.api.resume`.
        plan: `yolo_tl.api.plan`.
        sizes: numbers of training images; an eighth, a quarter, half and all of them by default.
        repeats: runs of each size, each on other images; of all images there is one.
        steps: optimizer steps of every run; those that the recipe takes on all images by default.
        gain: the rise of mAP50-95 that is asked about.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest; ``seed`` is the first of the repeats.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: clear what `out` holds of a learning curve, and begin anew.
        listener: told of each run, and of sizes by notes.

    Raises:
        ConfigError: sizes, repeats, steps, gain or a configuration value does not make sense.
        DataError: the data set cannot be used, or its val split is too small to score on.
        TrainingInterrupted: Ctrl-C; the same call goes on.
        UsageError: `out` holds something else, or another learning curve.
    """
    out, told = Path(out).resolve(), listener or Silent()
    dataset = read_dataset(data)
    require_apart(out, [dataset.root])
    pool = dataset.split("train")
    given: dict[str, Any] = dict(overrides or {})
    resolved = resolve(TrainConfig, kind="train", preset=preset, file=config, overrides=given).config
    _require_sense(dataset, resolved, repeats=repeats, steps=steps, gain=gain)
    turns = _turns(_sizes(sizes, len(pool)), len(pool), repeats=repeats, seed=resolved.seed)
    common: dict[str, Any] = {"preset": preset, "config": config, "trust": trust}
    recipe = _Recipe.of(plan(dataset.data, weights, overrides=given, **common))
    if steps is not None:
        given |= {"epochs": recipe.epochs(steps, recipe.shown), **{key: recipe.decided[key] for key in _PINNED}}
        recipe = _Recipe.of(plan(dataset.data, weights, overrides=given, **common))
    asked = {
        "data": file_fingerprint(dataset),
        "weights": weights_digest(weights),
        **{key: value for key, value in learnt_from(resolved).items() if key not in ("epochs", "seed")},
        **{key: recipe.decided[key] for key in _PINNED},
        "steps": recipe.steps,
    }
    open_series(out, asked, what="a learning curve", made=_MADE, overwrite=overwrite)
    orders = {seed: nested_order(pool, seed=seed) for _, seed in turns}
    found: list[tuple[CurvePoint, NDArray[np.float64]]] = []
    for number, (images, seed) in enumerate(turns, start=1):
        name = f"n{images}-seed{seed}"
        run, subset = out / name, out / "data" / name
        chosen = np.sort(orders[seed][:images])
        options = {**given, **recipe.overrides(pool, chosen, seed=seed)}
        if not (subset / "data.yaml").is_file():
            write_subset(dataset, subset, [pool.images[i] for i in chosen])

        begin = partial(train, subset, weights, out=run, overrides=options, listener=listener, **common)
        go_on = partial(resume, run, trust=trust, listener=listener)
        title = f"run {number} of {len(turns)}, {images} images, seed {seed}"
        finish_run(run, title, train=begin, resume=go_on, listener=told)
        found.append(_score(run, subset, out / "scores" / f"{name}.npz", images, seed, trust=trust))
    notes = _notes(pool, dataset.names, orders, turns)
    result = _result(found, notes, gain=gain, picture=out / PICTURE)
    write_text(result.picture, curve_svg(result.sizes, result.fit, title=result.sentence))
    write_json(out / RESULT, result.to_json())
    return result


def _sizes(asked: Sequence[int] | None, images: int) -> list[int]:
    """Rising numbers of images.

    Raises:
        ConfigError: fewer than two, or a number that is not from 1 to `images`.
    """
    sizes = sorted({max(1, round(share * images)) for share in SHARES} if asked is None else set(asked))
    if sizes and not 1 <= sizes[0] <= sizes[-1] <= images:
        strange = sizes[-1] if sizes[-1] > images else sizes[0]
        raise ConfigError(f"sizes: expected numbers from 1 to the {images} training images, found {strange}")
    if len(sizes) < 2:
        raise ConfigError(
            f"sizes: expected two or more, {FEWEST} for a forecast, found {sizes}",
            hint="one size is a point, not a curve",
        )
    return sizes


def _turns(sizes: Sequence[int], images: int, *, repeats: int, seed: int) -> list[tuple[int, int]]:
    """Size and seed of each run, in the order they are made: the whole curve once, then again."""
    return [(n, seed + k) for k in range(repeats) for n in sizes if k == 0 or n < images]


def _require_sense(dataset: Dataset, config: TrainConfig, *, repeats: int, steps: int | None, gain: float) -> None:
    if repeats < 1 or (steps is not None and steps < 1) or not gain > 0:
        raise ConfigError(
            f"expected repeats and steps of 1 or more and a gain above 0, found {repeats}, {steps} and {gain:g}"
        )
    if any(type(stage.until) is int or stage.patience for stage in config.stages):
        raise ConfigError(
            "stages: expected each `until` as a share of the run, and no patience; epochs differ from size to size",
            hint="say until: 0.3 instead of an epoch",
        )
    require_scorable(dataset)


def _score(
    run: Path, subset: Path, kept: Path, images: int, seed: int, *, trust: bool
) -> tuple[CurvePoint, NDArray[np.float64]]:
    """A run with its score, and (B,) its scores on resampled images; the predictions are kept."""
    if kept.is_file():
        predictions = Predictions.read(kept)
    else:
        dataset = read_dataset(subset)
        results = held_out(run, dataset, trust=trust)
        model = str(run / "weights" / "last.pt")
        predictions = Predictions(tuple(results), dataset.names, "val", model=model, data=str(dataset.data))
        predictions.write(kept)
    drawn = Resampling.draw(len(predictions.results), resamples=_RESAMPLES, level=_LEVEL)
    found = scores(rank(predictions.results, predictions.names), drawn.weights)[0]
    inside = drawn.interval(found)
    assert inside is not None  # there are two images, and an object
    saved = json.loads((run / "metrics.json").read_text("utf-8"))
    steps = int(kept_plan(run)["budget"]["steps"])
    point = CurvePoint(images, seed, float(found[0]), inside, steps, float(saved["cpu_seconds"]), run)
    return point, found[1:]


def _result(
    found: Iterable[tuple[CurvePoint, NDArray[np.float64]]], notes: Sequence[str], *, gain: float, picture: Path
) -> LearningCurve:
    ordered = sorted(found, key=lambda one: (one[0].images, one[0].seed))
    points = tuple(point for point, _ in ordered)
    sizes = sorted({point.images for point in points})
    runs = [[(point.score, drawn) for point, drawn in ordered if point.images == n] for n in sizes]
    values = [np.array([score for score, _ in own]) for own in runs]
    drawn = score_draws(values, [np.stack([draw for _, draw in own]) for own in runs])
    means = tuple(
        MeanScore(n, float(own.mean()), interval(column, level=_LEVEL), len(own))
        for n, own, column in zip(sizes, values, drawn.T, strict=True)
    )
    if len(sizes) < FEWEST:
        return LearningCurve(points, means, None, None, tuple(notes), picture)
    fit = fit_curve(sizes, [mean.score for mean in means], drawn, level=_LEVEL)
    return LearningCurve(points, means, fit, fit.more_for(gain), tuple(notes), picture)


def _notes(
    pool: Split, names: Sequence[str], orders: Mapping[int, NDArray[np.int64]], turns: Sequence[tuple[int, int]]
) -> list[str]:
    """What the curve cannot know."""
    notes = []
    present = set(pool.class_ids.tolist())
    for images, seed in sorted(turns):
        shown = set(pool.class_ids[np.isin(pool.image_index, orders[seed][:images])].tolist())
        if lacking := sorted(present - shown):
            notes.append(f"the {images} images of seed {seed} do not show: {', '.join(names[i] for i in lacking)}")
    if len({seed for _, seed in turns}) == 1:
        notes.append("one run of each size: what other images or another seed would change is in no interval")
    return notes
