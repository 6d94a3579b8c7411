"""How long models take, beside each other: latency, throughput, processor time and memory.

Every contestant is a process of its own, and they take turns, because two measurements on a shared machine compare
only where both saw the same of its moods. Times are of an image in memory to what was found in it, so with what comes
before and after the network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np

from yolo_tl.errors import RuntimeFailure

Engine = Literal["yolo-tl", "ultralytics"]
_MODULES: dict[Engine, str] = {"yolo-tl": "yolo_tl.edge.stopwatch", "ultralytics": "yolo_tl.engine.stopwatch"}


@dataclass(frozen=True)
class Contestant:
    """Who is measured.

    Attributes:
        model: a bundle, an exported network, or for Ultralytics whatever it loads.
        engine: what runs it.
        task: for Ultralytics, which cannot tell it from every file.
        imgsz: height and width for Ultralytics, which does not take it from every file.
    """

    model: Path
    engine: Engine
    task: str = "detect"
    imgsz: tuple[int, int] | None = None


@dataclass(frozen=True)
class Latency:
    """What one contestant took.

    Attributes:
        model: the model.
        engine: what ran it.
        p50: half of the runs took at most so long, wall ms of a batch.
        p95: 95 % of them did.
        p99: 99 % of them did.
        cpu: processor time of a batch, ms, all threads; the median.
        images_per_s: images a second, by the wall clock.
        start_cpu: processor seconds from the start of the interpreter to the first result.
        memory: resident memory after the first result, MB; None where the system does not say.
        peak: at its highest, MB.
        ratio: processor time over that of the first contestant: the median over the rounds.
        ratio_range: quartiles of it over the rounds.
    """

    model: str
    engine: Engine
    p50: float
    p95: float
    p99: float
    cpu: float
    images_per_s: float
    start_cpu: float
    memory: float | None
    peak: float | None
    ratio: float
    ratio_range: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def measure(
    contestants: Sequence[Contestant],
    source: Path | str,
    *,
    limit: int = 32,
    rounds: int = 10,
    runs: int = 10,
    batch: int = 1,
    threads: int | None = None,
) -> tuple[Latency, ...]:
    """Let the contestants take turns.

    Args:
        contestants: one at least; the others are compared with the first.
        source: an image, a folder, a pattern or a video; every contestant sees its images in the same order.
        limit: images of it that are used.
        rounds: turns of each contestant; one more, before, warms up.
        runs: batches of a turn.
        batch: images at once.
        threads: CPU threads of an engine; None leaves it to the engine.

    Raises:
        RuntimeFailure: a contestant cannot be loaded, in the words of its process.
    """
    options = {"source": str(source), "limit": limit, "batch": batch, "threads": threads}
    workers: list[_Worker] = []
    try:
        workers += [_Worker(contestant, options) for contestant in contestants]
        for worker in workers:
            worker.take(runs)
        turns = [[worker.take(runs) for worker in workers] for _ in range(rounds)]
    finally:
        for worker in workers:
            worker.close()
    first = [sum(turn[0]["cpu"]) for turn in turns]
    return tuple(_summary(worker, [turn[i] for turn in turns], first, batch=batch) for i, worker in enumerate(workers))


class _Worker:
    """The process of one contestant."""

    def __init__(self, contestant: Contestant, options: dict[str, Any]) -> None:
        self.contestant = contestant
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULES[contestant.engine]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        asked = {"model": str(contestant.model), "task": contestant.task, "imgsz": contestant.imgsz, **options}
        self.started = self._ask(json.dumps(asked))

    def take(self, runs: int) -> dict[str, Any]:
        """Run so many batches; seconds of each."""
        return self._ask(str(runs))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and its last words say why
        answer = self._process.stdout.readline()
        if not answer:
            _, words = self._process.communicate()
            raise RuntimeFailure(
                f"{self.contestant.model}: the process that ran it with {self.contestant.engine} ended: "
                f"{(words.strip().splitlines() or ['without a word'])[-1]}"
            )
        content: dict[str, Any] = json.loads(answer)
        if "error" in content:
            raise RuntimeFailure(content["error"], hint=content["hint"])
        return content


def _summary(worker: _Worker, turns: Sequence[dict[str, Any]], first: Sequence[float], *, batch: int) -> Latency:
    wall = np.concatenate([turn["wall"] for turn in turns]) * 1e3
    ratios = [sum(turn["cpu"]) / base for turn, base in zip(turns, first, strict=True)]
    p50, p95, p99 = np.percentile(wall, [50, 95, 99]).tolist()
    low, high = np.percentile(ratios, [25, 75]).tolist()
    return Latency(
        model=str(worker.contestant.model),
        engine=worker.contestant.engine,
        p50=p50,
        p95=p95,
        p99=p99,
        cpu=median(value for turn in turns for value in turn["cpu"]) * 1e3,
        images_per_s=1e3 * batch * len(wall) / float(wall.sum()),
        start_cpu=worker.started["cpu"],
        memory=worker.started["memory"],
        peak=turns[-1]["peak"],
        ratio=median(ratios),
        ratio_range=(low, high),
    )
