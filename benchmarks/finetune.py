"""Fine-tuning on few images: every recipe beside plain `yolo train`, in scores and in processor seconds.

    python benchmarks/finetune.py DATA [DATA ...] --weights WEIGHTS [--seeds 0 1 2] [--only NAME ...]
    python benchmarks/finetune.py --table

DATA are converted data sets, WEIGHTS is a COCO-pretrained checkpoint. Every run is a process of its own, one after the
other, and the contestants of `finetuning/contestants.py` take turns seed by seed. Each finished run is a line of the
results file, and is not repeated: an interrupted benchmark goes on where it stopped, and a contestant whose settings
were changed runs again. The tables beside the results file are made of it after every run, or by ``--table`` alone.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from corruptions import CORRUPTIONS, corrupted_copy
from finetuning.contestants import Contestant, contestants
from finetuning.process import Failed, Job, train
from finetuning.results import Results, Run
from finetuning.table import page
from label_subsets import label_subset

import yolo_tl
from yolo_tl.config import TrainConfig, to_mapping
from yolo_tl.data import read_dataset
from yolo_tl.files import write_text
from yolo_tl.presets import flatten, resolve

DEVICE = "cpu"


@dataclass(frozen=True)
class Turn:
    """A contestant on a data set with a seed."""

    data: Path
    fingerprint: str
    weights: str
    contestant: Contestant
    seed: int
    options: dict[str, Any]

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.data.name}, {self.contestant.name}, seed {self.seed}"

    @property
    def key(self) -> dict[str, Any]:
        """What says that two runs are the same; fields of `Run`."""
        return {
            "data": self.data.name,
            "fingerprint": self.fingerprint,
            "weights": Path(self.weights).name,
            "name": self.contestant.name,
            "seed": self.seed,
            "config": self.config(),
        }

    def config(self) -> dict[str, Any]:
        """Every value that a recipe, or the benchmark, sets; a recipe that is edited is another."""
        values = dict(self.options)
        if self.contestant.preset is not None:
            found = resolve(TrainConfig, kind="train", preset=self.contestant.preset, overrides=self.options)
            resolved = flatten(to_mapping(found.config))
            values = {key: resolved[key] for key, source in found.sources.items() if source != "default"}
        return {key: value for key, value in values.items() if key != "seed"}


def turns(asked: argparse.Namespace) -> Iterator[Turn]:
    """Who runs, in order: seed by seed, data set by data set."""
    epochs = dict(_epochs(text) for text in asked.epochs)
    listed = [replace(c, epochs=epochs.get(c.name, c.epochs)) for c in contestants()]
    if unknown := epochs.keys() - {c.name for c in listed}:
        sys.exit(f"--epochs: no such contestant: {', '.join(sorted(unknown))}")
    if strange := [pattern for pattern in asked.only or () if not any(fnmatch(c.name, pattern) for c in listed)]:
        sys.exit(f"--only: no such contestant: {', '.join(strange)}; there are {', '.join(c.name for c in listed)}")
    chosen = [c for c in listed if not asked.only or any(fnmatch(c.name, pattern) for pattern in asked.only)]
    fingerprints = {data: yolo_tl.fingerprint(data, files=True)[:12] for data in asked.data}
    for seed in asked.seeds:
        for data in asked.data:
            for contestant in chosen:
                meant = contestant.data is None or data.name.lower().startswith(contestant.data)
                if meant and (contestant.seeds is None or seed in contestant.seeds):
                    common = {"imgsz": asked.imgsz, "threads": asked.threads, "device": DEVICE, "seed": seed}
                    options = {**common, "epochs": contestant.epochs, **contestant.overrides}
                    yield Turn(data, fingerprints[data], asked.weights, contestant, seed, options)


def run(turn: Turn, copies: Path, keep: Path | None) -> Run:
    """Train and score once.

    Args:
        turn: who and on what.
        copies: a folder for the corrupted copies, which are made when they are first needed.
        keep: where run folders are kept; None keeps none.
    """
    contestant = turn.contestant
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, labels = folder / "data", []
        if contestant.labels is not None:
            labels = label_subset(turn.data, data, contestant.labels, seed=turn.seed)
        elif contestant.preset is None:
            shutil.copytree(turn.data, data)  # Ultralytics writes into it
        else:
            data = turn.data
        out = folder / "run"
        if keep is not None:
            out = keep / f"{turn.title}".replace(", ", "-").replace(" ", "-")
            shutil.rmtree(out, ignore_errors=True)
        job = Job(
            data=str(data),
            weights=turn.weights,
            out=str(out.absolute()),
            preset=contestant.preset,
            options=turn.options,
            scratch=contestant.scratch,
            corrupted=_corrupted(turn.data, copies / turn.data.name) if contestant.corrupted else {},
        )
        done = train(job, folder / "outcome.json")
    return Run(
        **turn.key,
        images=contestant.labels or len(read_dataset(turn.data).split("train")),
        labels=labels,
        epochs=done.epochs,
        steps=done.steps,
        cpu=done.cpu,
        scores=done.scores,
        versions=done.versions,
    )


def _corrupted(data: Path, folder: Path) -> dict[str, str]:
    """The corrupted copies of val by name, made if they are not there."""
    made = {kind: folder / kind for kind in CORRUPTIONS}
    return {kind: str(out if out.is_dir() else corrupted_copy(data, out, kind)) for kind, out in made.items()}


def _epochs(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition("=")
    if not number.isdecimal():
        sys.exit(f"--epochs {text}: expected NAME=NUMBER")
    return name, int(number)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=lambda text: Path(text).resolve(), nargs="*", help="converted data sets")
    parser.add_argument("--weights", help="the checkpoint to start from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contestants to run, also as patterns: 'small-data*'")
    parser.add_argument("--epochs", nargs="+", default=[], metavar="NAME=N", help="other epochs than the contestant's")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the run folders here")
    parser.add_argument("--list", action="store_true", help="only say what would run")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    asked = parser.parse_args(arguments)
    results, table = Results(asked.results), asked.results.with_suffix(".md")
    if asked.table:
        write_text(table, page(results))
        return
    if not asked.data or not asked.weights:
        parser.error("expected DATA and --weights, or --table")
    asked.weights = str(Path(asked.weights).resolve()) if Path(asked.weights).exists() else asked.weights

    if len({data.name for data in asked.data}) < len(asked.data):
        parser.error("expected data sets in folders of different names; a name is all the tables say")

    missing = [turn for turn in turns(asked) if not results.has(**turn.key)]
    if asked.list:
        print(*(f"{turn.title}: {turn.options['epochs']} epochs" for turn in missing), sep="\n")
        return
    failed = []
    with tempfile.TemporaryDirectory() as copies:
        for number, turn in enumerate(missing, start=1):
            print(f"{number} of {len(missing)}: {turn.title}", end="", flush=True)
            try:
                finished = run(turn, Path(copies), asked.keep)
            except Failed as error:
                failed.append(turn.title)
                print(f": failed\n{error}", flush=True)
                continue
            results.append(finished)
            print(f": val {finished.scores['val'].map50_95:.3f}, {finished.cpu:.0f} CPU-s", flush=True)
            write_text(table, page(results))
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
