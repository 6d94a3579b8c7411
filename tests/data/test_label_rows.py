from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.label_rows import format_row, label_path, parse_row


@given(data=st.data(), width=st.integers(1, 20_000), height=st.integers(1, 20_000))
def test_a_box_comes_back_within_a_thousandth_of_a_pixel(data: st.DataObject, width: int, height: int) -> None:
    x1, x2 = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2)))
    y1, y2 = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2)))
    text = format_row(3, (x1, y1, x2, y2), (width, height))
    assert all(0 <= float(value) <= 1 for value in text.split()[1:])
    row = parse_row(text)
    assert row.class_id == 3
    back = [share * side for share, side in zip(row.box, (width, height) * 2, strict=True)]
    assert back == pytest.approx([x1, y1, x2, y2], abs=1e-3)


def test_a_polygon_gives_its_extent() -> None:
    row = parse_row("1 0.1 0.5 0.3 0.2 0.2 0.9")
    assert row.polygon
    assert row.box == (0.1, 0.2, 0.3, 0.9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.1", "found 4 columns"),
        ("0 0.5 0.5 0.1 0.1 0.9", "found 6 columns"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "found 8 columns"),
        ("cat 0.5 0.5 0.1 0.1", "expected numbers"),
        ("1.5 0.5 0.5 0.1 0.1", "whole class number"),
        ("nan 0.5 0.5 0.1 0.1", "whole class number"),
        ("0,0.5,0.5,0.1,0.1", "found 1 columns"),
    ],
)
def test_bad_rows_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_row(text)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("/a/images/train/x.jpg", "/a/labels/train/x.txt"),
        ("/images/a/images/x.y.png", "/images/a/labels/x.y.txt"),
        ("/a/pictures/x.jpg", "/a/pictures/x.txt"),
        ("/a/my images/x.jpg", "/a/my images/x.txt"),
    ],
)
def test_where_labels_lie(image: str, label: str) -> None:
    assert label_path(Path(image)) == Path(label)
