"""What preprocessing and postprocessing cost on top of an engine, when neighbouring frames overlap and when not.

    python benchmarks/pipelining.py [--repeats 9] [--frames 300]

The engine is simulated by a sleep, which leaves the processor and the lock of the interpreter to others, as a GPU
does; so no figure here is one of a GPU. All else is real: a picture of 1080 x 810 px is prepared exactly for an input
of 640 x 640 px, and an output of 84 x 8400 numbers is read. In turns: the engine alone, one stage after the other
(`Detector.observe`), and `yolo_tl.streams.pipelined`. Each figure is that of the best round, because what else the
machine does only ever adds; the ratio of the medians stands beside it. The table goes to stdout and to
``pipelining.md`` and ``pipelining.json`` beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from yolo_tl.edge import Detector, Frame
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.files import write_json, write_text
from yolo_tl.streams import pipelined

TARGETS = {2.0: 1.10, 4.0: 1.04}
"""ms of an engine → how much longer a frame may take."""

OBJECTS = 20


class SleepingNetwork:
    """An engine that takes its time, and always finds the same."""

    def __init__(self, seconds: float) -> None:
        self.path = Path("sleep")
        self.info = NetworkInfo("detect", tuple(map(str, range(80))), "raw", (640, 640))
        self._seconds = seconds
        self._outputs = (found(),)

    def run(self, tensor: Any) -> Outputs:
        """Sleep."""
        time.sleep(self._seconds)
        return self._outputs


def found() -> np.ndarray:
    """Outputs (1, 84, 8400) of a network that finds some objects, each several times."""
    rng = np.random.default_rng(0)
    outputs = np.zeros((1, 84, 8400), np.float32)
    outputs[0, :4] = rng.uniform(20, 600, (4, 8400))
    outputs[0, 4:] = rng.uniform(0, 0.05, (80, 8400))
    places = rng.permutation(8400)[: 3 * OBJECTS].reshape(OBJECTS, 3)
    for anchors, kind in zip(places, rng.integers(0, 80, OBJECTS), strict=True):
        outputs[0, :4, anchors] = np.float32([*rng.uniform(50, 590, 2), *rng.uniform(20, 90, 2)])
        outputs[0, 4 + kind, anchors] = rng.uniform(0.4, 0.9, 3)
    return outputs


def frames(count: int) -> Iterator[Frame]:
    """The same picture again and again, as a camera would give it."""
    small = np.random.default_rng(1).integers(0, 256, (27, 36, 3), dtype=np.uint8)
    picture = cv2.resize(small, (1080, 810), interpolation=cv2.INTER_CUBIC)
    return (Frame(picture, "camera", number) for number in range(count))


def wall(run: Callable[[], Any]) -> float:
    """Wall time in s."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(milliseconds: float, *, repeats: int, count: int) -> dict[str, Any]:
    """All three ways in turns; wall time of a frame in ms in each round."""
    network = SleepingNetwork(milliseconds / 1e3)
    detector = Detector(Artifact(network.path, Pipeline(network)))
    contestants: dict[str, Callable[[], Any]] = {
        "engine": lambda: [network.run(None) for _ in range(count)],
        "sequential": lambda: [detector.observe(frame) for frame in frames(count)],
        "pipelined": lambda: list(pipelined(detector, frames(count))),
    }
    rounds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(repeats + 1):
        for name, run in contestants.items():
            spent = wall(run) / count * 1e3
            if number:  # the first one warms up
                rounds[name].append(spent)
    return {"engine_ms": milliseconds, "rounds": rounds}


def row(measured: dict[str, Any]) -> str:
    best = {name: min(values) for name, values in measured["rounds"].items()}
    middle = {name: median(values) for name, values in measured["rounds"].items()}
    limit = TARGETS.get(measured["engine_ms"])
    ratios = [
        f"{best[name] / best['engine']:.2f} ({middle[name] / middle['engine']:.2f})"
        for name in ("sequential", "pipelined")
    ]
    return (
        f"| {measured['engine_ms']:g} | {best['engine']:.2f} | {best['sequential']:.2f} | {best['pipelined']:.2f} "
        f"| {ratios[0]} | {ratios[1]} | {'' if limit is None else f'{limit:.2f}'} |"
    )


def table(results: list[dict[str, Any]], *, repeats: int, count: int, load: float) -> str:
    return "\n".join(
        [
            "# Pipelining: what stands around an engine, while the engine computes",
            "",
            f"`python benchmarks/pipelining.py --repeats {repeats} --frames {count}`: wall time of a frame in ms, best "
            f"of {repeats} rounds in turns, {count} frames each; ratio to the engine alone (of the medians in "
            f"parentheses). {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; the "
            f"load average before was {load:.1f}. The engine is a sleep that releases the interpreter's lock, not a "
            "GPU; preprocessing to 640 x 640 px and postprocessing are real.",
            "",
            "| engine, ms | alone | in turn | pipelined | in turn / alone | pipelined / alone | limit |",
            "|---:|---:|---:|---:|---:|---:|---:|",
            *map(row, results),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    load = os.getloadavg()[0]
    results = [measure(ms, repeats=options.repeats, count=options.frames) for ms in (1.0, 2.0, 4.0, 8.0)]
    text = table(results, repeats=options.repeats, count=options.frames, load=load)
    write_text(Path(__file__).with_suffix(".md"), text)
    write_json(Path(__file__).with_suffix(".json"), {"load": load, "frames": options.frames, "results": results})
    print(text)


if __name__ == "__main__":
    main()
