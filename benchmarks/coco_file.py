"""An instances file of the size and the make of COCO train2017, with numbers from a seed.

    python benchmarks/coco_file.py OUT.json [--images 118287] [--annotations 860001]

Sparse category ids (1 to 90), annotations in no order, 0.9 % of the images without any, 1.2 % crowds
as run lengths, 12 % of the rest in several parts, boxes as large as in COCO (41 % below 32² px).
At full size it has 480 MB. The images themselves are not made.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NAMES = 80
_UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}  # of 1 to 90
_NEGATIVE = 1021 / 118287
_CROWD = 10278 / 860001
_SEVERAL = 0.12
_BATCH = 2000


def write(path: Path, images: int = 118287, annotations: int = 860001, seed: int = 0) -> None:
    """Write the file, piece by piece: it is never held in memory."""
    rng = np.random.default_rng(seed)
    sizes = np.where(rng.random((images, 1)) < 0.7, [[640, 480]], [[480, 640]])
    ids = np.sort(rng.choice(np.arange(1, max(581930, 2 * images)), images, replace=False))
    categories = [number for number in range(1, 91) if number not in _UNUSED]
    with path.open("w", encoding="ascii") as out:
        out.write('{"info": {"description": "as large as COCO 2017","year": 2017},"licenses": [],"images": [')
        for i in range(images):
            width, height = sizes[i]
            name = f"{ids[i]:012d}.jpg"
            out.write(
                f'{", " if i else ""}{{"license": 3,"file_name": "{name}","coco_url": "http://images.cocodataset.org/'
                f'train2017/{name}","height": {height},"width": {width},"date_captured": "2013-11-14 11:18:45",'
                f'"flickr_url": "http://farm9.staticflickr.com/8186/{name}_1e1c5d4cb7_z.jpg","id": {ids[i]}}}'
            )
        out.write('],"annotations": [')
        negatives = round(images * _NEGATIVE)
        crowds = set(rng.choice(annotations, round(annotations * _CROWD), replace=False).tolist())
        # Each image that is not a negative has one, the rest falls where it will.
        bearing = rng.permutation(images)[negatives:]
        of = np.concatenate([bearing, rng.choice(bearing, max(0, annotations - len(bearing)))])[:annotations]
        rng.shuffle(of)
        weights = 1 / np.arange(1, NAMES + 1)
        for start in range(0, annotations, _BATCH):
            count = min(_BATCH, annotations - start)
            kinds = rng.choice(NAMES, count, p=weights / weights.sum())
            spread = np.exp(rng.normal(3.75, 1.05, count))  # square root of the area
            aspect = np.exp(rng.normal(0, 0.4, count))
            for k in range(count):
                number, image = start + k, int(of[start + k])
                width, height = (int(side) for side in sizes[image])
                w = float(np.clip(spread[k] * aspect[k], 3, width - 2))
                h = float(np.clip(spread[k] / aspect[k], 3, height - 2))
                x, y = float(rng.random() * (width - w)), float(rng.random() * (height - h))
                box = f"[{x:.2f},{y:.2f},{w:.2f},{h:.2f}]"
                is_crowd = number in crowds
                shape = _runs(rng, x, y, w, h, width, height) if is_crowd else _polygons(rng, x, y, w, h)
                out.write(
                    f'{", " if number else ""}{{"segmentation": {shape},"area": {w * h * 0.7:.4f},"iscrowd": '
                    f'{int(is_crowd)},"image_id": {ids[image]},"bbox": {box},"category_id": {categories[kinds[k]]},'
                    f'"id": {number + 1}}}'
                )
        entries = (f'{{"supercategory": "thing","id": {n},"name": "class {n}"}}' for n in categories)
        out.write('],"categories": [' + ",".join(entries) + "]}")


def _polygons(rng: np.random.Generator, x: float, y: float, w: float, h: float) -> str:
    """One polygon that fills the box, or several side by side."""
    count = int(rng.integers(2, 4)) if rng.random() < _SEVERAL else 1
    rings = []
    for part in range(count):
        points = 6 + int(min(60, rng.gamma(2.0, 10.8) / count))
        turns = np.sort(rng.random(points)) * 2 * np.pi
        reach: NDArray[np.float64] = 0.5 - 0.15 * rng.random(points)
        ring = np.empty(2 * points)
        ring[::2] = x + w * (part + 0.5 + reach * np.cos(turns)) / count
        ring[1::2] = y + h * (0.5 + reach * np.sin(turns))
        rings.append("[" + ",".join(map(str, np.round(ring, 2).tolist())) + "]")
    return "[" + ",".join(rings) + "]"


def _runs(rng: np.random.Generator, x: float, y: float, w: float, h: float, width: int, height: int) -> str:
    """The columns of the box, of uneven length, as uncompressed run lengths."""
    left, columns = int(x), max(1, int(w))
    tops = int(y) + rng.integers(0, max(1, int(h) // 3), columns)
    lengths = np.maximum(1, int(h) - rng.integers(0, max(1, int(h) // 3), columns) - (tops - int(y)))
    starts = (left + np.arange(columns)) * height + tops
    edges = np.stack([starts, starts + lengths], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], edges, [width * height]])).tolist()
    return f'{{"counts": [{",".join(map(str, counts))}],"size": [{height},{width}]}}'


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=118287)
    parser.add_argument("--annotations", type=int, default=860001)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.out, arguments.images, arguments.annotations, arguments.seed)
