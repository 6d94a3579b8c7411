"""Intervals of every score, beside asking a metric anew for each resample.

    python benchmarks/bootstrap.py [--images 364] [--resamples 1000] [--repeats 3]

364 images like those of a blood-cell set: about 13 objects and 300 detections each, three classes (simulated, see
``simulated_detector.py``). Ours is one call that gives the intervals of mAP, of AP by class, by COCO's sizes and by
thirds, of precision, recall and F1 by class, and of calibration. The others are called on a few resampled lists of
images, and what one takes is multiplied: Ultralytics' ``ap_per_class``, which gets its true positives for nothing and
knows no sizes, and pycocotools. Compared is processor time. The table goes to stdout and to ``bootstrap.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from simulated_detector import Scene, simulate

from yolo_tl.api.scores import of_predictions
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.evaluation import ImageResult, Predictions, match

SCENE = Scene((11, 1.0, 1.0), (2.0, 3.0, 0.8), (160, 70, 70))
NAMES = ("RBC", "WBC", "Platelets")
FEW = 3  # resamples that the others are asked for
Draw = Sequence[int]


def ours(results: Sequence[ImageResult], resamples: int) -> None:
    found = of_predictions(Predictions(tuple(results), NAMES, "val", "simulated", ""), resamples=resamples)
    _ = (found.intervals, found.sizes, found.terciles, found.operating, found.calibration)


def by_ultralytics(results: Sequence[ImageResult]) -> Callable[[Draw], None]:
    ultralytics()
    from ultralytics.utils.metrics import ap_per_class

    hits = [match(result) for result in results]

    def score(drawn: Draw) -> None:
        found = [results[i].detections for i in drawn]
        ap_per_class(
            np.concatenate([hits[i] for i in drawn]),
            np.concatenate([one.confidence for one in found]),
            np.concatenate([one.class_id for one in found]),
            np.concatenate([results[i].truth_class for i in drawn]),
        )

    return score


def by_pycocotools(results: Sequence[ImageResult]) -> Callable[[Draw], None]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def boxes(xyxy: np.ndarray) -> list[list[float]]:
        return np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]).astype(float).tolist()

    def score(drawn: Draw) -> None:
        true, said = [], []
        for number, i in enumerate(drawn):
            result = results[i]
            for box, kind in zip(boxes(result.truth_xyxy), result.truth_class.tolist(), strict=True):
                at = {"image_id": number, "category_id": kind, "bbox": box}
                true.append({**at, "id": len(true) + 1, "area": box[2] * box[3], "iscrowd": 0})
            found = result.detections
            for box, kind, confidence in zip(
                boxes(found.xyxy), found.class_id.tolist(), found.confidence.tolist(), strict=True
            ):
                said.append({"image_id": number, "category_id": kind, "bbox": box, "score": confidence})
        with contextlib.redirect_stdout(io.StringIO()):
            known = COCO()
            images = [{"id": number} for number in range(len(drawn))]
            categories = [{"id": number, "name": name} for number, name in enumerate(NAMES)]
            known.dataset = {"images": images, "annotations": true, "categories": categories}
            known.createIndex()
            judged = COCOeval(known, known.loadRes(said), "bbox")
            judged.params.maxDets = [1, 10, 300]
            judged.evaluate()
            judged.accumulate()

    return score


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=364)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    results = simulate(SCENE, options.images, 0)
    others = {
        "Ultralytics `ap_per_class`: mAP and by class": by_ultralytics(results),
        "pycocotools: mAP, by class and by size": by_pycocotools(results),
    }
    spent: dict[str, list[float]] = {"ours": [], **{name: [] for name in others}}
    chance = np.random.default_rng(0)
    for _ in range(options.repeats):
        spent["ours"].append(seconds(lambda: ours(results, options.resamples)))
        for name, score in others.items():
            draws = [chance.integers(0, options.images, options.images).tolist() for _ in range(FEW)]
            each = seconds(lambda score=score, draws=draws: [score(drawn) for drawn in draws]) / FEW
            spent[name].append(each * options.resamples)
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "ultralytics", "pycocotools"))
    detections = sum(len(result.detections) for result in results) / options.images
    truths = sum(len(result.truth_class) for result in results) / options.images
    lines = [
        "# Intervals of every score",
        "",
        f"`python benchmarks/bootstrap.py --images {options.images} --resamples {options.resamples} --repeats "
        f"{options.repeats}`: processor seconds for {options.resamples} resamples of {options.images} images with "
        f"{truths:.0f} objects and {detections:.0f} detections each; medians of {options.repeats}, of the others "
        f"extrapolated from {FEW} resamples; {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, {packages}.",
        "",
        "| | seconds | times ours (range) |",
        "|---|---:|---:|",
        f"| ours: mAP, by class, by 7 ranges of size, precision, recall and F1 by class, calibration "
        f"| {median(spent['ours']):.1f} | 1 |",
    ]
    for name in others:
        ratios = [other / own for other, own in zip(spent[name], spent["ours"], strict=True)]
        shown = f"{median(ratios):.0f} ({min(ratios):.0f}–{max(ratios):.0f})"
        lines.append(f"| {name} | {median(spent[name]):.0f} | {shown} |")
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
