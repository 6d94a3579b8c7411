"""One training in a process of its own: a job on stdin, its outcome as JSON in a file.

    python -m finetuning.process OUTCOME.json < JOB.json

`train` starts it; memory, caches and thread settings of one run cannot reach the next.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from finetuning.results import Scores

PACKAGES = ("yolo-tl", "ultralytics", "torch", "numpy")


class Job(msgspec.Struct, frozen=True):
    """What to train and score.

    Attributes:
        data: the data set's folder.
        weights: the checkpoint to start from.
        out: the run folder to make.
        preset: the recipe; None is `yolo train` itself.
        options: configuration values, or arguments of `yolo train`.
        scratch: start from random weights in the architecture of the checkpoint.
        corrupted: name → folder of the corrupted copies of val.
    """

    data: str
    weights: str
    out: str
    preset: str | None
    options: dict[str, Any]
    scratch: bool
    corrupted: dict[str, str]


class Outcome(msgspec.Struct, frozen=True):
    """What came of it; the fields of `Run` of the same names."""

    epochs: int
    steps: int | None
    cpu: float
    scores: dict[str, Scores]
    versions: dict[str, str]


class Failed(Exception):
    """A training that ended with an error; says what it wrote last."""


def train(job: Job, outcome: Path) -> Outcome:
    """Do a job in a fresh process.

    Raises:
        Failed: it did not end well.
    """
    here = str(Path(__file__).parent.parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "finetuning.process", str(outcome)],
        input=msgspec.json.encode(job),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    if done.returncode:
        raise Failed("\n".join(done.stderr.decode(errors="replace").splitlines()[-20:]))
    return msgspec.json.decode(outcome.read_bytes(), type=Outcome)


def main() -> None:
    """Do the job on stdin."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    steps, cpu = _ours(job) if job.preset else _theirs(job)
    run = Path(job.out)
    weights = run / "weights" / "best.pt"
    epochs = len((run / "results.csv").read_text(encoding="utf-8").splitlines()) - 1  # one is the header
    splits = {"val": (job.data, "val"), "test": (job.data, "test")}
    splits |= {name: (folder, "val") for name, folder in job.corrupted.items()}
    found = {name: _scored(weights, folder, split) for name, (folder, split) in splits.items()}
    scores = {name: scored for name, scored in found.items() if scored is not None}
    versions = {package: metadata.version(package) for package in PACKAGES}
    versions |= {"python": sys.version.split()[0]}
    outcome = Outcome(epochs, steps, round(cpu, 2), scores, versions)
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(outcome))


def _ours(job: Job) -> tuple[int | None, float]:
    """Train with a recipe; steps and processor seconds."""
    import yolo_tl

    start = _architecture(job.weights) if job.scratch else job.weights
    result = yolo_tl.train(job.data, start, out=job.out, preset=job.preset, overrides=job.options)
    return result.plan.budget.steps, result.cpu_seconds


def _theirs(job: Job) -> tuple[int | None, float]:
    """Train with Ultralytics itself, on its own defaults but for the options; processor seconds."""
    from yolo_tl.engine.hermetic import ultralytics, use_threads

    package: Any = ultralytics()
    options = dict(job.options)
    use_threads(options.pop("threads"))
    out = Path(job.out)
    began = time.process_time()
    model = package.YOLO(job.weights)
    model.train(data=f"{job.data}/data.yaml", project=str(out.parent), name=out.name, amp=False, plots=False, **options)
    return None, time.process_time() - began


def _architecture(weights: str) -> str:
    """The architecture YAML of a checkpoint, such as ``yolov5n.yaml``."""
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.weights import find_weights, is_architecture

    return weights if is_architecture(weights) else str(load_checkpoint(find_weights(weights)).yaml["yaml_file"])


def _scored(weights: Path, data: str, split: str) -> Scores | None:
    """Scores of a checkpoint on a split, as `yolo_tl.evaluate` finds them; None without the split."""
    from yolo_tl.data import read_dataset
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.detector import selected_head, trained_size
    from yolo_tl.engine.validation import validate

    dataset = read_dataset(Path(data))
    if split not in dataset.splits:
        return None
    module = load_checkpoint(weights)
    imgsz, head = trained_size(module), selected_head(module)
    results = validate(module, dataset=dataset, split=split, imgsz=imgsz, batch=16, device="cpu", head=head)
    return Scores.of(results, dataset.names)


if __name__ == "__main__":
    main()
