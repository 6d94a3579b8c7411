"""Where the demo begins, goes on and ends. A short walk draws and converts pictures, then does what it is told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.demos import Heard, finished

from yolo_tl.api.demonstration import demo, walk
from yolo_tl.api.demonstration.call import Call
from yolo_tl.api.demonstration.record import FILE, read_record
from yolo_tl.api.demonstration.steps import STEPS, Action, Found, Stage
from yolo_tl.errors import ConfigError, TrainingInterrupted, UsageError, WeightsNotFound


class Last:
    """The last step of a short walk: does something, then is done."""

    def __init__(self) -> None:
        self.does: Callable[[], object] = lambda: None

    def __call__(self, stage: Stage) -> Action:
        def take() -> Found:
            self.does()
            return Found("done")

        return Action(Call("plan", [stage.out / "data"]), take)


@pytest.fixture
def last(monkeypatch: pytest.MonkeyPatch) -> Last:
    step = Last()
    monkeypatch.setattr(walk, "STEPS", {"sample": STEPS["sample"], "convert": STEPS["convert"], "plan": step})
    return step


@pytest.fixture
def weights(tmp_path: Path) -> str:
    path = tmp_path / "w.pt"
    path.write_bytes(b"a checkpoint")
    return str(path)


def contents(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def stop() -> None:
    raise KeyboardInterrupt


def test_what_was_stopped_goes_on_with_the_step_that_was_not_finished(tmp_path: Path, weights: str, last: Last) -> None:
    out, heard = tmp_path / "demo", Heard()
    last.does = stop
    with pytest.raises(KeyboardInterrupt):
        demo(out, weights=weights, images=9, listener=heard)
    assert heard.begun == ["sample", "convert", "plan"]
    assert heard.pictures[-1] == (9, 9)
    kept = read_record(out)
    assert kept is not None
    assert [step.name for step in kept.steps] == ["sample", "convert"]
    assert kept.spent.keys() == {"plan"}
    before = contents(out / "data")

    last.does, heard = lambda: None, Heard()
    result = demo(out, listener=heard)  # nothing is asked for: all is as it was
    assert heard.begun == ["plan"]
    assert [step.name for step in heard.ended] == ["sample", "convert", "plan"]
    assert heard.chosen[0].weights == weights
    assert contents(out / "data") == before
    assert not result.kept
    assert result.steps[-1].seconds >= round(kept.spent["plan"], 2)


def test_a_training_that_was_stopped_says_how_to_go_on(tmp_path: Path, weights: str, last: Last) -> None:
    def stopped() -> None:
        raise TrainingInterrupted("stopped", hint="yolo-tl resume runs/train1")

    last.does = stopped
    with pytest.raises(TrainingInterrupted, match="stopped in plan") as caught:
        demo(tmp_path / "demo", weights=weights, images=9)
    assert caught.value.hint == "the same command goes on there"


def test_a_finished_demo_is_read_and_left_alone(tmp_path: Path) -> None:
    finished(tmp_path).write(tmp_path)
    before, heard = contents(tmp_path), Heard()
    result = demo(tmp_path, listener=heard)
    assert result.kept
    assert result.steps == finished(tmp_path).steps
    assert heard.begun == []
    assert contents(tmp_path) == before
    with pytest.raises(UsageError, match="epochs was 26, is 27"):
        demo(tmp_path, epochs=27)


def test_overwrite_begins_anew_and_touches_what_a_demo_makes_only(tmp_path: Path, weights: str, last: Last) -> None:
    out = tmp_path / "demo"
    (out / "bundle").mkdir(parents=True)
    (out / "notes.txt").write_text("mine", "utf-8")
    finished(out).write(out)
    with pytest.raises(WeightsNotFound):
        demo(out, weights="no/such.pt", overwrite=True)
    assert demo(out).kept, "a demo that cannot begin has cleared the one before"
    heard = Heard()
    result = demo(out, weights=weights, images=10, overwrite=True, listener=heard)
    assert heard.begun == ["sample", "convert", "plan"]
    assert result.steps[0].figure.startswith("10 pictures")
    assert not (out / "bundle").exists()
    assert (out / "notes.txt").read_text("utf-8") == "mine"


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path, weights: str) -> None:
    out = tmp_path / "photos"
    (out / "data").mkdir(parents=True)
    (out / "data" / "1.jpg").write_bytes(b"x")
    before = contents(out)
    with pytest.raises(UsageError, match="already holds files"):
        demo(out, weights=weights)
    with pytest.raises(UsageError, match="expected the folder of a demo"):
        demo(out, weights=weights, overwrite=True)
    with pytest.raises(UsageError, match="expected a folder, found a file"):
        demo(weights, weights=weights)
    assert contents(out) == before


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"imgsz": 100}, {"imgsz": 0}])
def test_numbers_out_of_range_are_refused_before_anything_is_made(
    tmp_path: Path, weights: str, wrong: dict[str, int]
) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: expected"):
        demo(tmp_path / "demo", weights=weights, **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "demo").exists()


def test_what_came_to_nothing_may_be_asked_for_in_another_way(tmp_path: Path, weights: str, last: Last) -> None:
    out = tmp_path / "demo"
    with pytest.raises(ConfigError, match="images"):
        demo(out, weights=weights, images=3, seed=4)
    assert (out / FILE).is_file()
    demo(out, images=9)
    kept = read_record(out)
    assert kept is not None
    assert (kept.settings.images, kept.settings.seed, kept.finished) == (9, 4, True)


def test_what_was_killed_while_it_drew_leaves_nothing_half(tmp_path: Path, weights: str, last: Last) -> None:
    out = tmp_path / "demo"
    line = ["demo", str(out), "--weights", weights, "--images", "100000", "--quiet"]
    with subprocess.Popen([sys.executable, "-m", "yolo_tl", *line]) as process:
        try:
            while not list(out.glob(".sample.*")):  # where the pictures go until all are drawn
                assert process.poll() is None, "it ended before it drew"
                time.sleep(0.05)
        finally:
            process.kill()
    assert demo(out, images=9).steps[0].figure.startswith("9 pictures")
    assert sorted(path.name for path in out.iterdir()) == ["data", FILE, "sample"]
