"""Run one network with one library, round by round, as asked on standard input; for ``benchmarks/edge.py``.

    python benchmarks/edge_contestants.py ours|theirs MODEL.onnx SIDE SEED

Each line on standard input asks for one round of so many images. The answer is a line of JSON: the CPU ms of each
kind of call, of a round of interleaved calls the medians. ``bare`` is ``session.run`` on a tensor that is ready.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import cv2
import numpy as np
from edge_networks import picture

Calls = dict[str, Callable[[], Any]]

SHAPE = (1080, 810)


def ours(model: Path, side: int, image: np.ndarray) -> Calls:
    """`Detector` called with an image, and looking at a frame."""
    from yolo_tl.edge import Detector, Frame

    cv2.setNumThreads(1)  # Ultralytics does so when it is imported
    detector = Detector(model, threads=1)
    frame = Frame(image, "camera", 0)
    return {
        "bare": bare(detector.pipeline.network._session, side),
        "call": lambda: detector(image),
        "observe": lambda: detector.observe(frame),
    }


def theirs(model: Path, side: int, image: np.ndarray) -> Calls:
    """``YOLO.predict``, with one thread in its session as well."""
    import onnxruntime

    make = onnxruntime.InferenceSession

    def with_one_thread(path: Any, sess_options: Any = None, **more: Any) -> Any:
        sess_options = sess_options or onnxruntime.SessionOptions()
        sess_options.intra_op_num_threads = 1
        return make(path, sess_options, **more)

    onnxruntime.InferenceSession = with_one_thread
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(1)
    yolo = YOLO(model, task="detect")
    options = {"imgsz": side, "device": "cpu", "verbose": False}
    yolo.predict(image, **options)
    return {
        "bare": bare(yolo.predictor.model.backend.session, side),
        "call": lambda: yolo.predict(image, **options),
    }


def bare(session: Any, side: int) -> Callable[[], Any]:
    """The session of the contestant itself, on a tensor that is ready: two of them would wait for the same caches."""
    name, tensor = session.get_inputs()[0].name, np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    return lambda: session.run(None, {name: tensor})


def main() -> None:
    who, model, side, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    answers, sys.stdout = sys.stdout, sys.stderr
    calls = (ours if who == "ours" else theirs)(model, side, picture(*SHAPE, seed=seed))
    for _ in range(5):
        for call in calls.values():
            call()
    for line in sys.stdin:
        spent: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(int(line)):
            for name, call in calls.items():
                began = process_time()
                call()
                spent[name].append((process_time() - began) * 1e3)
        print(json.dumps({name: median(values) for name, values in spent.items()}), file=answers, flush=True)


if __name__ == "__main__":
    main()
