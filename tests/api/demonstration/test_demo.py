"""The whole way with a network that knows nothing: stopped in training, gone on with, finished, shown again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.demos import Heard

from yolo_tl.api.demonstration import demo
from yolo_tl.api.demonstration.record import read_record
from yolo_tl.errors import TrainingInterrupted
from yolo_tl.transfer.progress import EpochReport, Listener, Silent


class Notes(Silent):
    """Keeps what is noted; Ctrl-C comes after the first epoch, once."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stops = True

    def note(self, text: str) -> None:
        self.said.append(text)

    def epoch(self, report: EpochReport) -> None:
        if self.stops:
            self.stops = False
            raise KeyboardInterrupt


class Trainee(Heard):
    """Hears the steps, and the notes of training runs."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self.notes = notes

    def training(self) -> Listener:
        return self.notes


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_from_pictures_to_verdicts_with_a_stop_on_the_way(tmp_path: Path, ultralytics) -> None:
    weights, out, notes = tmp_path / "untrained.pt", tmp_path / "demo", Notes()
    ultralytics.YOLO("yolo26n.yaml", verbose=False).save(weights)
    with pytest.raises(TrainingInterrupted, match="stopped in train"):
        demo(out, weights=str(weights), images=15, imgsz=64, epochs=1, listener=Trainee(notes))
    kept = read_record(out)
    assert kept is not None
    assert [step.name for step in kept.steps] == ["sample", "convert", "check", "plan"]

    heard = Trainee(notes)
    result = demo(out, listener=heard)
    assert heard.begun == ["train", "evaluate", "verdict", "export", "selftest", "inspect"]
    assert notes.said[:2] == ["the run", "the run goes on"]
    metrics = json.loads((out / "run" / "metrics.json").read_text("utf-8"))
    figures = {step.name: step.figure for step in result.steps}
    assert figures["train"].startswith(f"mAP50-95 {metrics['map50_95']:.3f} ")
    assert figures["sample"].startswith("15 pictures, ")
    assert figures["selftest"].startswith("passed ")
    verdict = json.loads((out / "verdict" / "verdict.json").read_text("utf-8"))
    assert result.transfer["outcome"] == verdict["outcome"]
    assert result.transfer["observed"] == verdict["comparison"]["map50_95"]["observed"]
    inspected = result.steps[-1].facts
    pictures = len(list((out / "data" / "images" / "test").iterdir()))
    assert sum(inspected.values()) == pictures
    assert heard.pictures[-1] == (pictures, pictures)
    assert all(path.is_file() for path in result.reports.values())
    assert (out / "bundle" / "manifest.json").is_file()
    assert list((out / "inspection" / "log").iterdir())

    again = Trainee(notes)
    assert demo(out, listener=again).steps == result.steps
    assert again.begun == []
