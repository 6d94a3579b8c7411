"""Whether labels can be learnt at all: a few training images, learnt by heart.

A network that cannot repeat four images, seen hundreds of times and never augmented, will learn nothing from four
thousand like them. The fault is then in labels, image size, weights or rates, and it shows in a minute instead of
a day. The converse does not hold: a network learns wrong labels by heart, too (Zhang et al. 2017,
arXiv 1611.03530), often as soon. So what it learnt is tried on other training images. Of right labels
something is found there even after four images (mAP50 0.7 to 1 on generated shapes and BCCD, 0.12 on DeepPCB), of
labels that were exchanged between images next to nothing (0.01).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix, xywh_to_xyxy
from yolo_tl.config import AugmentConfig, save
from yolo_tl.data.checking import check
from yolo_tl.data.checks.finding import Finding, Severity
from yolo_tl.data.dataset import Dataset, Split, read_dataset
from yolo_tl.data.pictures.panels import Panel, encoded, panels
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.data.records import Annotation
from yolo_tl.errors import ConfigError, DataError
from yolo_tl.evaluation import ImageResult, evaluate
from yolo_tl.files import link_or_copy, write_bytes
from yolo_tl.transfer.advice import SMALL_PX
from yolo_tl.transfer.progress import EpochReport, Silent

LEARNT = 0.95  # mAP50
IMAGES = 4
STEPS = 300
PICTURE = "worst.jpg"

_ROUNDS = 10  # times each image is in an epoch: the steps between two looks at the score
_CONFIDENCE = 0.25  # of a detection that counts, as in prediction
_FLAT = 4.0  # grey levels of deviation under which nothing can be seen
_OTHERS = 32  # images that what was learnt is tried on
_NOTHING = 0.03  # mAP50 on them that wrong labels reach, too
_CHECKS = ("boxes", "images", "labels")
_SIZE = 640, 640  # of each half of the picture


@dataclass(frozen=True)
class Missed:
    """A labelled object that was not learnt.

    Attributes:
        image: path of the image.
        name: its class.
        box: x1, y1, x2, y2 in px of the image.
        cause: what speaks for why, or that nothing does.
    """

    image: str
    name: str
    box: tuple[float, ...]
    cause: str


@dataclass(frozen=True)
class OverfitReport:
    """Whether a few images could be learnt by heart.

    Attributes:
        learnt: mAP50 reached `LEARNT`.
        steps: optimizer steps taken.
        map50: mAP50 on these images.
        images: their paths, in the order they were chosen.
        boxes: labelled objects in them.
        uncovered: classes with objects in train of which none is in these images.
        missed: objects that were not learnt.
        extra: detections where nothing, or something else, is labelled.
        findings: what the checks say of these images, if they were not learnt.
        picture: the image with most missed objects, truth beside prediction.
        elsewhere: mAP50, of the classes that these images show, on other training images; None if these were
            not learnt, or there are no others.
    """

    learnt: bool
    steps: int
    map50: float
    images: tuple[str, ...]
    boxes: int
    uncovered: tuple[str, ...]
    missed: tuple[Missed, ...] = ()
    extra: int = 0
    findings: tuple[Finding, ...] = ()
    picture: Path | None = None
    elsewhere: float | None = None

    @property
    def passed(self) -> bool:
        """The images were learnt, and what was learnt is true of others, too."""
        return self.learnt and (self.elsewhere is None or self.elsewhere >= _NOTHING)

    def to_json(self) -> dict[str, Any]:
        """The fields, and whether it passed, as plain JSON values."""
        plain = {"passed": self.passed, **asdict(self)}
        plain["findings"] = [finding.to_json() for finding in self.findings]
        plain["picture"] = None if self.picture is None else str(self.picture)
        return plain


class _Learnt(Exception):
    """Ends the training from within its report of an epoch: nothing is left to learn."""


class _Progress(Silent):
    """Keeps the latest score, and ends the run where it is high enough."""

    steps, map50 = 0, 0.0

    def epoch(self, report: EpochReport) -> None:
        """Raises `_Learnt`."""
        self.steps = report.epoch * _ROUNDS
        if report.map50 is not None:
            self.map50 = report.map50
        if self.map50 >= LEARNT:
            raise _Learnt


def overfit_check(
    data: Path | str,
    weights: str,
    *,
    train: Callable[..., Any],
    images: int = IMAGES,
    steps: int = STEPS,
    overrides: Mapping[str, Any] | None = None,
    out: Path | None = None,
    trust: bool = False,
) -> OverfitReport:
    """Train on a few training images until they are known by heart, or `steps` are over.

    Args:
        data: a data.yaml or the folder that holds it; it is not modified.
        weights: a checkpoint's path or name, or an architecture YAML.
        train: `yolo_tl.api.train`.
        images: how many, chosen so that they show every class, rare classes most.
        steps: the most optimizer steps, each on all of the images.
        overrides: dotted configuration keys to values, such as ``imgsz``.
        out: folder for a picture of the image that was learnt worst.
        trust: load a checkpoint that asks for foreign classes.

    Raises:
        ConfigError: fewer than one image or step is asked for.
        DataError: no training image has an object, or a label row is bad.
        WriteError: the picture could not be written.
    """
    if images < 1 or steps < 1:
        raise ConfigError(f"expected one image and step or more, found {images} and {steps}")
    dataset = read_dataset(data)
    pool = dataset.split("train")
    chosen = choose(pool, images)
    if not chosen:
        raise DataError(f"{dataset.data}: expected a labelled object in train, found none", hint="yolo-tl check")
    progress = _Progress()
    with TemporaryDirectory(prefix="yolo_tl-overfit-") as name:
        folder = Path(name).resolve()
        _write(folder, dataset, chosen)
        run = folder / "run"
        options = {**_arguments(len(chosen), steps), **(overrides or {})}
        weights_kept = run / "weights" / "last.pt"
        try:
            train(folder, weights, out=run, preset=None, overrides=options, trust=trust, listener=progress)
        except _Learnt:
            weights_kept = run / "weights" / "best.pt"
        detector = _detector(weights_kept, options)
        results = [_look(detector, pool, i) for i in chosen]
        # Validation shifts images by half a stride, which is a little harder than what was learnt.
        map50 = max(progress.map50, evaluate(results, dataset.names).map50)
        learnt = map50 >= LEARNT
        evidence: dict[str, Any] = {}
        if learnt:
            evidence["elsewhere"] = _elsewhere(detector, dataset, chosen)
        else:
            evidence = _explain(results, folder, dataset, detector.imgsz[0], out)
    shown = np.isin(pool.image_index, chosen)
    absent = set(pool.class_ids.tolist()) - set(pool.class_ids[shown].tolist())
    return OverfitReport(
        learnt=learnt,
        steps=progress.steps,
        map50=map50,
        images=tuple(str(pool.images[i]) for i in chosen),
        boxes=int(shown.sum()),
        uncovered=tuple(dataset.names[i] for i in sorted(absent)),
        **evidence,
    )


def choose(split: Split, count: int) -> list[int]:
    """Indices of `count` labelled images, fewer where there are no more: a greedy cover of the classes.

    Each time the image is taken that shows most of the classes not shown yet, then the one with most objects,
    an object counting the more the rarer its class is; the first by path where several are equal.
    """
    table = np.zeros((len(split), split.class_count), np.int64)
    np.add.at(table, (split.image_index, split.class_ids), 1)
    rarity = 1 / np.maximum(table.sum(0), 1)
    left = [i for i in range(len(split)) if table[i].any()]
    chosen: list[int] = []
    while left and len(chosen) < count:
        open_classes = ~table[chosen].any(0)
        best = max(left, key=lambda i: (float(rarity[(table[i] > 0) & open_classes].sum()), float(table[i] @ rarity)))
        chosen.append(best)
        left.remove(best)
    return chosen


def _write(folder: Path, dataset: Dataset, chosen: Sequence[int]) -> None:
    """A data set of the images, linked: val holds each once, train `_ROUNDS` times, so that an epoch is worth a look.

    ``once.yaml`` beside it names those of val only, for the checks.
    """
    pool = dataset.split("train")
    for split, rounds in (("train", _ROUNDS), ("val", 1)):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for number, i in enumerate(chosen):
            image, label = pool.images[i], pool.labels[i]
            for turn in range(rounds):
                stem = f"{number:03d}-{turn}-{image.stem}"
                link_or_copy(image, folder / "images" / split / f"{stem}{image.suffix}", "symlink")
                link_or_copy(label, folder / "labels" / split / f"{stem}.txt", "copy")
    names = dict(enumerate(dataset.names))
    save(folder / "data.yaml", {"train": "images/train", "val": "images/val", "names": names})
    save(folder / "once.yaml", {"train": "images/val", "names": names})


def _arguments(images: int, steps: int) -> dict[str, Any]:
    """Configuration of a run that learns by heart: all images in each step, no augmentation, a short average."""
    still = {f"augment.{f.name}": 0.0 for f in fields(AugmentConfig) if not isinstance(f.default, str)}
    epochs = math.ceil(steps / _ROUNDS)
    return {
        **still,
        "epochs": epochs,
        "patience": epochs,
        "val_every": 1,
        "batch": images,
        "nbs": images,
        "optimizer": "AdamW",
        "lr": 0.003,
        "lr_final": 0.1,
        "warmup": min(2.0, epochs / 10),
        "ema_window": 1.0,
    }


def _detector(weights: Path, options: Mapping[str, Any]) -> Any:
    from yolo_tl.engine.detector import CheckpointDetector

    return CheckpointDetector(weights, device=str(options.get("device", "auto")).partition(",")[0])


def _look(detector: Any, split: Split, i: int) -> ImageResult:
    """Detections, down to the weakest, and truth of one image, in px of it."""
    pixels = read_pixels(split.images[i])
    mine = split.image_index == i
    truth = xywh_to_xyxy(split.boxes[mine]) * ([pixels.shape[1], pixels.shape[0]] * 2)
    found = detector(pixels, confidence=0.001)
    return ImageResult(str(split.images[i]), found, truth.astype(np.float32), split.class_ids[mine])


def _elsewhere(detector: Any, dataset: Dataset, chosen: Sequence[int]) -> float | None:
    """mAP50, of the classes that were learnt, on other training images that show one of them, evenly drawn."""
    pool = dataset.split("train")
    classes = np.unique(pool.class_ids[np.isin(pool.image_index, chosen)])
    others = np.setdiff1d(pool.image_index[np.isin(pool.class_ids, classes)], chosen)
    if not len(others):
        return None
    drawn = others[np.linspace(0, len(others) - 1, min(_OTHERS, len(others))).round().astype(np.int64)].tolist()
    scores = evaluate([_look(detector, pool, i) for i in drawn], dataset.names)
    learnt = {dataset.names[number] for number in classes.tolist()}
    return fmean(score.ap50 for score in scores.per_class if score.name in learnt)


def _explain(
    results: Sequence[ImageResult], folder: Path, dataset: Dataset, imgsz: int, out: Path | None
) -> dict[str, Any]:
    """The fields of the report that say what was not learnt, and why it may be."""
    missed: list[Missed] = []
    extra, worst = 0, -1
    for full in results:
        pixels = read_pixels(Path(full.image))
        result = replace(full, detections=full.detections[full.detections.confidence >= _CONFIDENCE])
        learnt, used = _claims(result)
        causes = _causes(result, pixels, imgsz=imgsz, names=dataset.names)
        lost = np.flatnonzero(~learnt).tolist()
        for k in lost:
            box = tuple(result.truth_xyxy[k].round(1).tolist())
            missed.append(Missed(result.image, dataset.names[result.truth_class[k]], box, causes[k]))
        extra += int((~used).sum())
        if len(lost) > worst:
            worst, picture = len(lost), _picture(result, pixels, dataset.names)
    if out is not None:
        write_bytes(out / PICTURE, encoded(picture))
    looked = check(folder / "once.yaml", only=_CHECKS, imgsz=imgsz)
    severe = [f for f in looked.findings if f.severity is not Severity.INFO or f.id == "images.near_duplicate"]
    return {
        "missed": tuple(missed),
        "extra": extra,
        "findings": tuple(severe),
        "picture": None if out is None else out / PICTURE,
    }


def _claims(result: ImageResult) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(M,) truths that were found and (N,) detections that found one, matched as `evaluation.match` does at IoU 0.5."""
    found = result.detections
    overlap = iou_matrix(result.truth_xyxy, found.xyxy) * (result.truth_class[:, None] == found.class_id)
    learnt, used = np.zeros(len(result.truth_class), np.bool_), np.zeros(len(found), np.bool_)
    for detection in np.argsort(-found.confidence, kind="stable"):
        available = np.where(learnt, 0, overlap[:, detection])
        if available.size and available.max() >= 0.5:
            learnt[available.argmax()] = used[detection] = True
    return learnt, used


