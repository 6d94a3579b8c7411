"""Comparing models."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from yolo_tl.api.scores import predictions_of
from yolo_tl.errors import DataNotFound, UsageError
from yolo_tl.evaluation import Predictions
from yolo_tl.evaluation.clusters import cluster_labels
from yolo_tl.evaluation.comparison import Comparison
from yolo_tl.evaluation.comparison import compare as compare_two
from yolo_tl.evaluation.predictions import SUFFIX
from yolo_tl.evaluation.standing import Standing, standings
from yolo_tl.files import PathLike, staged_folder, stamped, write_bytes, write_json

Recipe = PathLike | Sequence[PathLike]
RESULT = "comparison.json"
PREDICTIONS = "predictions.npz"  # of a run folder


@dataclass(frozen=True, eq=False)
class ComparisonReport:
    """The first recipe against every other.

    Attributes:
        comparisons: of the first with each other, in the order they were given.
        ranking: all recipes, best first.
        predictions: of each run of each recipe, in the order they were given.
        pictures: of flipped images, for each comparison; empty without an output folder.
    """

    comparisons: tuple[Comparison, ...]
    ranking: tuple[Standing, ...]
    predictions: tuple[tuple[Predictions, ...], ...]
    pictures: tuple[tuple[Path, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; predictions are left out."""
        content = {
            "ranking": [asdict(standing) for standing in self.ranking],
            "comparisons": [
                {**comparison.to_json(), "pictures": [str(path) for path in pictures]}
                for comparison, pictures in zip(self.comparisons, self.pictures, strict=True)
            ],
        }
        return stamped(RESULT, content)


def compare(
    models: Sequence[Recipe],
    data: PathLike,
    *,
    split: str = "val",
    names: Sequence[str] | None = None,
    out: PathLike | None = None,
    pictures: int = 24,
    confidence: float | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    imgsz: int | None = None,
    batch: int = 16,
    device: str = "auto",
    head: str = "auto",
    trust: bool = False,
    overwrite: bool = False,
) -> ComparisonReport:
    """Compare the first recipe with every other on the same images: paired bootstrap over images and seeds.

    Args:
        models: two or more recipes. One is a checkpoint, a run folder or kept predictions (``.npz``); or several of
            these, which are its training seeds: a list, text with commas between them, or a folder that holds runs.
        data: a ``data.yaml`` or the folder that holds it.
        split: ``val``, ``test`` or ``train``.
        names: of the recipes, for people; from their paths by default.
        out: folder for ``comparison.json`` and pictures of the flipped images.
        pictures: how many of each comparison, most changed first.
        confidence: above which a detection counts in the flips; where each model's mean F1 is largest by default.
        group_by: images that are resampled together, see `yolo_tl.data.groups.groups_of`; several ways are joined.
        near_duplicates: look for them, and resample them together.
        resamples: bootstrap resamples.
        seed: seed of the bootstrap.
        level: share of the resamples inside the intervals.
        imgsz: side of the square input, px; as trained by default.
        batch: images per forward pass.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        head: ``one-to-many``, ``nms-free``, or ``auto`` for the one each checkpoint was selected on.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: replace what the output folder holds.

    Raises:
        UsageError: fewer than two recipes, not as many names, or an output folder that holds files.
        DataError: predictions of other images, truths or classes, or one run twice.
    """
    if len(models) < 2:
        raise UsageError(f"expected two models or more to compare, found {len(models)}")
    runs = [members(model) for model in models]
    called = list(names or _names(models))
    if len(called) != len(models) or len(set(called)) < len(called):
        raise UsageError(f"expected a name of its own for each of the {len(models)} models, found {called}")
    asked: dict[str, Any] = {"imgsz": imgsz, "batch": batch, "device": device, "head": head, "trust": trust}
    found = tuple(tuple(predictions_of(run, data, split=split, **asked) for run in group) for group in runs)
    images = [result.image for result in found[0][0].results]
    groups = cluster_labels(images, group_by=group_by, near_duplicates=near_duplicates)
    comparisons = tuple(
        compare_two(
            found[0],
            other,
            resamples=resamples,
            seed=seed,
            level=level,
            groups=groups if any(groups) else None,
            confidence=confidence,
            called=(called[0], name),
        )
        for other, name in zip(found[1:], called[1:], strict=True)
    )
    report = ComparisonReport(comparisons, standings(comparisons), found, ((),) * len(comparisons))
    return report if out is None else _written(report, Path(out), pictures, overwrite=overwrite)


