from __future__ import annotations

from pathlib import Path

import pytest
from support.peers import datumaro_boxes, our_boxes
from support.pictures import picture
from support.sources import kitti as source

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError

FORMAT = FORMATS["kitti"]
REST = "1.5 1.6 3.9 -0.65 1.71 46.70 -1.59"


def events(folder: Path) -> list[Event]:
    return list(FORMAT.read(Tree(folder), ReadOptions()))


def records(folder: Path) -> dict[str, ImageRecord]:
    return {Tree(folder).relative(e.path): e for e in events(folder) if isinstance(e, ImageRecord)}


def label(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_example(tmp_path: Path) -> None:
    source.write(tmp_path)
    assert FORMAT.sniff(Tree(tmp_path)) == "4 text files of KITTI rows (a type and 14 or 15 numbers), 4 images matched"
    found = records(tmp_path)
    boxes = {path[-10:]: [(a.name, a.box, a.ignore) for a in record.annotations] for path, record in found.items()}
    assert boxes == {
        "000000.png": [("Car", (10.5, 12, 60.25, 48), False), ("DontCare", (70, 5, 90, 15), True)],
        "000001.png": [("Pedestrian", (1, 2, 20, 40), False), ("Misc", (50, 20, 99, 50), False)],
        "000002.png": [],
        "000003.png": [("Person_sitting", (30, 10, 45, 35), False)],
    }
    assert [record.split for record in found.values()] == ["train", "train", "train", "val"]
    assert [a.place for a in found["training/image_2/000000.png"].annotations] == ["line 1", "line 2"]
    assert all(record.labelled and record.group is None for record in found.values())


def test_training_and_testing_have_images_of_one_name(tmp_path: Path) -> None:
    for folder in ("training/image_2", "training/image_3", "testing/image_2"):
        picture(tmp_path / folder / "000000.png")
    picture(tmp_path / "testing/image_2/000001.png")
    for name in ("000000", "000001"):
        label(tmp_path, f"training/label_2/{name}", f"Car 0 0 0 1 2 3 4 {REST}\n")
    found = records(tmp_path)
    # The second is missing: the image of that name in testing is another.
    assert [*found] == ["training/image_2/000000.png", "training/image_2/000001.png"]
    assert {record.split for record in found.values()} == {"train"}
    assert any(
        isinstance(event, Note) and "3 images lie in folders without labels" in event.text for event in events(tmp_path)
    )


def test_lists_say_nothing_of_testing(tmp_path: Path) -> None:
    for folder in ("training", "testing"):
        picture(tmp_path / folder / "image_2" / "000007.png")
        label(tmp_path, f"{folder}/label_2/000007", f"Car 0 0 0 1 2 3 4 {REST}\n")
    label(tmp_path, "ImageSets/val", "000007\n")
    label(tmp_path, "ImageSets/test", "000007\n")
    assert [record.split for record in records(tmp_path).values()] == ["test", "val"]


def test_tracking(tmp_path: Path) -> None:
    rows = f"0 2 Van 0 0 -1.79 10 20 30 40 {REST}\n2 -1 DontCare -1 -1 -10 5 6 7 8 -1 -1 -1 -1000 -1000 -1000 -10\n"
    label(tmp_path, "training/label_02/0000", rows)
    label(tmp_path, "training/label_02/0001", f"1 0 Car 0 0 0 1 2 3 4 {REST}\n")
    for name in ("image_02/0000/000000", "image_02/0000/000001", "image_02/0000/000002", "image_03/0000/000000"):
        picture(tmp_path / "training" / f"{name}.png")
    sniffed = FORMAT.sniff(Tree(tmp_path))
    assert sniffed == "2 text files of KITTI tracking rows (frame, track, type and 14 or 15 numbers)"
    found = records(tmp_path)
    assert {path: [a.name for a in record.annotations] for path, record in found.items()} == {
        "training/image_02/0000/000000.png": ["Van"],
        "training/image_02/0000/000001.png": [],  # a frame without a row is a background
        "training/image_02/0000/000002.png": ["DontCare"],
        "training/image_02/0001/000001.png": ["Car"],  # missing, not that of another sequence
    }
    groups = [record.group for record in found.values()]
    assert groups == ["training/label_02/0000"] * 3 + ["training/label_02/0001"]
    assert all(record.labelled for record in found.values())
    assert found["training/image_02/0000/000000.png"].annotations[0].box == (10, 20, 30, 40)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Car 0 0 0 1 2 3", "expected 15 or 16 columns, found 7"),
        (f"Car 0 0 0 1 two 3 4 {REST}", "expected numbers: could not convert string to float: 'two'"),
        (f"Car 0 0 0 1 2 3 4 {REST} 0.9 5", "expected 15 or 16 columns, found 17"),
        ("{}", "expected 15 or 16 columns, found 1"),
    ],
)
def test_a_row_that_cannot_be_read(row: str, reason: str, tmp_path: Path) -> None:
    picture(tmp_path / "image_2" / "a.png")
    path = label(tmp_path, "label_2/a", f"Car 0 0 0 1 2 3 4 {REST}\n\n{row}\n")
    found = events(tmp_path)
    assert found[0] == Dropped("malformed", path, "line 3", reason)
    assert isinstance(found[1], ImageRecord)
    assert len(found[1].annotations) == 1