def _causes(result: ImageResult, pixels: Image, *, imgsz: int, names: Sequence[str]) -> list[str]:
    """For each truth the likeliest reason for which it would not be learnt."""
    boxes, classes, found = result.truth_xyxy, result.truth_class, result.detections
    scale = imgsz / max(pixels.shape[:2])
    twins = iou_matrix(boxes, boxes) * ~np.eye(len(boxes), dtype=np.bool_)
    taken = iou_matrix(boxes, found.xyxy)
    causes = []
    for k, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        side = min(x2 - x1, y2 - y1) * scale
        inside = pixels[max(0, math.floor(y1)) : math.ceil(y2), max(0, math.floor(x1)) : math.ceil(x2)]
        near = taken[k] * (found.class_id != classes[k]) if len(found) else np.zeros(1)
        if side < SMALL_PX:
            causes.append(f"{side:.1f} px at imgsz {imgsz}, under {SMALL_PX}: raise imgsz, or cut tiles")
        elif twins[k].max(initial=0) > 0.9:
            other = names[classes[twins[k].argmax()]]
            causes.append(f"lies on a box of {other!r}, IoU {twins[k].max():.2f}: one object labelled twice")
        elif not inside.size or inside.reshape(-1, 3).std(0).max() < _FLAT:
            causes.append("a single shade: nothing can be seen there")
        elif near.max() >= 0.5:
            seen = int(near.argmax())
            causes.append(f"found as {names[found.class_id[seen]]!r}, {found.confidence[seen]:.2f}: the wrong class?")
        else:
            causes.append("nothing was found there: wrong place, or of another image?")
    return causes


def _picture(result: ImageResult, pixels: Image, names: Sequence[str]) -> Image:
    """Truth on the left, prediction on the right."""
    found = result.detections
    shown = [
        Panel("truth", _objects(pixels, result.truth_xyxy, result.truth_class, names)),
        Panel(f"prediction, confidence {_CONFIDENCE:g} or more", _objects(pixels, found.xyxy, found.class_id, names)),
    ]
    return panels(pixels, shown, names, size=_SIZE)


def _objects(
    pixels: Image, xyxy: NDArray[np.float32], class_id: NDArray[np.int64], names: Sequence[str]
) -> list[Annotation]:
    height, width = pixels.shape[:2]
    shares = (xyxy / np.array([width, height] * 2)).tolist()
    return [Annotation(names[number], tuple(box), "") for box, number in zip(shares, class_id, strict=True)]
