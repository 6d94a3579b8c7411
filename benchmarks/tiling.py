"""One 8,000 x 6,000 image, in tiles: what is planted in it, what is found, what is lost or doubled at the seams.

    python benchmarks/tiling.py BUNDLE FOLDER [FOLDER ...] [--tile 640]

Two scenes. In the first a detector that sees everything says of each tile what is in it, cut off at the borders: what
comes out must be what was planted, to the last digit. In the second, pictures from the folders are pasted on grey, as
many as there is room for, and a real network looks. Planted is what it finds in each picture alone, at the same scale.
Objects that the edge of their picture cuts are not counted, because what they look like depends on what lies beyond.

All contestants get the same detections of the same tiles, and only put them together. SAHI (``pip install sahi``) and
supervision are left out where they are not installed. The table goes to stdout and to ``tiling.md`` beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections, clip_xyxy, iou_matrix
from yolo_tl.edge import Detector
from yolo_tl.edge.mosaic import Seen, merge
from yolo_tl.edge.stream import frames
from yolo_tl.edge.tiling import Tile, TilePlan, Tiling

HEIGHT, WIDTH = 6000, 8000
CLEAR = 12  # px from the edge of its picture, for an object to count
SURE = 0.5

Contestant = Callable[[Sequence[Seen]], Detections]


@dataclass(frozen=True)
class Planted:
    """What is there: corners (N, 4), class and confidence (N,), and where detections count."""

    found: Detections
    counts: Callable[[NDArray[np.float32]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Score:
    """What became of it."""

    lost: int
    lost_sure: int
    extra: int
    extra_sure: int
    doubled: int
    at_seams: int

    @classmethod
    def of(cls, planted: Planted, found: Detections, seen: Sequence[Seen] = (), *, iou: float = 0.5) -> Score:
        """One to one, best overlap first; doubled is what is left over and lies mostly on an object that was found.

        It was doubled at a seam where no single tile says both.
        """
        truth = planted.found
        alike = truth.class_id[:, None] == found.class_id[None]
        overlap = iou_matrix(truth.xyxy, found.xyxy) * alike
        pairs = np.argwhere(overlap >= iou)
        match, used = np.full(len(truth), -1), np.zeros(len(found), bool)
        for t, d in pairs[np.argsort(-overlap[pairs[:, 0], pairs[:, 1]], kind="stable")].tolist():
            if match[t] < 0 and not used[d]:
                match[t], used[d] = d, True
        taken = match >= 0
        lost = ~taken & planted.counts(truth.xyxy)
        extra = np.flatnonzero(~used & planted.counts(found.xyxy))
        low = np.maximum(truth.xyxy[:, None, :2], found.xyxy[None, extra, :2])
        high = np.minimum(truth.xyxy[:, None, 2:], found.xyxy[None, extra, 2:])
        size = (found.xyxy[extra, 2:] - found.xyxy[extra, :2]).prod(1)
        mostly = (high - low).clip(0).prod(2) / np.maximum(size, 1e-9) > 0.5
        twice = mostly & alike[:, extra] & taken[:, None]
        doubled = np.flatnonzero(twice.any(axis=0))
        both = [found[[extra[place], match[twice[:, place].argmax()]]] for place in doubled.tolist()]
        return cls(
            int(lost.sum()),
            int((lost & (truth.confidence > SURE)).sum()),
            len(extra),
            int((found.confidence[extra] > SURE).sum()),
            len(doubled),
            sum(not any(says_both(one, pair) for one in seen) for pair in both),
        )


def says_both(seen: Seen, pair: Detections) -> bool:
    """Whether two detections of a tile are these two, as far as it shows them."""
    left, top, right, bottom = seen.tile.xyxy
    low, high = pair.xyxy[:, :2].min(axis=0), pair.xyxy[:, 2:].max(axis=0)
    if len(seen.found) < 2 or (low >= (right, bottom)).any() or (high <= (left, top)).any():
        return False
    shown = clip_xyxy(pair.xyxy - np.float32([left, top] * 2), width=right - left, height=bottom - top)
    first, second = iou_matrix(shown, seen.found.xyxy) >= 0.5
    return bool(first.any() and second.any() and (first | second).sum() > 1)


def contestants(iou: float | None) -> dict[str, Contestant]:
    """Ours, and those of others that are installed."""
    found: dict[str, Contestant] = {
        "yolo_tl": lambda seen: merge(seen, (HEIGHT, WIDTH), iou=iou, limit=100_000),
        "nothing put together": together,
    }
    try:
        from sahi.postprocess.combine import GreedyNMMPostprocess, NMSPostprocess
    except ImportError:
        pass
    else:
        greedy = GreedyNMMPostprocess(match_threshold=0.5, match_metric="IOS", class_agnostic=False)
        found["SAHI, its default (GREEDYNMM, IOS 0.5)"] = lambda seen: of_sahi(greedy, together(seen))
        plain = NMSPostprocess(match_threshold=0.5, match_metric="IOS", class_agnostic=False)
        found["SAHI, NMS, IOS 0.5"] = lambda seen: of_sahi(plain, together(seen))
    try:
        import supervision
    except ImportError:
        return found

    def of_supervision(seen: Sequence[Seen]) -> Detections:
        every = together(seen)
        left = supervision.Detections(every.xyxy, confidence=every.confidence, class_id=every.class_id).with_nms(0.5)
        return Detections(left.xyxy, left.confidence, left.class_id)

    return {**found, "supervision, its default (NMS, IoU 0.5)": of_supervision}


def together(seen: Sequence[Seen]) -> Detections:
    """Everything that was said, in px of the image."""
    moves = [np.array([one.tile.left, one.tile.top] * 2, np.float32) for one in seen]
    return Detections(
        np.concatenate([one.found.xyxy + move for one, move in zip(seen, moves, strict=True)]),
        np.concatenate([one.found.confidence for one in seen]),
        np.concatenate([one.found.class_id for one in seen]),
    )


def of_sahi(postprocess: Callable, every: Detections) -> Detections:
    from sahi.prediction import ObjectPrediction

    given = [
        ObjectPrediction(
            bbox=box, score=score, category_id=number, category_name=str(number), full_shape=[HEIGHT, WIDTH]
        )
        for box, score, number in zip(
            every.xyxy.tolist(), every.confidence.tolist(), every.class_id.tolist(), strict=True
        )
    ]
    left = postprocess(given)
    return Detections.from_rows([[*one.bbox.to_xyxy(), one.score.value, one.category.id] for one in left])


def draw_objects(count: int) -> Planted:
    """Objects of 8 to 900 px, not overlapping; every second one touches another of its class."""
    rng, boxes, classes = np.random.default_rng(0), np.zeros((0, 4)), []
    while len(boxes) < count:
        size = np.exp(rng.uniform(np.log(8), np.log(900), 2)).round()
        corner = (rng.uniform(0, 1, 2) * (WIDTH, HEIGHT) - size / 2).round()
        box, number = np.concatenate([corner, corner + size]), int(rng.integers(0, 3))
        if len(boxes) and rng.random() < 0.5:
            other = int(rng.integers(0, len(boxes)))
            number, box[[0, 2]] = classes[other], boxes[other, 2] + [0, size[0]]
            box[[1, 3]] = boxes[other, 1] + [0, size[1]]
        box = clip_xyxy(box, width=WIDTH, height=HEIGHT)
        inside = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
        if (box[2:] - box[:2] >= 8).all() and not (inside > 0).all(axis=1).any():
            boxes, classes = np.vstack([boxes, box]), [*classes, number]
    score = rng.uniform(0.3, 1, count).astype(np.float32)
    found = Detections(boxes.astype(np.float32), score, np.array(classes))
    return Planted(found, lambda asked: np.ones(len(asked), bool))


def perfect(tile: Tile, truth: Detections) -> Seen:
    """What a detector says that sees everything."""
    move = np.array([tile.left, tile.top] * 2, np.float32)
    boxes = clip_xyxy(truth.xyxy - move, width=tile.width, height=tile.height)
    shown = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
    return Seen.of(tile, Detections(boxes, truth.confidence, truth.class_id)[shown])


def paste(detector: Detector, folders: Sequence[Path]) -> tuple[NDArray[np.uint8], Planted, Detections, int]:
    """The image, what is planted, what the same pictures say when they are moved, and how many they are."""
    pictures = [picture for folder in folders for _, picture in frames(folder)]
    tall, wide = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    rows, columns = HEIGHT // tall, WIDTH // wide
    canvas, rng = np.full((HEIGHT, WIDTH, 3), 114, np.uint8), np.random.default_rng(0)
    frames_of, found, moved = [], [], []
    for i, picture in enumerate(pictures[: rows * columns]):
        row, column = divmod(i, columns)
        height, width = picture.shape[:2]
        top = HEIGHT * row // rows + int(rng.integers(0, HEIGHT // rows - height + 1))
        left = WIDTH * column // columns + int(rng.integers(0, WIDTH // columns - width + 1))
        canvas[top : top + height, left : left + width] = picture
        frames_of.append([left, top, left + width, top + height])
        found.append(shifted(detector(picture), left, top))
        side = max(height, width)  # the square it is letterboxed to, with the picture elsewhere in it
        down, right = (side - height) // 4, (side - width) // 4
        square = np.full((side, side, 3), 114, np.uint8)
        square[down : down + height, right : right + width] = picture
        moved.append(shifted(detector(square), left - right, top - down))
    inner = np.array(frames_of, np.float32) + np.float32([CLEAR, CLEAR, -CLEAR, -CLEAR])

    def counts(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        low, high = boxes[:, None, :2] >= inner[None, :, :2], boxes[:, None, 2:] <= inner[None, :, 2:]
        return (low & high).all(axis=2).any(axis=1)

    return canvas, Planted(joined(found), counts), joined(moved), len(found)


def shifted(found: Detections, left: int, top: int) -> Detections:
    move = np.array([left, top, left, top], np.float32)
    return Detections(found.xyxy + move, found.confidence, found.class_id)


def joined(parts: Sequence[Detections]) -> Detections:
    return Detections(*(np.concatenate([getattr(p, key) for p in parts]) for key in ("xyxy", "confidence", "class_id")))


def look(detector: Detector, canvas: NDArray[np.uint8], plan: TilePlan) -> tuple[list[Seen], float]:
    """What the network says of each tile, and processor seconds."""
    start = time.process_time()
    seen = [Seen.of(tile, detector(tile.of(canvas))) for tile in plan.tiles]
    return seen, time.process_time() - start


def compare(planted: Planted, seen: Sequence[Seen], *, iou: float | None) -> list[str]:
    lines = []
    for name, contestant in contestants(iou).items():
        start = time.process_time()
        found = contestant(seen)
        lines.append(line(name, Score.of(planted, found, seen), len(found), time.process_time() - start))
    return lines


def line(name: str, score: Score, found: int, seconds: float | None) -> str:
    cost = "" if seconds is None else f"{seconds:.2f}"
    return (
        f"| {name} | {found} | {score.lost} | {score.lost_sure} | {score.extra} | {score.extra_sure} "
        f"| {score.doubled} | {score.at_seams if cost else ''} | {cost} |"
    )


HEADER = (
    f"| | found | lost | above {SURE} | extra | above {SURE} | doubled | at seams | CPU s |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
)

MEMORY = """
import sys
import numpy as np
from yolo_tl.edge import Detector
from yolo_tl.edge.tiled import TiledDetector
def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
detector = Detector(sys.argv[1], threads=1)
canvas = np.random.default_rng(0).integers(0, 256, (6000, 8000, 3), dtype=np.uint8)
detector(canvas[:640, :640])
before = status("VmRSS")
(TiledDetector(detector, tile=int(sys.argv[2]), overlap=int(sys.argv[3])) if sys.argv[2:] else detector)(canvas)
print(status("VmHWM") - before)
"""


def memory(*arguments: str) -> float:
    """MB that a look at the whole image takes beyond the image and the loaded network."""
    done = subprocess.run([sys.executable, "-c", MEMORY, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


def installed() -> str:
    found = []
    for name in ("sahi", "supervision", "onnxruntime", "numpy"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--tile", type=int, default=640)
    options = parser.parse_args()
    detector, tile = Detector(options.bundle, threads=1), options.tile
    lines = [
        "# Tiles put together, beside SAHI and supervision",
        "",
        f"`python benchmarks/tiling.py {options.bundle.name} {' '.join(folder.name for folder in options.folders)}`: "
        f"one image of {WIDTH} x {HEIGHT} px, tiles of {tile} px; {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, {installed()}. Every contestant gets the same detections of the same tiles. "
        f"Lost: no box of its class overlaps it by half; beside it those that were planted above {SURE}. Extra: no "
        "planted object does. Doubled: extra, and mostly on an object that was found; at seams: and no single tile "
        "says both, so that it is not the network's own. CPU s is for putting together alone. Objects within "
        f"{CLEAR} px of the edge of their picture are not counted, lost or extra: the edge cuts most of them, and with "
        "grey beyond it the network sees them otherwise; more of those are lost, for a tile that shows what lies "
        "beyond overrules one whose border lies there.",
    ]
    planted = draw_objects(3000)
    plan = TilePlan.of(HEIGHT, WIDTH, tile=tile, overlap=round(tile / 5))
    seen = [perfect(one, planted.found) for one in plan.tiles]
    ours = contestants(None)["yolo_tl"](seen)
    exact = sorted(map(tuple, ours.xyxy.tolist())) == sorted(map(tuple, planted.found.xyxy.tolist()))
    lines += [
        "",
        "## A detector that sees everything",
        "",
        f"{len(planted.found)} objects of 8 to 900 px, many touching one of their class, "
        f"{len(plan.tiles)} tiles that overlap by a fifth, {sum(len(one.found) for one in seen)} parts. "
        f"What yolo_tl makes of them is {'what was planted, to the last digit' if exact else 'NOT what was planted'}.",
        "",
        *HEADER,
        *compare(planted, seen, iou=None),
    ]
    canvas, planted, moved, count = paste(detector, options.folders)
    largest = float((planted.found.xyxy[:, 2:] - planted.found.xyxy[:, :2]).max())
    for title, tiling in (
        (f"overlap for objects of {largest:.0f} px, the largest", Tiling(tile, largest_object=largest)),
        ("overlap of a fifth", Tiling(tile)),
    ):
        plan = tiling.plan((HEIGHT, WIDTH), detector.imgsz)
        seen, spent = look(detector, canvas, plan)
        lines += [
            "",
            f"## A real network, {title}",
            "",
            f"{count} pictures, {int(planted.counts(planted.found.xyxy).sum())} objects; {len(plan.tiles)} tiles that "
            f"overlap by {plan.overlap} px at least: {spent:.1f} CPU s for the network. Memory beyond the image and "
            f"the loaded network: {memory(str(options.bundle), str(tile), str(plan.overlap)):.0f} MB, "
            f"untiled {memory(str(options.bundle)):.0f} MB.",
            "",
            *HEADER,
            line("no tiles: each picture alone, its padding moved", Score.of(planted, moved), len(moved), None),
            *compare(planted, seen, iou=detector.iou),
        ]
    lines += [
        "",
        "The first row of each table is what the network itself says otherwise of a picture that lies elsewhere in its "
        "padding: so much of what is lost and extra has nothing to do with seams.",
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
