"""Which unlabelled images to label next.

Without a detector for the task: k-centre greedy over embeddings (Sener & Savarese 2018, arXiv 1708.00489). Each time
the image is taken that is farthest from all that are labelled or chosen, so that what is left out resembles something
that is in. It is a 2-approximation of the smallest radius around the labelled images that holds all others.

With a detector: how little it is sure of an image, times that distance. An image counts by the detections it is least
sure of, at most `TOP`: the sum of their binary entropies (1 bit at confidence 0.5, 0 at 0 and 1). Of the ways to sum up
an image, the sum did best in Brust et al. 2019 (VISAPP), because it prefers images with many objects; the limit keeps a
crowd of faint boxes from outvoting everything. On BCCD it goes with the mistakes in an image (rank correlation 0.62 and
0.66 for two detectors; the mean of all detections 0.15 and 0.57). An image in which nothing is found counts `UNSEEN` of
the most uncertain one, not 0: a detector that misses all of a new kind of object is sure, too.

That labelling such images first is worth it is likely, not certain: on detection the literature is mixed, and where it
helps it saves 10 to 30 % of the labels. A random choice is the baseline to beat.

Near-copies of labelled images, and of one another, are not chosen: they would teach nothing new, or leak into val.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections, clip_xyxy
from yolo_tl.data.duplicates import Embed, near_duplicates
from yolo_tl.data.formats.base import Output
from yolo_tl.data.image_size import image_size
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.pictures.pixels import read_pixels
from yolo_tl.data.placing import place_images, places
from yolo_tl.data.records import Annotation, ImageRecord, replace
from yolo_tl.data.targets import require_apart, require_replaceable
from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.data_yaml import load_data_yaml
from yolo_tl.data.yolo.write import write as write_yolo
from yolo_tl.errors import ConfigError, DataError, DataNotFound, UsageError
from yolo_tl.files import staged_folder, write_bytes
from yolo_tl.prediction import AnyDetector

Method = Literal["k-centre", "uncertainty"]
Vectors = NDArray[np.float32]

COUNT = 50
TOP = 20  # detections of an image
FAINT = 0.05  # confidence under which a detection says nothing
UNSEEN = 0.1  # of the highest uncertainty, at least
CONFIDENCE = 0.25  # of a box that is suggested to whoever labels
TABLE = "label_next.csv"

_ROWS = 1024  # of distances at a time


@dataclass(frozen=True)
class Choice:
    """An image to label.

    Attributes:
        rank: 1 for the first.
        image: its path.
        score: what it was chosen by: the distance, times the uncertainty where a detector was asked. Where nothing was
            labelled, the first has how typical it is for its distance.
        distance: to the nearest labelled or chosen image when it was chosen, 0 to 2; 0 for that first one.
        uncertainty: of the detector, 0 to `TOP` bits; None without one.
        found: detections it would show (`CONFIDENCE`); None without a detector.
        reason: for people.
    """

    rank: int
    image: Path
    score: float
    distance: float
    uncertainty: float | None
    found: int | None
    reason: str


@dataclass(frozen=True)
class Selection:
    """Images to label, the most useful first.

    Attributes:
        method: ``k-centre`` or ``uncertainty``.
        choices: in the order to label them.
        images: unlabelled images that were looked at.
        labelled: images that are labelled already, of all splits.
        copies: unlabelled images left out because a labelled one shows the same.
        twins: left out because a chosen one does.
        damaged: images that cannot be decoded; they are left out.
        radius_before: distance of the unlabelled image that is farthest from all labelled ones; None without those.
        radius: the same once the chosen ones are labelled.
    """

    method: Method
    choices: tuple[Choice, ...]
    images: int
    labelled: int
    copies: int
    twins: int
    damaged: tuple[Path, ...]
    radius_before: float | None
    radius: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **asdict(self),
            "choices": [{**asdict(choice), "image": str(choice.image)} for choice in self.choices],
            "damaged": [str(path) for path in self.damaged],
        }

    def to_csv(self) -> str:
        """A line for each image, in order, under a line of names."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["rank", "image", "score", "distance", "uncertainty", "found", "reason"])
        for c in self.choices:
            uncertainty = "" if c.uncertainty is None else f"{c.uncertainty:.4f}"
            found = "" if c.found is None else c.found
            rows.writerow([c.rank, c.image, f"{c.score:.4f}", f"{c.distance:.4f}", uncertainty, found, c.reason])
        return text.getvalue()


class _Pick(NamedTuple):
    """A candidate as it was chosen; `lone`: there was nothing yet to be distant from."""

    place: int
    distance: float
    score: float
    lone: bool


