from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from yolo_tl.data.records import Annotation
from yolo_tl.data.yolo.label_rows import RowReader, label_path, parse_row

READER = RowReader(("cat", "dog bowl", "3"))


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
        ("images/x.png", "labels/x.txt"),
        ("/a/pictures/x.jpg", "/a/pictures/x.txt"),
        ("/a/my images/x.jpg", "/a/my images/x.txt"),
    ],
)
def test_where_labels_lie(image: str, label: str) -> None:
    assert label_path(Path(image)) == Path(label)


@pytest.mark.parametrize(
    ("line", "name", "repair"),
    [
        ("0 0.5 0.4 0.2 0.6", "cat", ""),
        ("\t0  0.5\t0.4 0.2 0.6 ", "cat", ""),
        ("0.0 5e-1 .4 +0.2 0.6", "cat", ""),
        ("2 0.5 0.4 0.2 0.6", "3", ""),
        ("0,0.5,0.4,0.2,0.6", "cat", "separator"),
        ("0, 0.5, 0.4, 0.2, 0.6,", "cat", "separator"),
        ("0;0.5;0.4;0.2;0.6", "cat", "separator"),
        ("0 0,5 0,4 0,2 0,6", "cat", "decimal_comma"),
        ("cat 0.5 0.4 0.2 0.6", "cat", "class_by_name"),
        ("dog bowl 0.5 0.4 0.2 0.6", "dog bowl", "class_by_name"),
        ("0 0.5 0.4 0.2 0.6 0.87", "cat", "confidence_column"),
        ("cat,0.5,0.4,0.2,0.6,1", "cat", "separator+class_by_name+confidence_column"),
    ],
)
def test_boxes_and_what_is_mended(line: str, name: str, repair: str) -> None:
    found = READER.read_row(line, "line 7")
    assert isinstance(found, Annotation)
    assert (found.name, found.repair, found.place) == (name, repair, "line 7")
    assert found.box == pytest.approx((0.4, 0.1, 0.6, 0.7))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.4 0.2", "malformed"),
        ("0", "malformed"),
        ("hello", "malformed"),
        ("{", "malformed"),
        ("0 0.5 0.4 0.2 x", "malformed"),
        ("0 0.5 0.4 0.2 0.6 1.2", "malformed"),
        ("0 0.5 0.4 0.2 0.6 nan", "malformed"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "malformed"),
        ("0.5 0.5 0.4 0.2 0.6", "malformed"),
        ("nan 0.5 0.4 0.2 0.6", "malformed"),
        ("1e999 0.5 0.4 0.2 0.6", "malformed"),
        ("3 0.5 0.4 0.2 0.6", "class_out_of_range"),
        ("-1 0.5 0.4 0.2 0.6", "class_out_of_range"),
        ("99999999999999999999999 0.5 0.4 0.2 0.6", "class_out_of_range"),
        ("dog 0.5 0.4 0.2 0.6", "unknown_class"),
    ],
)
def test_rows_of_which_nothing_can_be_made(line: str, reason: str) -> None:
    found = READER.read_row(line, "line 7")
    assert isinstance(found, tuple)
    assert found[0] == reason
    assert found[1].startswith("expected")


def test_numbers_that_are_not_finite_are_for_others_to_judge() -> None:
    found = READER.read_row("0 nan 1e999 0.2 0.6", "")
    assert isinstance(found, Annotation)
    assert found.box is not None
    assert math.isnan(found.box[0])
    assert math.isinf(found.box[1])


def test_nine_columns_are_a_polygon_or_corners() -> None:
    line = "0 0.1 0.2 0.3 0.2 0.3 0.4 0.1 0.4"
    ring = (0.1, 0.2, 0.3, 0.2, 0.3, 0.4, 0.1, 0.4)
    assert READER.read_row(line, "") == Annotation("cat", None, "", parts=(ring,))
    oriented = RowReader(("cat",), oriented=True)
    assert oriented.read_row(line, "") == Annotation("cat", None, "", corners=ring)
    predicted = Annotation("cat", None, "", corners=ring, repair="confidence_column")
    assert oriented.read_row(f"{line} 0.9", "") == predicted
    more = oriented.read_row(f"{line} 0.1 0.3", "")
    assert isinstance(more, Annotation)
    assert len(more.parts[0]) == 10


@pytest.mark.parametrize(
    ("shape", "columns", "keypoints"),
    [
        ((2, 3), "0.1 0.2 2 0.3 0.4 1", (0.1, 0.2, 2, 0.3, 0.4, 1)),
        ((2, 3), "0.1 0.2 0 0 0 0", (0.1, 0.2, 0, 0, 0, 0)),
        ((2, 3), "0.1 0.2 0.93 0.3 0.4 -1", (0.1, 0.2, 2, 0.3, 0.4, 0)),
        ((2, 2), "0.1 0.2 0.3 0.4", (0.1, 0.2, 2, 0.3, 0.4, 2)),
        ((2, 2), "0 0 -0.1 0.4", (0, 0, 0, -0.1, 0.4, 0)),
        ((1, 3), "0.1 0.2 1", (0.1, 0.2, 1)),
    ],
)
def test_keypoints(shape: tuple[int, int], columns: str, keypoints: tuple[float, ...]) -> None:
    found = RowReader(("cat",), shape).read_row(f"0 0.5 0.4 0.2 0.6 {columns}", "")
    assert isinstance(found, Annotation)
    assert found.box == pytest.approx((0.4, 0.1, 0.6, 0.7))
    assert found.keypoints == keypoints


def test_without_names_classes_are_called_as_they_are_written() -> None:
    reader = RowReader(None)
    found = [reader.read_row(f"{token} 0.5 0.4 0.2 0.6", "") for token in ("07", "3.0", "cat", "-1", "1e7")]
    assert [item.name if isinstance(item, Annotation) else item[0] for item in found] == [
        "7",
        "3",
        "cat",
        "class_out_of_range",
        "class_out_of_range",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_loses_its_bad_rows_only(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("0 0.5 0.4 0.2 0.6\r\n\r\nbad\r\n \r\n1 0.5 0.4 0.2 0.6".encode(encoding))
    annotations, dropped = pickle.loads(pickle.dumps(READER)).read_file(path)
    assert [(a.name, a.place) for a in annotations] == [("cat", "line 1"), ("dog bowl", "line 5")]
    assert [(d.reason, d.source, d.place) for d in dropped] == [("malformed", path, "line 3")]
