"""k-fold training: every labelled image is predicted by a network that never saw it, and all are scored together.

A val split of 40 images says little: its interval is wide. Folds of train and val give a prediction for each of
them, so the score rests on all images and its interval is narrower by about the root of the ratio.

Each fold is scored with ``last.pt``, the weights a run ends with. ``best.pt`` is the epoch that did best on the very
images it would be scored on, which reads too high (Cawley & Talbot 2010, JMLR 11:2079); its score is given beside
it, to see by how much. A run that stops early still looks at val to decide when.

Precision is ranked over the detections of all folds, so networks whose confidences mean different things score a
little lower together than on their own; the mean of the folds is given, too. Folds share training images, so their
spread is no standard error.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from yolo_tl.config import TrainConfig
from yolo_tl.data.dataset import Dataset, read_dataset
from yolo_tl.data.fingerprint import file_fingerprint
from yolo_tl.data.splitting import split
from yolo_tl.data.targets import require_apart
from yolo_tl.data.yolo.labelled import read_labelled
from yolo_tl.errors import YoloTLError
from yolo_tl.evaluation import ImageResult, Intervals, Metrics, Predictions, bootstrap, evaluate
from yolo_tl.evaluation.clusters import cluster_labels, count_units
from yolo_tl.files import stamped, write_json
from yolo_tl.presets import resolve
from yolo_tl.run_series import REQUEST, finish_run, learnt_from, open_series, weights_digest
from yolo_tl.transfer.progress import Listener, Silent

RESULT = "cross_validation.json"
KEPT = "predictions.npz"  # of all folds together

_DATA = "data"  # folder of the folds
_MADE = rf"fold\d+|{_DATA}|{RESULT}|{KEPT}"


@dataclass(frozen=True)
class Fold:
    """One fold.

    Attributes:
        run: its run folder.
        images: images it was validated on.
        instances: labelled objects in them.
        map50_95, map50: of ``last.pt`` on these images.
        selected: mAP50-95 of ``best.pt``, which was chosen on these images: optimistic.
        cpu_seconds: processor time of its training.
    """

    run: Path
    images: int
    instances: int
    map50_95: float
    map50: float
    selected: float
    cpu_seconds: float


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold scores of one recipe.

    Attributes:
        folds: each on its own.
        metrics: of the predictions of all folds together.
        intervals: 95 % bootstrap intervals over images; None with fewer than two images or no object.
        notes: decisions of the split.
    """

    folds: tuple[Fold, ...]
    metrics: Metrics
    intervals: Intervals | None
    notes: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Mean mAP50-95 of the folds."""
        return statistics.fmean(fold.map50_95 for fold in self.folds)

    @property
    def spread(self) -> float:
        """Standard deviation of the mAP50-95 of the folds."""
        return statistics.stdev(fold.map50_95 for fold in self.folds)

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``ci95`` is the interval of ``map50_95``."""
        ci95 = None if self.intervals is None else [self.intervals.map50_95.low, self.intervals.map50_95.high]
        content = {
            **self.metrics.to_json(),
            "ci95": ci95,
            "weights": "last.pt",
            "folds": [{**asdict(fold), "run": str(fold.run)} for fold in self.folds],
            "fold_mean": self.mean,
            "fold_spread": self.spread,
            "notes": list(self.notes),
        }
        return stamped(RESULT, content)


