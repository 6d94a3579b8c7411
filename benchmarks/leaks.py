"""How well near-duplicates are found, and what a split does with them.

    python benchmarks/leaks.py [FOLDER ...] [--bases 200] [--seed 0]

Copies are planted among the images of each folder (by default a generated set): re-encoded,
resized, brightened, mirrored, cropped, shifted, turned. A pair is right if both show the same
original; an original counts as recalled for every copy that ends in its cluster. Real sets hold
near-duplicates of their own, which count as wrong here. The table goes to stdout and to
``leaks.md`` beside this file.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.duplicates import near_duplicates
from yolo_tl.data.sample import make_sample
from yolo_tl.data.stratify import Objects, stratify
from yolo_tl.data.thumbs import thumbs

Image = NDArray[np.uint8]


def copies(image: Image, rng: np.random.Generator) -> Iterator[tuple[str, Image]]:
    """What re-saving, augmentation and neighbouring frames make of an image."""
    height, width = image.shape[:2]
    for quality in (60, 30):
        content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        yield f"JPEG quality {quality}", cv2.imdecode(content, cv2.IMREAD_COLOR)
    yield "half the size", cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    yield "brighter", cv2.convertScaleAbs(image, alpha=1, beta=40)
    yield "less contrast", cv2.convertScaleAbs(image, alpha=0.6, beta=20)
    yield "mirrored", np.ascontiguousarray(image[:, ::-1])
    left, right, top, bottom = (rng.uniform(0, 0.05, 4) * (width, width, height, height)).astype(int)
    yield "cropped by 0 to 5 % a side", image[top : height - bottom, left : width - right]
    for share in (0.01, 0.03):
        angle = rng.uniform(0, 2 * np.pi)
        matrix = np.array([[1, 0, share * width * np.cos(angle)], [0, 1, share * width * np.sin(angle)]])
        shifted = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        yield f"shifted by {share:.0%}", shifted
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-3, 3), 1)
    yield "turned by up to 3°", cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    yield "noise", (image + rng.normal(0, 10, image.shape)).clip(0, 255).astype(np.uint8)


def measure(paths: list[Path], folder: Path, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Recall by kind of copy, and the other numbers."""
    rng = np.random.default_rng(seed)
    files, owners, kinds = list(paths), list(range(len(paths))), [""] * len(paths)
    for owner, path in enumerate(paths[: len(paths) // 2]):
        image = cv2.imread(str(path))
        for kind, picture in copies(image, rng):
            files.append(folder / f"{len(files)}.jpg")
            cv2.imwrite(str(files[-1]), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
            owners.append(owner)
            kinds.append(kind)
    clock = time.process_time()
    small = thumbs(files)
    decoded = time.process_time()
    found = near_duplicates(small)
    done = time.process_time()
    right = [owners[a] == owners[b] for a, b in found.pairs.tolist()]
    homes = found.clusters()
    recall = {
        kind: float(np.mean([homes[i] == homes[owners[i]] for i in range(len(files)) if kinds[i] == kind]))
        for kind in dict.fromkeys(kinds)
        if kind
    }
    labels = [[(f"class {rng.integers(5)}", rng.uniform(100, 2e4)) for _ in range(rng.integers(0, 6))] for _ in files]
    groups = [str(home) for home in homes]
    parts = stratify(Objects.of(labels), (0.7, 0.2, 0.1), keys=[path.name for path in files], groups=groups, seed=seed)
    sides: dict[int, set[int]] = {}
    for owner, part in zip(owners, parts, strict=True):
        sides.setdefault(owner, set()).add(part)
    totals: dict[str, list[int]] = {}
    for objects, part in zip(labels, parts, strict=True):
        for name, _ in objects:
            totals.setdefault(name, [0, 0, 0])[part] += 1
    misses = [
        abs(count / sum(row) - share)
        for row in totals.values()
        for count, share in zip(row, (0.7, 0.2, 0.1), strict=True)
    ]
    return recall, {
        "images": len(files),
        "precision": float(np.mean(right)) if right else 1.0,
        "recall": float(np.mean(list(recall.values()))),
        "wrong": len(
            {tuple(sorted((owners[a], owners[b]))) for a, b in found.pairs.tolist() if owners[a] != owners[b]}
        ),
        "torn": sum(len(found_in) > 1 for found_in in sides.values()),
        "originals": len(paths),
        "points": 100 * max(misses),
        "decode": 1e3 * (decoded - clock) / len(files),
        "match": 1e3 * (done - decoded) / len(files),
    }


def main() -> None:
    """Measure each folder and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of images")
    parser.add_argument("--pattern", default="*.jpg", help="which of their files")
    parser.add_argument("--bases", type=int, default=200, help="images taken of each folder; half of them are copied")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        sources = {"generated": make_sample(Path(temporary, "sample"), images=asked.bases, size=(320, 240))}
        sources |= {folder.name: folder for folder in asked.folders}
        for name, source in sources.items():
            pattern = "*.jpg" if name == "generated" else asked.pattern
            paths = sorted(source.rglob(pattern))
            paths = paths[:: max(1, len(paths) // asked.bases)][: asked.bases]
            folder = Path(temporary, f"copies of {name}")
            folder.mkdir()
            results[name] = measure(paths, folder, asked.seed)
    lines = [
        "# Near-duplicates and splits",
        "",
        f"`python benchmarks/leaks.py {' '.join(sys.argv[1:])}`: half of the images of each set got a copy of every "
        f"kind; one process, {platform.machine()}, OpenCV {cv2.__version__}, NumPy {np.__version__}. "
        "A copy is recalled if it ends in the cluster of its original; a pair is wrong if its images come from two "
        "originals. Shares are those of five classes in train, val and test (70 / 20 / 10 %).",
        "",
        "| | " + " | ".join(results) + " |",
        "|---|" + "---:|" * len(results),
    ]
    rows = (
        ("images, copies included", "images", "{:.0f}"),
        ("precision of pairs", "precision", "{:.3f}"),
        ("recall of copies", "recall", "{:.3f}"),
        ("different originals paired", "wrong", "{:.0f}"),
        ("originals on both sides of a split", "torn", "{:.0f}"),
        ("class share missed at most, points", "points", "{:.2f}"),
        ("decode and shrink, CPU ms an image", "decode", "{:.2f}"),
        ("hash, match and confirm, CPU ms an image", "match", "{:.2f}"),
    )
    for title, key, form in rows:
        lines.append(f"| {title} | " + " | ".join(form.format(numbers[key]) for _, numbers in results.values()) + " |")
    for kind in next(iter(results.values()))[0]:
        lines.append(
            f"| recall: {kind} | " + " | ".join(f"{recall[kind]:.3f}" for recall, _ in results.values()) + " |"
        )
    lines += [
        "",
        "What counts as wrong in real sets are mostly near-duplicates they came with: one field of cells photographed "
        "twice, one place of a circuit board on two boards.",
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    Path(__file__).with_name("leaks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