def label_next(
    images: Path | str,
    *,
    embed: Embed,
    detector: AnyDetector | None = None,
    data: Path | str | None = None,
    count: int = COUNT,
    method: Method | None = None,
    out: Path | None = None,
    copy_to: Path | None = None,
    suggest: bool = False,
    overwrite: bool = False,
) -> Selection:
    """Choose images to label, and write them down; the same request gives the same list.

    Args:
        images: folder of unlabelled images, searched with its subfolders; it is not modified.
        embed: makes (N, D) vectors of length 1 of image files, see `yolo_tl.engine.embedding.embedder`.
        detector: one that was trained for the task.
        data: what is labelled already: a data.yaml or its folder. Distances count from its training images, which are
            what a detector learns from; copies of the other splits are left out as well.
        count: how many images, fewer where there are no more.
        method: ``uncertainty`` where there is a detector, else ``k-centre``.
        out: file to write: a table where it ends in ``.csv``, else a path a line.
        copy_to: folder to make, with copies of the chosen images in ``images/train``, and the table.
        suggest: put the detections into ``labels/train`` there, as YOLO labels to correct, with a ``data.yaml``.
        overwrite: replace what `out` and `copy_to` are.

    Raises:
        ConfigError: the count is below 1, there is no such method, or it needs a detector.
        DataNotFound: the folder does not exist or holds no image.
        DataError: nothing is left to label.
        UsageError: an output cannot be used.
        WriteError: an output could not be written.
    """
    folder = Path(images)
    how = _method(method, detector, count)
    pool, labelled, trained = _files(folder, data)
    _require_outputs(folder, out, copy_to, suggest=suggest, detector=detector, overwrite=overwrite)
    files = [*pool, *labelled]
    vectors = embed(files)
    readable: NDArray[np.bool_] = np.any(vectors, axis=1)
    homes = near_duplicates(files, embed=lambda _: vectors).clusters()
    own = np.arange(len(pool))
    free = own[readable[: len(pool)] & ~np.isin(homes[: len(pool)], homes[len(pool) :])]
    damaged = tuple(pool[i] for i in own[~readable[: len(pool)]])
    if not len(free):
        raise DataError(
            f"{folder}: nothing to label: of {len(pool)} images {len(pool) - len(damaged)} show what is labelled "
            f"already, {len(damaged)} cannot be decoded",
            hint="point to images that are not in the data set",
        )
    candidates = [pool[i] for i in free]
    found = None
    if detector is not None and how == "uncertainty":
        found = [detector(read_pixels(path), confidence=FAINT) for path in candidates]
    weight = np.ones(len(free))
    if found is not None:
        weight = _weights(np.array([uncertainty(one.confidence) for one in found]))
    centres = np.concatenate([np.zeros(len(pool), np.bool_), trained]) & readable
    before = distances(vectors[free], vectors[centres])
    picks, after = _greedy(vectors[free], before, homes[free], weight, count)
    choices = tuple(
        _choice(rank, candidates[pick.place], pick, None if found is None else found[pick.place])
        for rank, pick in enumerate(picks, start=1)
    )
    shown = np.isin(homes[free], homes[free][[pick.place for pick in picks]])
    selection = Selection(
        method=how,
        choices=choices,
        images=len(pool),
        labelled=len(labelled),
        copies=len(pool) - len(damaged) - len(free),
        twins=int(shown.sum()) - len(choices),
        damaged=damaged,
        radius_before=float(before.max()) if centres.any() else None,
        radius=float(after.max()),
    )
    if copy_to is not None:
        _write_folder(copy_to, selection, detector if suggest else None, overwrite=overwrite)
    if out is not None:
        _write_list(out, selection)
    return selection


def uncertainty(confidence: NDArray[np.float32]) -> float:
    """How little a detector is sure of an image, 0 to `TOP` bits, from its confidences (N,); see the module.

    >>> uncertainty(np.float32([0.5] * 30)), round(uncertainty(np.float32([0.9, 0.99])), 2)
    (20.0, 0.55)
    """
    p = np.clip(confidence.astype(np.float64), 1e-9, 1 - 1e-9)
    bits = np.sort(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))[::-1]
    return float(bits[:TOP].sum())


def distances(vectors: Vectors, centres: Vectors) -> NDArray[np.float64]:
    """(N,) Euclidean distance of each vector (N, D) to the nearest of `centres` (M, D), all of length 1.

    It is infinite where there is no centre.

    >>> distances(np.eye(2, dtype=np.float32), np.float32([[1, 0]])).round(3).tolist()
    [0.0, 1.414]
    """
    nearest = np.full(len(vectors), -np.inf)
    for start in range(0, len(centres), _ROWS):
        np.maximum(nearest, (vectors @ centres[start : start + _ROWS].T).max(1), out=nearest)
    result: NDArray[np.float64] = np.sqrt(np.maximum(2 - 2 * nearest, 0))
    return result