def cross_validate(
    data: Path | str,
    weights: str,
    out: Path | str,
    *,
    train: Callable[..., Any],
    resume: Callable[..., Any],
    folds: int = 5,
    preset: str | None = "small-data",
    config: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    seed: int = 0,
    trust: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> CrossValidation:
    """Train one run for each fold of train and val, and score their predictions together; test is left alone.

    Called again with the same request it goes on where it was: a fold that is finished is not trained again.
    The runs lie in ``fold1``, ``fold2``, … of `out`, their data in ``data``.

    Args:
        data: a data.yaml or the folder that holds it; it is not modified.
        weights: a checkpoint's path or name, or an architecture YAML.
        out: folder for the runs, the folds and ``cross_validation.json``; not inside the data set.
        train: `yolo_tl.api.train`.
        resume: `yolo_tl.api.resume`.
        folds: how many, 2 or more.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        group_by: what belongs together, see `yolo_tl.data.groups.groups_of`.
        near_duplicates: look for them and keep them in one fold.
        seed: decides between equally good folds.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: clear what `out` holds of a cross-validation, and begin anew.
        listener: told of each run, and of folds by notes.

    Raises:
        ConfigError: folds, group_by or a configuration value does not make sense.
        DataError: the data set cannot be used.
        TrainingInterrupted: Ctrl-C; the same call goes on.
        UsageError: `out` holds something else, or another cross-validation.
    """
    out, told = Path(out).resolve(), listener or Silent()
    labelled = read_labelled(data)
    require_apart(out, [labelled.yaml.root])
    resolved = resolve(TrainConfig, kind="train", preset=preset, file=config, overrides=overrides)
    asked = {
        "data": file_fingerprint(labelled),
        "weights": weights_digest(weights),
        "folds": folds,
        "group_by": list(group_by),
        "near_duplicates": near_duplicates,
        "fold_seed": seed,
        **learnt_from(resolved.config),
    }
    open_series(out, asked, what="a cross-validation", made=_MADE, overwrite=overwrite)
    if not (out / _DATA).exists():
        try:
            split(
                data,
                out / _DATA,
                folds=folds,
                group_by=group_by,
                near_duplicates=near_duplicates,
                keep=("test",) if "test" in labelled.yaml.images else (),
                seed=seed,
            )
        except YoloTLError:
            (out / REQUEST).unlink()  # another request may be made here
            raise
    done: list[Fold] = []
    pooled: list[ImageResult] = []
    for number in range(1, folds + 1):
        run, source = out / f"fold{number}", out / _DATA / f"fold_{number - 1}.yaml"
        options = {"preset": preset, "config": config, "overrides": overrides, "trust": trust, "listener": listener}
        finish_run(
            run,
            f"fold {number} of {folds}",
            train=partial(train, source, weights, out=run, **options),
            resume=partial(resume, run, trust=trust, listener=listener),
            listener=told,
        )
        dataset = read_dataset(source)
        results = held_out(run, dataset, trust=trust)
        done.append(_fold(run, results, dataset.names))
        pooled += results
    metrics = evaluate(pooled, labelled.names)
    groups = cluster_labels([result.image for result in pooled], group_by=group_by, near_duplicates=near_duplicates)
    measurable = metrics.instances and count_units(groups) > 1
    intervals = bootstrap(pooled, labelled.names, groups=groups) if measurable else None
    notes = json.loads((out / _DATA / "split.json").read_text("utf-8"))["notes"]
    result = CrossValidation(tuple(done), metrics, intervals, tuple(notes))
    Predictions(tuple(pooled), labelled.names, "folds", model=str(out), data=str(labelled.yaml.file)).write(out / KEPT)
    write_json(out / RESULT, result.to_json())
    return result


def held_out(run: Path, dataset: Dataset, *, trust: bool = False) -> list[ImageResult]:
    """What the last weights of a run say of the val images of `dataset`, in their order.

    Size, batch and head are those that the run was validated with.
    """
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.runs import kept_plan
    from yolo_tl.engine.validation import validate

    decided = {key: decision["value"] for key, decision in kept_plan(run)["decisions"].items()}
    return validate(
        load_checkpoint(run / "weights" / "last.pt", trust=trust),
        dataset=dataset,
        split="val",
        imgsz=decided["imgsz"],
        batch=2 * decided["batch"],
        device=str(decided["device"]).partition(",")[0],
        head=decided["head"],
    )


def _fold(run: Path, results: Sequence[ImageResult], names: Sequence[str]) -> Fold:
    saved = json.loads((run / "metrics.json").read_text("utf-8"))
    scores = evaluate(results, names)
    return Fold(
        run=run,
        images=scores.images,
        instances=scores.instances,
        map50_95=scores.map50_95,
        map50=scores.map50,
        selected=float(saved["map50_95"]),
        cpu_seconds=float(saved["cpu_seconds"]),
    )
