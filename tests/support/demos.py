"""The record of a finished demo that never ran, and listeners that keep what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolo_tl.api.demonstration.listener import Unheard
from yolo_tl.api.demonstration.record import Record, Step
from yolo_tl.api.demonstration.settings import DemoSettings
from yolo_tl.api.demonstration.start import Start
from yolo_tl.api.demonstration.steps import STEPS, Stage

FACTS: dict[str, dict[str, Any]] = {
    "convert": {"train": 18, "val": 6, "test": 6},
    "train": {"map50_95": 0.2, "confidence": 0.2345},
    "verdict": {
        "outcome": "use this",
        "informative": True,
        "epochs": 9,
        "images": 48,
        "a": 0.15,
        "b": 0.01,
        "observed": 0.14,
        "low": 0.09,
        "high": 0.19,
    },
}


def finished(out: Path, **verdict: Any) -> Record:
    """A record of every step, with the commands that the demo would have typed."""
    facts = {**FACTS, "verdict": {**FACTS["verdict"], **verdict}}
    settings, start = DemoSettings(images=30, epochs=26), Start("yolo26n-parts.pt", "it ships with yolo-tl")
    stage = Stage(out, settings, start.weights, facts, Unheard())
    steps = [
        Step(name, step(stage).call.command, f"{name} went well", float(number), 0.5 * number, facts.get(name, {}))
        for number, (name, step) in enumerate(STEPS.items(), start=1)
    ]
    return Record(settings, start, tuple(steps), finished=True)


class Heard(Unheard):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.chosen: list[Start] = []
        self.begun: list[str] = []
        self.ended: list[Step] = []
        self.pictures: list[tuple[int, int]] = []

    def start(self, start: Start) -> None:
        self.chosen.append(start)

    def begin(self, number: int, total: int, name: str, command: str) -> None:
        self.begun.append(name)

    def advance(self, done: int, total: int) -> None:
        self.pictures.append((done, total))

    def end(self, step: Step) -> None:
        self.ended.append(step)
