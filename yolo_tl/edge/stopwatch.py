"""A process that runs one model and says what it takes: ``python -m yolo_tl.edge.stopwatch``.

The first line of its input is a JSON object ``{model, source, limit, threads, batch}``. It answers with one line once
the first result is there, and then with one line for each number of runs it is asked for. It is a process of its own,
because the memory and the start of a model can only be seen where nothing else was loaded before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from yolo_tl.edge.image import Image
from yolo_tl.edge.machine import resident_mb
from yolo_tl.edge.stream import frames
from yolo_tl.errors import YoloTLError

Run = Callable[[Sequence[Image]], Any]
Loader = Callable[[Path, Mapping[str, Any]], Run]


def load(model: Path, options: Mapping[str, Any]) -> Run:
    """A bundle or an exported network, as a function of a batch of images."""
    from yolo_tl.edge.artifact import open_artifact
    from yolo_tl.edge.network import RunOptions

    artifact = open_artifact(model, RunOptions(threads=options["threads"]))
    return lambda images: artifact.pipeline(images, thresholds=artifact.thresholds)


def serve(loader: Loader) -> None:
    """Load what is asked for, and time it as often as it is asked for, until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no answer
    options = json.loads(sys.stdin.readline())
    size = options["batch"]
    try:
        images = [image for _, image in islice(frames(options["source"]), options["limit"])]
        batches = [[images[(start + i) % len(images)] for i in range(size)] for start in range(len(images))]
        run = loader(Path(options["model"]), options)
        run(batches[0])
    except YoloTLError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}), file=answers, flush=True)
        return
    started = {
        "cpu": time.process_time(),  # the interpreter and its imports count as well: a device pays for them
        "memory": resident_mb()["now"],
    }
    print(json.dumps(started), file=answers, flush=True)
    done = 0
    for line in sys.stdin:
        cpu, wall = [], []
        for _ in range(int(line)):
            batch = batches[done % len(batches)]
            before, clock = time.process_time(), time.perf_counter()
            run(batch)
            wall.append(time.perf_counter() - clock)
            cpu.append(time.process_time() - before)
            done += 1
        print(json.dumps({"cpu": cpu, "wall": wall, "peak": resident_mb()["peak"]}), file=answers, flush=True)


if __name__ == "__main__":
    serve(load)
