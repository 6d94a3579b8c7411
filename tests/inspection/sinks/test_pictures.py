from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sinks import HEADER, decision

from yolo_tl.errors import ConfigError, UsageError, WriteError
from yolo_tl.inspection.sinks import PictureSink
from yolo_tl.inspection.sinks.pictures import picture


def opened(folder: Path, **options: Any) -> PictureSink:
    sink = PictureSink(folder, **options)
    sink.open(HEADER)
    return sink


def taken(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock"))


def test_a_picture_of_what_failed(tmp_path: Path) -> None:
    sink = opened(tmp_path / "new")
    fail = decision(17, captured=0.25, source="rtsp://user:secret@10.0.0.5:554/line 1?a=b")
    for one in (fail, decision(18, "PASS"), decision(19, "UNKNOWN")):
        sink.write(one)
    sink.close()
    (path,) = (tmp_path / "new").glob("*.jpg")
    assert path.name == "00000001_19700101T000000.250000Z_10.0.0.5-554-line-1-a-b_00000017_FAIL.jpg"
    shown = cv2.imread(str(path))
    assert shown.shape[1] == 64
    assert shown.shape[0] > 48
    drawn = picture(fail)
    assert np.abs(drawn[-48:].astype(int) - fail.prediction.draw()).max() == 0
    assert sink.counters.delivered == 1


def test_unknown_by_choice_where_there_is_a_picture(tmp_path: Path) -> None:
    from dataclasses import replace

    sink = opened(tmp_path, verdicts=("UNKNOWN",))
    sink.write(decision(1, "UNKNOWN"))
    late = decision(2)
    frame = replace(late.prediction.frame, state="late")
    sink.write(replace(late, verdict="UNKNOWN", prediction=replace(late.prediction, frame=frame, result=None)))
    sink.close()
    assert [path.name[-20:] for path in tmp_path.glob("*.jpg")] == ["00000002_UNKNOWN.jpg"]


steps = st.lists(st.tuples(st.integers(8, 160), st.integers(8, 160), st.booleans()), min_size=1, max_size=14)


@settings(max_examples=25)
@given(budget=st.integers(3000, 40000), steps=steps, old=st.integers(0, 5))
def test_the_budget_is_never_exceeded_and_the_oldest_go_first(
    tmp_path_factory: pytest.TempPathFactory, budget: int, steps: list[tuple[int, int, bool]], old: int
) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(old):  # of an earlier run with a larger budget
        (folder / f"{number + 1:08d}_x_y_FAIL.jpg").write_bytes(bytes(9000))
    (folder / "mine.jpg").write_bytes(b"")
    sink = opened(folder, budget=budget)
    assert taken(folder) <= budget
    for number, (height, width, restart) in enumerate(steps):
        if restart:
            sink.close()
            sink = opened(folder, budget=budget)
        sink.write(decision(number, size=(height, width), captured=1e9 - number))  # the clock runs backwards
        assert taken(folder) <= budget
    sink.close()
    numbers = sorted(int(path.name[:8]) for path in folder.glob("0*.jpg"))
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) if numbers else True
    assert sink.counters.dropped or numbers
    assert (folder / "mine.jpg").exists()


def test_a_picture_larger_than_the_budget_costs_no_other(tmp_path: Path) -> None:
    sink = opened(tmp_path, budget=6000)
    sink.write(decision(1, size=(16, 16)))
    sink.write(decision(2, size=(300, 300)))
    sink.close()
    assert [path.name[-17:] for path in tmp_path.glob("*.jpg")] == ["00000001_FAIL.jpg"]
    assert (sink.counters.delivered, sink.counters.dropped) == (1, 1)


def test_half_a_picture_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".00000001_t_s_00000000_FAIL.jpg.123.tmp"
    left.write_bytes(b"half")
    opened(tmp_path).close()
    assert not left.exists()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    sink = opened(tmp_path / "there")
    with pytest.raises(WriteError, match="only writer"):
        opened(tmp_path / "there")
    (tmp_path / "there").rename(tmp_path / "moved")
    (tmp_path / "there").write_text("a file")
    with pytest.raises(WriteError, match="could not be written"):
        sink.write(decision(0))
    assert sink.counters.failed == 1
    assert "there" in sink.counters.error
    sink.close()
    with pytest.raises(WriteError, match="could not be made"):
        opened(tmp_path / "there" / "below")
    with pytest.raises(ConfigError, match="budget"):
        PictureSink(tmp_path, budget=0)
    with pytest.raises(UsageError, match="found \\['GOOD'\\]"):
        PictureSink(tmp_path, verdicts=["GOOD"])