@pytest.mark.parametrize(("written", "read"), [("1e999", "inf"), ("NaN", "nan"), ("-5", "-5.0"), ("9" * 400, "inf")])
def test_absurd_numbers_go_on_to_be_cleaned(written: str, read: str, tmp_path: Path) -> None:
    picture(tmp_path / "image_2" / "a.png")
    label(tmp_path, "label_2/a", f"Car 0 0 0 {written} 2 3 4 {REST}\n")
    (record,) = records(tmp_path).values()
    assert record.annotations[0].box is not None
    assert str(record.annotations[0].box[0]) == read


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    picture(tmp_path / "image_2" / "a.png")
    label(tmp_path, "label_2/a", f"Car 0 0 0 1 2 3 4 {REST}\r\n".encode(encoding))
    (record,) = records(tmp_path).values()
    assert [(a.name, a.box) for a in record.annotations] == [("Car", (1, 2, 3, 4))]


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "image_2" / "a.png")
    label(tmp_path, "label_2/a", f"Car 0 0 0 1 2 3 4 {REST}\n".encode() + b"\xff\xfe\n")
    with pytest.raises(ParseError, match=r"label_2/a\.txt:2: expected UTF-8"):
        events(tmp_path)


def test_names_differ_in_case_and_unicode_form(tmp_path: Path) -> None:
    picture(tmp_path / "image_2" / "A\u0308.PNG")
    label(tmp_path, "label_2/\u00e4", f"Car 0 0 0 1 2 3 4 {REST}\n")
    (record,) = records(tmp_path).values()
    assert record.path.is_file()


def test_other_text_and_images_without_labels(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        picture(tmp_path / "images" / f"{stem}.png")
    label(tmp_path, "labels/a", f"Car 0 0 0 1 2 3 4 {REST}\n")
    label(tmp_path, "labels/README", "Car 0.00 is a type\n")
    found = events(tmp_path)
    assert [(e.path.name, e.labelled) for e in found if isinstance(e, ImageRecord)] == [
        ("a.png", True),
        ("b.png", False),
    ]
    assert Note("1 text files hold no labels and are left out, first: labels/README.txt") in found


def test_a_few_rows_that_fit_do_not_make_a_folder_kitti(tmp_path: Path) -> None:
    for stem in ("a", "b", "c"):
        picture(tmp_path / f"{stem}.png")
        label(tmp_path, stem, "0 0.5 0.5 0.1 0.1\n")
    label(tmp_path, "example", f"Car 0 0 0 1 2 3 4 {REST}\n")
    assert FORMAT.sniff(Tree(tmp_path)) is None
    label(tmp_path, "a", f"Car 0 0 0 1 2 3 4 {REST}\n")
    label(tmp_path, "b", f"Car 0 0 0 1 2 3 4 {REST}\n")
    assert FORMAT.sniff(Tree(tmp_path))  # one file in four is spoiled: its rows are dropped by name
    assert [event.reason for event in events(tmp_path) if isinstance(event, Dropped)] == ["malformed"]


def test_two_label_files_of_one_image(tmp_path: Path) -> None:
    picture(tmp_path / "image_2" / "a.png")
    for folder in ("label_2", "label_old"):
        label(tmp_path, f"{folder}/a", f"Car 0 0 0 1 2 3 4 {REST}\n")
    with pytest.raises(DataError, match="expected one label file, found .*label_2.*label_old"):
        events(tmp_path)


@pytest.mark.parametrize(
    "rows",
    [
        "0 0.5 0.5 0.1 0.1\n",
        "0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2 0.1 0.3 0.1 0.4 0.1 0.5\n",  # a YOLO polygon of 15 columns
        "Car 1 2 3\n",
        "",
    ],
)
def test_other_rows_are_not_kitti(rows: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    label(tmp_path, "a", rows)
    label(tmp_path, "README", f"Each row looks like:\nCar 0 0 0 1 2 3 4 {REST}\n")
    assert FORMAT.sniff(Tree(tmp_path)) is None


def test_many_files_are_parsed_alike_in_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source.write(tmp_path)
    alone = events(tmp_path)
    monkeypatch.setattr("yolo_tl.data.workers.FEW", 1)
    assert list(FORMAT.read(Tree(tmp_path), ReadOptions(workers=2))) == alone


def test_a_peer_reads_the_same(tmp_path: Path) -> None:
    source.write(tmp_path)
    assert datumaro_boxes(tmp_path, "kitti") == our_boxes(tmp_path, "kitti")