def members(model: Recipe) -> list[PathLike]:
    """The runs of a recipe: its training seeds, in natural order where a folder holds them.

    Raises:
        DataNotFound: a folder without runs.
        UsageError: an empty list.
    """
    parts = _listed(model)
    if len(parts) > 1:
        return [run for part in parts for run in members(part)]
    path = Path(parts[0])
    if not path.is_dir() or (path / "run.yaml").is_file():
        return parts
    found = [folder for folder in path.iterdir() if (folder / "run.yaml").is_file()]
    if not found:
        raise DataNotFound(
            f"{path}: expected a run folder, or one that holds runs, found no run.yaml in it",
            hint="give checkpoints, run folders, or kept predictions (.npz)",
        )
    return [*sorted(found, key=_natural)]


def _listed(model: Recipe) -> list[PathLike]:
    """The paths that a recipe is given as."""
    if not isinstance(model, str | os.PathLike):
        if not model:
            raise UsageError("expected one model or more for each recipe, found a recipe without a model")
        return list(model)
    if not Path(model).exists() and "," in str(model):
        return [part.strip() for part in str(model).split(",")]
    return [model]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts ``seed10`` after ``seed9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _names(models: Sequence[Recipe]) -> list[str]:
    """For each recipe the shortest end of its path that no other has; the whole of it where none is."""
    listed = [_listed(model) for model in models]
    texts = [",".join(map(str, paths)) for paths in listed]
    told = [[_telling(Path(os.path.normpath(path))).parts for path in paths] for paths in listed]
    parts = [_shared(runs) for runs in told]
    parts = [runs[0] if parts.count(own) > 1 else own for own, runs in zip(parts, told, strict=True)]
    names = []
    for own, text in zip(parts, texts, strict=True):
        ends = (own[-count:] for count in range(1, len(own) + 1))
        telling = (end for end in ends if sum(other[-len(end) :] == end for other in parts) == 1)
        names.append("/".join(next(telling, (text,))))
    return names


def _shared(runs: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The folder that the runs of one recipe share; the first where they share none."""
    shared = tuple(part for part, *_ in takewhile(lambda parts: len(set(parts)) == 1, zip(*runs, strict=False)))
    return shared or runs[0]


def _telling(path: Path) -> Path:
    """What says most about a model: the run rather than ``weights/best.pt`` or ``predictions.npz`` in it."""
    if path.name == PREDICTIONS:
        return path.parent
    bare = path.with_suffix("") if path.suffix in (".pt", SUFFIX) else path
    if path.parent.name == "weights":
        run = path.parent.parent
        return run if bare.name == "best" else run / bare.name
    return bare


def _written(report: ComparisonReport, out: Path, most: int, *, overwrite: bool) -> ComparisonReport:
    """The same, with its pictures and ``comparison.json`` in `out`."""
    from yolo_tl.data.pictures.panels import encoded
    from yolo_tl.evaluation.flip_picture import flip_picture

    with staged_folder(out, overwrite=overwrite) as stage:
        listed: list[tuple[Path, ...]] = []
        for number, (comparison, other) in enumerate(
            zip(report.comparisons, report.predictions[1:], strict=True), start=1
        ):
            a, b = report.predictions[0][comparison.shown[0]], other[comparison.shown[1]]
            of_a, of_b = ({result.image: result for result in run.results} for run in (a, b))
            drawn = []
            for place, flip in enumerate(comparison.flips[:most], start=1):
                name = f"flips-{number}/{place:02d}-{Path(flip.image).stem}.jpg"
                shown = flip_picture(
                    flip,
                    of_a[flip.image],
                    of_b[flip.image],
                    a.names,
                    thresholds=comparison.thresholds,
                    called=(comparison.a, comparison.b),
                )
                write_bytes(stage / name, encoded(shown))
                drawn.append(out / name)
            listed.append(tuple(drawn))
        report = replace(report, pictures=tuple(listed))
        write_json(stage / RESULT, report.to_json())
    return report
