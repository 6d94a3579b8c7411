"""Whether 50 images that were chosen are worth more than 50 drawn at random.

    python benchmarks/labelling.py DATA --embed CHECKPOINT [--count 50] [--draws 5] [--far CHECKPOINT]
    python benchmarks/labelling.py DATA --embed CHECKPOINT --train CHECKPOINT [--steps 520] [--seeds 0 1 2]

DATA is a converted data set; its training images stand for the unlabelled ones. The first form takes a minute: how far
the images that were not chosen are from the chosen ones, in the embedding that chose (which k-centre makes small by
design) and, with ``--far``, in that of another checkpoint, which is fairer; and how many objects of each class the
chosen ones show. The second form trains on each choice, each for as many steps. Each finished run is a line of the
results file and is not repeated. The table is written beside the results file.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import yolo_tl
from yolo_tl.data import Dataset, read_dataset
from yolo_tl.data.subsets import write_subset
from yolo_tl.engine.embedding import embedder
from yolo_tl.files import write_text
from yolo_tl.labelling import distances, label_next

Vectors = NDArray[np.float32]
CHOSEN, RANDOM = "k-centre", "random"


@dataclass(frozen=True)
class Choice:
    """Some of the training images: how they were chosen, and their indices."""

    method: str
    seed: int
    images: NDArray[np.int64]


def choices(dataset: Dataset, vectors: Vectors, *, count: int, draws: int) -> list[Choice]:
    """The one of k-centre, and random ones."""
    images = dataset.split("train").images
    places = {image.name: i for i, image in enumerate(images)}
    if len(places) < len(images):
        raise SystemExit("expected training images of different names")
    with tempfile.TemporaryDirectory() as name:
        pool = Path(name)
        for image in images:
            (pool / image.name).symlink_to(image.resolve())
        found = label_next(pool, embed=lambda paths: vectors[[places[path.name] for path in paths]], count=count)
    picked = np.array([places[choice.image.name] for choice in found.choices], np.int64)
    drawn = [np.random.default_rng(seed).permutation(len(images))[: len(picked)] for seed in range(draws)]
    return [Choice(CHOSEN, 0, picked), *(Choice(RANDOM, seed, images) for seed, images in enumerate(drawn))]


def figures(dataset: Dataset, choice: Choice, spaces: dict[str, Vectors]) -> dict[str, float]:
    """Radius and mean distance in each embedding, and the objects of each class."""
    split = dataset.split("train")
    found: dict[str, float] = {}
    for name, vectors in spaces.items():
        far = distances(vectors, vectors[choice.images])
        found |= {f"radius, {name}": float(far.max()), f"mean distance, {name}": float(far.mean())}
    shown = split.class_ids[np.isin(split.image_index, choice.images)]
    counts = np.bincount(shown, minlength=len(dataset.names))
    return found | {f"objects of {name}": float(n) for name, n in zip(dataset.names, counts, strict=True)}


def scores(dataset: Dataset, made: Sequence[Choice], asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Train on each choice with each seed, but for what the results file has."""
    file: Path = asked.results
    kept = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.is_file() else []
    about = {
        "data": yolo_tl.fingerprint(dataset.data, files=True)[:12],
        "weights": Path(asked.train).name,
        "steps": asked.steps,
        "imgsz": asked.imgsz,
    }
    for seed in asked.seeds:
        for choice in made:
            names = sorted(dataset.split("train").images[i].name for i in choice.images)
            key = {**about, "method": choice.method, "draw": choice.seed, "seed": seed, "images": names}
            if any(all(run.get(field) == value for field, value in key.items()) for run in kept):
                continue
            with tempfile.TemporaryDirectory() as name:
                data = write_subset(
                    dataset, Path(name, "data"), [dataset.split("train").images[i] for i in choice.images]
                )
                epochs = max(1, round(asked.steps / -(-len(names) // asked.batch)))
                options = {"imgsz": asked.imgsz, "batch": asked.batch, "nbs": asked.batch, "epochs": epochs}
                options |= {"patience": epochs, "seed": seed, "device": "cpu", "threads": asked.threads}
                run = yolo_tl.train(data, asked.train, out=Path(name, "run"), overrides=options)
                metrics = yolo_tl.evaluate(run.run / "weights" / "last.pt", data, device="cpu", resamples=100).metrics
            kept.append({**key, "map50_95": metrics.map50_95, "map50": metrics.map50, "cpu": run.cpu_seconds})
            with file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(kept[-1]) + "\n")
            print(f"{choice.method} {choice.seed}, seed {seed}: {metrics.map50_95:.3f}", flush=True)
    return [run for run in kept if all(run.get(field) == value for field, value in about.items())]


def page(dataset: Dataset, rows: dict[str, list[dict[str, float]]], runs: Sequence[dict[str, Any]], count: int) -> str:
    """The table."""
    lines = [
        "# Which images to label first",
        "",
        f"{count} of the {len(dataset.split('train'))} training images of {dataset.root.name}; random: the mean of "
        f"{len(rows[RANDOM])} draws and the range. Python {platform.python_version()}.",
        "Written by `benchmarks/labelling.py`.",
        "",
        f"| | {CHOSEN} | {RANDOM} |",
        "|---|---:|---:|",
    ]
    for key in rows[CHOSEN][0]:
        drawn = [row[key] for row in rows[RANDOM]]
        digits = 0 if key.startswith("objects") else 3
        spread = f"{np.mean(drawn):.{digits}f} ({min(drawn):.{digits}f} to {max(drawn):.{digits}f})"
        lines.append(f"| {key} | {rows[CHOSEN][0][key]:.{digits}f} | {spread} |")
    if runs:
        ours, theirs = (
            {(run["draw"], run["seed"]): run["map50_95"] for run in runs if run["method"] == method}
            for method in (CHOSEN, RANDOM)
        )
        cells = [
            f"{np.mean(list(part.values())):.3f} ({len(part)} runs)" if part else "not run" for part in (ours, theirs)
        ]
        lines.append(f"| val mAP50-95, last.pt, mean | {cells[0]} | {cells[1]} |")
    else:
        lines.append("| val mAP50-95, last.pt, mean | not run | not run |")
    return "\n".join([*lines, ""])


def main(arguments: list[str] | None = None) -> None:
    """Choose, measure, train what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a converted data set")
    parser.add_argument("--embed", required=True, help="the checkpoint whose embedding chooses")
    parser.add_argument("--far", help="another checkpoint, in whose embedding the choice is measured, too")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--draws", type=int, default=5, help="random choices")
    parser.add_argument("--train", metavar="CHECKPOINT", help="train from it on each choice")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=520)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    asked = parser.parse_args(arguments)
    dataset = read_dataset(asked.data)
    spaces = {
        Path(name).stem: embedder(name, device="cpu")(dataset.split("train").images)
        for name in filter(None, [asked.embed, asked.far])
    }
    made = choices(dataset, spaces[Path(asked.embed).stem], count=asked.count, draws=asked.draws)
    rows: dict[str, list[dict[str, float]]] = {CHOSEN: [], RANDOM: []}
    for choice in made:
        rows[choice.method].append(figures(dataset, choice, spaces))

    def write(runs: Sequence[dict[str, Any]]) -> None:
        write_text(asked.results.with_suffix(".md"), page(dataset, rows, runs, len(made[0].images)))

    write([])
    if asked.train:
        write(scores(dataset, made, asked))
    print(asked.results.with_suffix(".md").read_text("utf-8"))


if __name__ == "__main__":
    main()
