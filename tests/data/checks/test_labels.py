"""One bad label file for each check of them."""

from __future__ import annotations

import shutil

import pytest

from yolo_tl.data.checks import Severity

BOX = "0 0.5 0.5 0.4 0.4"
FAULTS = {
    "labels.syntax": (["0 0.5 0.5 0.4 wide"], set()),
    "labels.columns": (["0 0.5 0.5 0.4"], set()),
    "labels.confidence_column": (["0 0.5 0.5 0.4 0.4 0.93"], set()),
    "labels.comma_separated": (["0,0.5,0.5,0.4,0.4"], set()),
    "labels.class_not_integer": (["0.5 0.5 0.5 0.4 0.4"], set()),
    "labels.class_out_of_range": (["7 0.5 0.5 0.4 0.4"], set()),
    "labels.not_finite": (["0 0.5 nan 0.4 0.4"], set()),
    "labels.coords_out_of_range": (["0 0.5 1.02 0.4 0.4"], set()),
    "labels.negative_size": (["0 0.5 0.5 -0.4 0.4"], set()),
    "labels.degenerate_box": (["0 0.5 0.5 0 0.4"], set()),
    "labels.box_outside": (["0 0.9 0.5 0.4 0.4"], set()),
    "labels.duplicate_row": ([BOX, "1 0.2 0.2 0.1 0.1", BOX], set()),
}


@pytest.mark.parametrize("id", FAULTS)
def test_one_row_is_wrong(planted, id):
    rows, others = FAULTS[id]
    path = planted.write(*rows)
    found = planted.findings()
    assert set(found) == {id} | others
    assert found[id].count == 1
    example = found[id].examples[0]
    assert (planted.root / example.path, example.line) == (path, len(rows))


def test_class_names_for_numbers(planted):
    planted.write("disc 0.5 0.5 0.4 0.4")
    found = planted.findings()
    assert set(found) == {"labels.syntax"}
    assert "class name" in found["labels.syntax"].message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_bad_encoding(planted, encoding):
    planted.label().write_bytes(f"{BOX}\n".encode(encoding))
    assert set(planted.findings()) == {"labels.bad_encoding"}


def test_latin_1_is_a_bad_encoding(planted):
    planted.config(names=["größe", "square", "triangle"])
    planted.label().write_bytes("größe 0.5 0.5 0.4 0.4\n".encode("latin-1"))
    assert set(planted.findings()) == {"labels.bad_encoding", "labels.syntax"}


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + BOX.encode(), BOX.encode() + b"\r\n", b"\n \n" + BOX.encode()])
def test_marks_and_line_ends_do_no_harm(planted, content):
    planted.label().write_bytes(content)
    assert planted.findings() == {}


def test_mixed_boxes_and_polygons(segments):
    rows = segments.rows()
    segments.write(BOX, *rows)
    assert set(segments.findings()) == {"labels.mixed_boxes_and_polygons"}


def test_identical_files(planted):
    shutil.copy(planted.label(0), planted.label(1))
    found = planted.findings()
    assert set(found) == {"labels.identical_files"}
    assert found["labels.identical_files"].examples[0].path.endswith(planted.label(1).name)


def test_conflict(planted):
    shutil.copy(planted.image(0), planted.root / "images/train/copy.jpg")
    (planted.root / "labels/train/copy.txt").write_text(f"{BOX}\n")
    assert set(planted.findings()) == {"labels.conflict", "images.exact_duplicate"}


def test_classes_counted_from_one(planted):
    planted.each_row(lambda row: f"{int(row[0]) + 1}{row[1:]}")
    found = planted.findings()
    assert "counted from 1" in found["labels.class_out_of_range"].hint
    assert found["labels.class_out_of_range"].severity is Severity.ERROR


def test_pixels_for_shares(planted):
    planted.each_row(lambda row: " ".join([row[0], *(str(100 * float(v)) for v in row.split()[1:])]))
    found = planted.findings()["labels.coords_out_of_range"]
    assert "pixels" in found.hint
    assert len(found.examples) == 20 < found.count


def test_every_bad_row_is_counted_in_files_of_all_kinds(planted):
    planted.write("0 0.5 0.5 0.4 0.4 0.4", "x", "", "0 0.5 0.5 0.4 0.4", "1.2.3 0 0 0 0")
    found = planted.findings()
    assert [(e.line, e.detail) for e in found["labels.syntax"].examples] == [(2, "'x'"), (5, "'1.2.3 0 0 0 0'")]
    assert [e.line for e in found["labels.confidence_column"].examples] == [1]
