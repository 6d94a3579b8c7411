from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.demos import finished

from yolo_tl.api.demonstration.record import FILE, Record, Step, read_record, require_same
from yolo_tl.api.demonstration.settings import DemoSettings
from yolo_tl.api.demonstration.start import Start
from yolo_tl.errors import DataError, ParseError, UsageError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record = finished(tmp_path).with_spent("verdict", 3.0)
    record.write(tmp_path)
    assert read_record(tmp_path) == record
    assert json.loads((tmp_path / FILE).read_text("utf-8"))["schema"] == 1


def test_where_there_is_no_demo_there_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": {"epochs": "x"}}', "\x00"])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, "utf-8")
    with pytest.raises(ParseError, match=FILE) as caught:
        read_record(tmp_path)
    assert "--overwrite" in caught.value.hint


def test_a_record_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"schema": 99}', "utf-8")
    with pytest.raises(DataError, match="schema 99 is newer"):
        read_record(tmp_path)


def test_time_spent_in_vain_is_added_up_and_goes_with_the_step() -> None:
    record = Record(DemoSettings(), Start("w.pt", "")).with_spent("train", 2.0).with_spent("train", 3.0)
    assert record.spent == {"train": 5.0}
    assert record.with_step(Step("train", "", "", 6.0, 9.0)).spent == {}


def test_another_request_is_refused_and_what_differs_is_named(tmp_path: Path) -> None:
    record = finished(tmp_path)
    require_same(tmp_path, record, {})
    require_same(tmp_path, record, {"images": 30, "weights": "yolo26n-parts.pt"})
    with pytest.raises(UsageError, match=r"images was 30, is 31, weights was yolo26n-parts\.pt, is other\.pt"):
        require_same(tmp_path, record, {"images": 31, "weights": "other.pt"})
