"""A day of decisions: judged, logged, and decided again from the log.

    python benchmarks/replay.py [--hours 24] [--fps 10] [--seed 0] [--log FOLDER]

A simulated line: parts pass, some with a scratch that a detector sees in most frames; queues drop frames, the camera is
lost now and then, the light fails, an image has as many boxes as are allowed. Judge and log are the real ones, with
regions, k of n, objects counted once and limits on the quality of 64 x 48 px pictures. No frame may be missing, and
every decision must come out of the log as it went in. The table is written beside this file.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.edge.frame import Frame, State
from yolo_tl.edge.prediction import Prediction, StageTimes
from yolo_tl.files import write_text
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.record import header
from yolo_tl.inspection.replay import replay
from yolo_tl.inspection.rules import QualityLimits, Region, Rule, Rules
from yolo_tl.inspection.sinks.log import LogSink

NAMES = ("scratch", "dent", "screw")
MODEL = "0" * 64
PASSAGE = 24  # frames that a part is in view
LIT = np.random.default_rng(0).integers(60, 200, (48, 64, 3), dtype=np.uint8)
DARK = np.zeros_like(LIT)
RULES = Rules(
    rules=(
        Rule("no-scratch", classes=("scratch",), regions=("belt",), max=0, min_size=2, k_of_n=(3, 5)),
        Rule("dents-once", classes=("dent",), max=0, once_per_track=True, k_of_n=(2, 3)),
        Rule("screws", classes=("screw",), regions=("belt",), max=4),
    ),
    regions=(Region("belt", ((0.0, 0.1), (1.0, 0.1), (1.0, 0.9), (0.5, 0.7), (0.0, 0.9)), unit="share"),),
    quality=QualityLimits(max_dark=0.9),
)


@dataclass
class Tally:
    """What is counted twice: of the decisions as they were made, and as they came out of the log."""

    frames: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, decision: Decision) -> None:
        """Count a decision."""
        frame = decision.prediction.frame
        seen = decision.prediction.result is not None
        self.frames[decision.verdict if seen else frame.state] += frame.count
        self.verdicts[decision.verdict] += 1
        self.reasons.update(reason.code for reason in decision.reasons)
        self.counted.update(decision.counts)


def line(frames: int, seed: int) -> Iterator[Prediction]:
    """What a model says of so many frames of a day."""
    rng = np.random.default_rng(seed)
    number, lost, dark = 0, 0, 0
    scratched = dented = False
    while number < frames:
        chance = rng.random(6)
        if number % PASSAGE == 0:
            scratched, dented = bool(chance[4] < 0.05), bool(chance[5] < 0.03)
        lost = lost - 1 if lost else int(rng.integers(1, 300)) if chance[0] < 1e-4 else 0
        dark = dark - 1 if dark else int(rng.integers(1, 100)) if chance[1] < 1e-4 else 0
        count = 1
        if lost or chance[2] < 0.01:
            state: State = "lost" if lost else ("dropped", "late", "stale")[number % 3]  # type: ignore[assignment]
            if state == "dropped":
                count = min(int(rng.integers(1, 8)), frames - number)
            yield Prediction(frame_of(number, None, state, count), None, NAMES, MODEL)
        else:
            found = things(number % PASSAGE, rng, scratched=scratched, dented=dented)
            saturated = bool(chance[3] < 1e-3)
            frame, times = frame_of(number, DARK if dark else LIT), StageTimes(0.5, 12.25, 0.25)
            yield Prediction(frame, found, NAMES, MODEL, saturated=saturated, queue_age=0.01, times=times)
        number += count


def frame_of(number: int, image: np.ndarray | None, state: State = "ok", count: int = 1) -> Frame:
    """A frame of the simulated camera."""
    return Frame(image, "camera", number, captured=1.7e9 + number / 10, state=state, count=count)


def things(place: int, rng: np.random.Generator, *, scratched: bool, dented: bool) -> Detections:
    """What is found of a part that has come so far: its screws, and most times its defects."""
    x = 4 + 2.5 * place
    rows = [[x + i, 20, x + i + 3, 23, 0.9, 2] for i in range(0, 8, 4)]
    if scratched and rng.random() < 0.9:
        rows.append([x, 26, x + 6, 29, rng.uniform(0.3, 0.9), 0])
    if dented and rng.random() < 0.9:
        rows.append([x, 30, x + 8, 38, rng.uniform(0.3, 0.9), 1])
    return Detections.from_rows(rows)


def memory() -> float:
    """Memory of this process, MiB; 0 where that is not told."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0.0
    return next(int(row.split()[1]) / 1024 for row in status.read_text().splitlines() if row.startswith("VmRSS"))


