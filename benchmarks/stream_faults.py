"""How soon, and how surely, a source that fails is noticed.

    python benchmarks/stream_faults.py [--trials 14]

A camera in a process of its own serves JPEG pictures over HTTP on the loopback interface (``mjpeg_server.py``); another
process writes pictures into a folder that is watched. At a random moment one of them is made to fail. What counts is
the time from that moment until a frame is handed over that is not ``ok``: at most one period of the camera and the
timeout. Every number must come once and in order; and what came
must be what is counted: in = judged + dropped + unknown. Afterwards the camera is well again, and has to be seen.

The table goes to stdout and to ``stream_faults.md`` and ``stream_faults.json`` beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from mjpeg_server import jpegs

from yolo_tl.edge import Frame
from yolo_tl.files import write_json, write_text
from yolo_tl.streams import Source, Stream, StreamOptions, WatchSource, open_source

PERIOD, TIMEOUT = 0.05, 0.4
"""Seconds: of the camera, and without a picture (or with one and the same) until it is given up."""

HTTP_FAULTS = {
    "killed": "SIGKILL to the camera",
    "stopped": "SIGSTOP to the camera: the connection stays, nothing comes",
    "closed": "the camera closes the connection, and every new one",
    "frozen": "one picture again and again",
    "garbage": "random bytes as pictures",
    "truncated": "half of each picture",
    "noise": "random bytes in place of the protocol",
    "resized": "pictures of another size",
    "slow": "a picture every 10 s",
    "trickle": "a picture, 20 bytes in a second",
}
FOLDER_FAULTS = {
    "folder-garbage": "random bytes in a file that is called .jpg",
    "folder-truncated": "half an image, and the writer is gone",
    "folder-empty": "a file without content",
    "folder-removed": "the watched folder is renamed",
    "folder-silent": "the writer is killed",
}
FAULTS = HTTP_FAULTS | FOLDER_FAULTS


@dataclass
class Trial:
    """What was seen of one fault.

    Attributes:
        fault: which.
        noticed: s until a frame that is not ok was handed over; None if there was none.
        state: of that frame.
        recovered: s from its end until the next frame that is ok; None if there was none.
        accounted: every number once and in order, as the counters say.
    """

    fault: str
    noticed: float | None = None
    state: str = ""
    recovered: float | None = None
    accounted: bool = True
    states: dict[str, int] = field(default_factory=dict)


class Watcher:
    """Takes frames and checks that none is missing."""

    def __init__(self, stream: Stream, trial: Trial) -> None:
        self.stream = stream
        self.trial = trial
        self.next = 0

    def until(self, ok: bool, seconds: float) -> float | None:
        """Monotonic time at which a frame was handed over that is ok, or is not; None if none was in time."""
        end = time.monotonic() + seconds
        for frame in self.stream:
            now = time.monotonic()
            self._count(frame)
            if (frame.state == "ok") == ok:
                self.trial.state = self.trial.state if ok else frame.state
                return now
            if now > end:
                return None
        return None

    def check(self) -> None:
        """Compare what was taken with what the stream has counted."""
        counters = self.stream.counters
        self.trial.accounted &= counters.numbered == counters.delivered + counters.waiting
        self.trial.accounted &= counters.delivered == self.next == counters.ok + counters.unknown
        self.trial.accounted &= all(getattr(counters, state) == n for state, n in self.trial.states.items())

    def _count(self, frame: Frame) -> None:
        self.trial.accounted &= frame.number == self.next
        self.next += frame.count
        self.trial.states[frame.state] = self.trial.states.get(frame.state, 0) + frame.count


class Rig(Protocol):
    """Something real that gives pictures and can be made to fail."""

    def source(self) -> Source:
        """What a stream reads."""
        ...

    def fail(self, fault: str) -> None:
        """Begin to fail."""
        ...

    def heal(self, fault: str) -> None:
        """Be well again."""
        ...

    def close(self) -> None:
        """End all that was started."""
        ...


class CameraRig:
    """A camera that is a process, and can be started again where it was."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def source(self) -> Source:
        """What a stream reads."""
        return open_source(f"http://127.0.0.1:{self.port}/", timeout=0.5)

    def start(self) -> None:
        """Start the process."""
        script = Path(__file__).with_name("mjpeg_server.py")
        command = [sys.executable, str(script), "--port", str(self.port), "--period", str(PERIOD)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def fail(self, fault: str) -> None:
        """Begin to fail."""
        if fault == "killed":
            self.process.kill()
        elif fault == "stopped":
            self.process.send_signal(signal.SIGSTOP)
        else:
            self._tell(fault)

    def heal(self, fault: str) -> None:
        """Be well again."""
        if fault == "killed":
            self.close()
            self.start()
        elif fault == "stopped":
            self.process.send_signal(signal.SIGCONT)
        else:
            self._tell("fine")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def _tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


class FolderRig:
    """A folder into which a process writes pictures."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name) / "pictures"
        self.folder.mkdir()
        self.start()

    def source(self) -> Source:
        """What a stream reads."""
        return WatchSource(self.folder, settle=0.0, poll=0.01)  # the writer renames whole files into the folder

    def start(self) -> None:
        """Start the process."""
        self.process = subprocess.Popen([sys.executable, __file__, "--write", str(self.folder)])

    def fail(self, fault: str) -> None:
        """Begin to fail."""
        if fault == "folder-silent":
            self.process.kill()
        elif fault == "folder-removed":
            self.folder.rename(self.folder.with_name("elsewhere"))
        else:
            whole = jpegs(120, 160)[0]
            content = {"garbage": os.urandom(4000), "truncated": whole[: len(whole) // 2], "empty": b""}
            (self.folder / "fault.jpg").write_bytes(content[fault.removeprefix("folder-")])

    def heal(self, fault: str) -> None:
        """Be well again."""
        if fault == "folder-silent":
            self.process.wait()
            self.start()
        elif fault == "folder-removed":
            self.folder.with_name("elsewhere").rename(self.folder)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self._temporary.cleanup()


def write_pictures(folder: Path) -> None:
    """Put whole pictures into a folder, one in each period, for ever."""
    contents, number = jpegs(120, 160), 0
    hidden = folder / ".next"
    while True:
        try:
            hidden.write_bytes(contents[number % len(contents)])
            hidden.rename(folder / f"{os.getpid()}-{number:06d}.jpg")
        except OSError:
            pass
        number += 1
        time.sleep(PERIOD)


def run_trial(fault: str, healthy: float) -> Trial:
    """Let one source fail after so many seconds in which it was well."""
    trial = Trial(fault)
    rig: Rig = FolderRig() if fault in FOLDER_FAULTS else CameraRig()
    options = StreamOptions(timeout=TIMEOUT, stale_after=TIMEOUT, retry=0.05, retry_limit=0.2, hang=1.0)
    try:
        with Stream(rig.source(), options) as stream:
            watcher = Watcher(stream, trial)
            if watcher.until(True, 20.0) is None:
                raise RuntimeError(f"{fault}: the source was never well: {stream.problem}")
            end = time.monotonic() + healthy
            while (left := end - time.monotonic()) > 0:
                watcher.until(False, left)
            began = time.monotonic()
            rig.fail(fault)
            seen = watcher.until(False, 20.0)
            trial.noticed = None if seen is None else seen - began
            rig.heal(fault)
            began = time.monotonic()
            seen = watcher.until(True, 20.0)
            trial.recovered = None if seen is None else seen - began
            watcher.check()
    finally:
        rig.close()
    return trial


def table(trials: list[Trial], load: float) -> str:
    limit = PERIOD + TIMEOUT
    good = sum(trial.noticed is not None and trial.noticed <= limit for trial in trials)
    lines = [
        "# A source that fails",
        "",
        f"`python benchmarks/stream_faults.py`: {len(trials)} trials with a real process as the source; a picture "
        f"every {PERIOD * 1e3:.0f} ms, timeout {TIMEOUT * 1e3:.0f} ms. {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}; the load average before was {load:.1f}.",
        "",
        f"A frame that is not `ok` was handed over within one period and the timeout ({limit * 1e3:.0f} ms) in {good} "
        f"of {len(trials)} trials, and at all in {sum(trial.noticed is not None for trial in trials)}. Every number "
        f"came once and in order, and the counters agree, in {sum(trial.accounted for trial in trials)}. The source "
        f"was seen again in {sum(trial.recovered is not None for trial in trials)}.",
        "",
        "| fault | trials | in time | first state | noticed, ms: median | longest | seen again, ms: median |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for fault, about in FAULTS.items():
        own = [trial for trial in trials if trial.fault == fault]
        noticed = [trial.noticed * 1e3 for trial in own if trial.noticed is not None]
        again = [trial.recovered * 1e3 for trial in own if trial.recovered is not None]
        lines.append(
            f"| {about} | {len(own)} | {sum(value <= limit * 1e3 for value in noticed)} "
            f"| {', '.join(sorted({trial.state for trial in own}))} "
            f"| {median(noticed or [float('nan')]):.0f} | {max(noticed, default=float('nan')):.0f} "
            f"| {median(again or [float('nan')]):.0f} |"
        )
    frames = sum(sum(trial.states.values()) for trial in trials)
    unknown = frames - sum(trial.states.get("ok", 0) for trial in trials)
    lines += [
        "",
        f"Frames in all: {frames} = {frames - unknown} to be judged + {unknown} that are UNKNOWN. RTSP: not run "
        "against a camera.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=14, help="of each fault")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_pictures(options.write)
    chance, load = random.Random(0), os.getloadavg()[0]
    order = list(FAULTS) * options.trials
    chance.shuffle(order)
    trials = []
    for number, fault in enumerate(order):
        trials.append(run_trial(fault, chance.uniform(0.1, 0.5)))
        print(number, trials[-1], file=sys.stderr)
    text = table(trials, load)
    write_text(Path(__file__).with_suffix(".md"), text)
    results: list[dict[str, Any]] = [asdict(trial) for trial in trials]
    write_json(Path(__file__).with_suffix(".json"), {"load": load, "trials": results})
    print(text)


if __name__ == "__main__":
    main()