def _files(folder: Path, data: Path | str | None) -> tuple[list[Path], list[Path], NDArray[np.bool_]]:
    """The unlabelled images, the labelled ones, and which of these are trained on."""
    if folder.is_file():
        raise DataNotFound(f"{folder}: expected a folder of images, found a file")
    pool = list(Tree(folder).images)
    if not pool:
        raise DataNotFound(f"{folder}: expected images, found none", hint="name the folder that holds them")
    splits = {} if data is None else load_data_yaml(data).images
    labelled = [path for paths in splits.values() for path in paths]
    trained = np.array([name == "train" for name, paths in splits.items() for _ in paths], np.bool_)
    return pool, labelled, trained


def _method(asked: Method | None, detector: AnyDetector | None, count: int) -> Method:
    if count < 1:
        raise ConfigError(f"count: expected 1 or more, found {count}")
    if asked not in (None, "k-centre", "uncertainty"):
        raise ConfigError(f"method: expected k-centre or uncertainty, found {asked!r}")
    if asked == "uncertainty" and detector is None:
        raise ConfigError("method: uncertainty needs a detector", hint="give one with --model, or say k-centre")
    return asked or ("k-centre" if detector is None else "uncertainty")


def _require_outputs(
    folder: Path,
    out: Path | None,
    copy_to: Path | None,
    *,
    suggest: bool,
    detector: AnyDetector | None,
    overwrite: bool,
) -> None:
    if suggest and detector is None:
        raise ConfigError("suggest: boxes can be suggested by a detector only", hint="give one with --model")
    if suggest and copy_to is None:
        raise ConfigError("suggest: the boxes need a folder to be written to", hint="name one with --copy-to")
    if out is not None and out.exists() and not overwrite:
        raise UsageError(f"{out}: is there already", hint="choose another file, or say --overwrite to replace it")
    if copy_to is not None:
        require_apart(copy_to, [folder])
        require_replaceable(copy_to, mark=TABLE, overwrite=overwrite)


def _greedy(
    vectors: Vectors, near: NDArray[np.float64], homes: NDArray[np.int64], weight: NDArray[np.float64], count: int
) -> tuple[list[_Pick], NDArray[np.float64]]:
    """What is chosen, in order; and (N,) the distances in the end.

    Where nothing is labelled there is no distance to begin with: the first is the most typical image of those that
    weigh most.
    """
    open_ = np.ones(len(vectors), np.bool_)
    picks: list[_Pick] = []
    while len(picks) < count and open_.any():
        lone = not np.isfinite(near).all()
        score = weight * (vectors @ vectors.mean(0) + 1 if lone else near)
        best = int(np.argmax(np.where(open_, score, -1)))
        picks.append(_Pick(best, 0.0 if lone else float(near[best]), float(score[best]), lone))
        open_ &= homes != homes[best]
        near = np.minimum(near, distances(vectors, vectors[best : best + 1]))
    return picks, near


def _weights(unsure: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(unsure, UNSEEN * unsure.max()) if unsure.any() else np.ones(len(unsure))


def _choice(rank: int, image: Path, pick: _Pick, found: Detections | None) -> Choice:
    where = "the most typical image" if pick.lone else f"{pick.distance:.2f} from all that is labelled or chosen"
    if found is None:
        return Choice(rank, image, pick.score, pick.distance, None, None, where)
    bits = uncertainty(found.confidence)
    shown = int((found.confidence >= CONFIDENCE).sum())
    saw = f"{bits:.1f} bits of doubt, {shown} boxes" if len(found) else "nothing is found in it"
    return Choice(rank, image, pick.score, pick.distance, bits, shown, saw if pick.lone else f"{saw}; {where}")


def _write_list(path: Path, selection: Selection) -> None:
    as_table = path.suffix.lower() == ".csv"
    text = selection.to_csv() if as_table else "".join(f"{choice.image}\n" for choice in selection.choices)
    write_bytes(path, text.encode("utf-8", "surrogateescape"))  # a path need not be Unicode


def _write_folder(target: Path, selection: Selection, detector: AnyDetector | None, *, overwrite: bool) -> None:
    """Copies of the chosen images, and what a detector says of them as labels to correct."""
    records = [
        ImageRecord(choice.image, choice.image, split="train", size=image_size(choice.image))
        for choice in selection.choices
    ]
    if detector is not None:
        records = [replace(record, annotations=_suggested(record, detector)) for record in records]
    targets = places(records, Ledger(target))
    with staged_folder(target, overwrite=overwrite) as stage:
        place_images(stage, records, targets, link="copy")
        if detector is not None:
            write_yolo(Output(stage, records, targets, tuple(detector.names)))
        _write_list(stage / TABLE, selection)


def _suggested(record: ImageRecord, detector: AnyDetector) -> tuple[Annotation, ...]:
    found = detector(read_pixels(record.path), confidence=CONFIDENCE)
    width, height = record.size or (0, 0)
    boxes = clip_xyxy(found.xyxy, width=width, height=height)
    return tuple(
        Annotation(detector.names[number], tuple(box), f"box {k}")
        for k, (box, number) in enumerate(zip(boxes.tolist(), found.class_id.tolist(), strict=True), start=1)
        if box[2] > box[0] and box[3] > box[1]
    )