def judged(frames: int, seed: int, folder: Path, after: Callable[[int], None]) -> tuple[Tally, dict[str, float]]:
    """Judge and log a day: what was counted, and CPU µs a decision."""
    judge, sink, tally = Judge(RULES, NAMES), LogSink(folder, budget=None), Tally()
    spent = {"judging": 0.0, "writing": 0.0}
    sink.open(header(RULES, NAMES, MODEL))
    for index, prediction in enumerate(line(frames, seed)):
        start = process_time()
        decision = judge.judge(prediction)
        between = process_time()
        sink.write(decision)
        spent["judging"] += between - start
        spent["writing"] += process_time() - between
        tally.add(decision)
        after(index)
    sink.close()
    total = tally.verdicts.total()
    if sink.counters.delivered != total or sink.counters.failed or sink.counters.dropped:
        raise SystemExit(f"the log took {sink.counters} of {total} decisions")
    return tally, {key: value / total * 1e6 for key, value in spent.items()}


def replayed(folder: Path, after: Callable[[int], None]) -> tuple[Tally, int, float]:
    """Decide a log again: what was counted, how many differ, and CPU µs a decision."""
    tally, different, spent = Tally(), 0, 0.0
    seen = replay(folder)
    while True:
        start = process_time()
        one = next(seen, None)
        spent += process_time() - start
        if one is None:
            break
        tally.add(one.decision_now)
        different += one.same is not True
        after(tally.verdicts.total())
    if seen.gaps or seen.cut:
        raise SystemExit(f"lines are missing: {seen.gaps} {seen.cut}")
    return tally, different, spent / tally.verdicts.total() * 1e6


def main(arguments: list[str] | None = None) -> None:
    """Judge, log, replay, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="folder that keeps the log; default: a temporary one")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".md"))
    asked = parser.parse_args(arguments)
    frames = round(asked.hours * 3600 * asked.fps)
    sizes: list[float] = []

    def after(index: int) -> None:
        if index % 50_000 == 49_999:
            sizes.append(memory())

    with tempfile.TemporaryDirectory() if asked.log is None else nullcontext(asked.log) as folder:
        then, spent = judged(frames, asked.seed, Path(folder), after)
        now, different, replaying = replayed(Path(folder), after)
        files = [file.stat().st_size for file in Path(folder).glob("*.jsonl")]
    if then != now or different or then.frames.total() != frames:
        raise SystemExit(f"expected {then}\nfound {now}\n{different} decisions differ")
    unseen = {state: then.frames[state] for state in ("dropped", "late", "stale", "lost")}
    rows = [
        ("frames", f"{frames:,}"),
        *((f"of them {verdict}, looked at", f"{then.frames[verdict]:,}") for verdict in ("PASS", "FAIL", "UNKNOWN")),
        *((f"of them {state}, which is UNKNOWN", f"{count:,}") for state, count in unseen.items()),
        ("decisions", f"{then.verdicts.total():,}"),
        ("decisions that differ in the replay", f"{different:,}"),
        ("counters that differ in the replay", f"{sum(getattr(then, k) != getattr(now, k) for k in vars(then))}"),
        ("log, MB in files", f"{sum(files) / 1e6:,.0f} in {len(files)}"),
        ("judging, CPU µs a decision", f"{spent['judging']:.1f}"),
        ("writing, CPU µs a decision", f"{spent['writing']:.1f}"),
        ("replaying, CPU µs a decision", f"{replaying:.1f}"),
    ]
    if sizes:
        rows.append(("memory after the first 50,000 decisions, at most, MiB", f"{sizes[0]:.0f}, {max(sizes):.0f}"))
    text = "\n".join(
        [
            "# A day of decisions, decided again",
            "",
            f"`python benchmarks/replay.py --hours {asked.hours:g} --fps {asked.fps:g} --seed {asked.seed}`: a "
            f"simulated line, judge and log as they are; one process, {platform.machine()}, Python "
            f"{platform.python_version()}, NumPy {np.__version__}. Frames = PASS + FAIL + UNKNOWN.",
            "",
            "| | |",
            "|---|---:|",
            *(f"| {title} | {value} |" for title, value in rows),
            "",
            "Counters: frames by what became of them, verdicts, reasons by code, and what each rule counted.",
            "",
        ]
    )
    write_text(asked.results, text)
    print(text, end="")


if __name__ == "__main__":
    main()
