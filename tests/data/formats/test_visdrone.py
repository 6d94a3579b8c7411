from __future__ import annotations

from pathlib import Path

import pytest
from support.pictures import picture
from support.sources import visdrone as source

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.formats.visdrone import NAMES
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ClassOrder, Dropped, Event, ImageRecord
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

FORMAT = FORMATS["visdrone"]


def events(folder: Path) -> list[Event]:
    return list(FORMAT.read(Tree(folder), ReadOptions()))


def one(folder: Path, text: str | bytes) -> Path:
    picture(folder / "images" / "a.jpg")
    path = folder / "annotations" / "a.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_example(tmp_path: Path) -> None:
    source.write(tmp_path)
    why = "4 text files of VisDrone rows (box, score, category, two levels), 4 images matched"
    assert FORMAT.sniff(Tree(tmp_path)) == why
    found = events(tmp_path)
    records = [event for event in found if isinstance(event, ImageRecord)]
    assert [(r.split, [(a.name, a.box, a.ignore) for a in r.annotations]) for r in records] == [
        (
            "train",
            [
                ("car", (10, 5, 30, 35), False),
                ("pedestrian", (40, 5, 50, 15), True),  # score 0
                ("ignored-regions", (60, 20, 99, 49), True),
            ],
        ),
        ("train", [("pedestrian", (1, 1, 9, 21), False), ("motor", (20, 1, 35, 11), False)]),
        ("val", [("others", (3, 4, 53, 44), False)]),
        ("val", []),
    ]
    assert [event.names for event in found if isinstance(event, ClassOrder)] == [NAMES[1:11], ("others",)]


def test_others_that_are_all_ignored_are_no_class(tmp_path: Path) -> None:
    one(tmp_path, "1,1,5,5,0,11,0,0\n")
    assert [event.names for event in events(tmp_path) if isinstance(event, ClassOrder)] == [NAMES[1:11]]


@pytest.mark.parametrize(("folder", "split"), [("test-dev", "test"), ("test-challenge", "test"), ("val", "val")])
def test_splits_of_folders(folder: str, split: str, tmp_path: Path) -> None:
    one(tmp_path / f"VisDrone2019-DET-{folder}", "1,1,5,5,1,1,0,0\n")
    assert [event.split for event in events(tmp_path) if isinstance(event, ImageRecord)] == [split]


def test_videos(tmp_path: Path) -> None:
    root = tmp_path / "VisDrone2019-VID-train"
    for number in (1, 2):
        picture(root / "sequences" / "uav0000013_00000_v" / f"{number:07d}.jpg")
        picture(root / "sequences" / "uav0000020_00000_v" / f"{number:07d}.jpg")
    (root / "annotations").mkdir()
    (root / "annotations" / "uav0000013_00000_v.txt").write_text("1,0,10,20,5,6,1,4,0,0\n3,0,11,21,5,6,1,4,0,1\n")
    (root / "annotations" / "uav0000020_00000_v.txt").write_text("2,7,1,1,5,6,0,0,0,0\n")
    assert FORMAT.sniff(Tree(tmp_path)) == (
        "2 text files of VisDrone-VID rows (frame, target, box, score, category, two levels)"
    )
    records = [event for event in events(tmp_path) if isinstance(event, ImageRecord)]
    assert [(r.path.parent.name[3:10], r.path.name, [a.box for a in r.annotations]) for r in records] == [
        ("0000013", "0000001.jpg", [(10, 20, 15, 26)]),
        ("0000013", "0000002.jpg", []),
        ("0000013", "0000003.jpg", [(11, 21, 16, 27)]),  # missing: the cleaning says so
        ("0000020", "0000001.jpg", []),
        ("0000020", "0000002.jpg", [(1, 1, 6, 7)]),
    ]
    assert not records[2].path.exists()
    assert len({record.group for record in records}) == 2
    assert {record.split for record in records} == {"train"}


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ("1,1,5,5,1,12,0,0", "unknown_category", "expected a category from 0 to 11, found 12"),
        ("1,1,5,5,1,-1,0,0", "unknown_category", "expected a category from 0 to 11, found -1"),
        ("1,1,5,5,1", "malformed", "expected 8 columns, found 5"),
        ("1,1,x,5,1,4,0,0", "malformed", "expected numbers: could not convert string to float: 'x'"),
        ("1,1,5,5,1,4.5,0,0", "malformed", "expected numbers: invalid literal for int() with base 10: '4.5'"),
        ("1,2,1,1,5,5,1,4,0,0", "malformed", "expected 8 columns, found 10"),
    ],
)
def test_a_row_that_cannot_be_read(row: str, reason: str, detail: str, tmp_path: Path) -> None:
    path = one(tmp_path, f"1,1,5,5,1,4,0,0\n{row}\n")
    assert Dropped(reason, path, "line 2", detail) in events(tmp_path)


@pytest.mark.parametrize("number", ["1e999", "nan", "-7", "9" * 400])
def test_absurd_numbers_go_on_to_be_cleaned(number: str, tmp_path: Path) -> None:
    one(tmp_path, f"1,1,5,5,1,4,0,0\n{number},1,5,5,1,4,0,0\n")
    (record,) = (event for event in events(tmp_path) if isinstance(event, ImageRecord))
    assert len(record.annotations) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    one(tmp_path, "1,1,5,5,1,4,0,0\r\n".encode(encoding))
    assert FORMAT.sniff(Tree(tmp_path))
    assert not [event for event in events(tmp_path) if isinstance(event, Dropped)]


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    one(tmp_path, b"1,1,5,5,1,4,0,0\n\xff\xff\n")
    with pytest.raises(ParseError, match=r"a\.txt:2"):
        events(tmp_path)


@pytest.mark.parametrize(
    "row",
    [
        "1,-1,912,484,97,109,0.9,-1,-1,-1",  # detections of the MOT challenge
        "1,1,912,484,97,109,1,1,0.8",  # its truth
        "377,117,463,117,465,130,378,130",  # corners of text
        "0 0.5 0.5 0.1 0.1",
        "1,2,3,4,cat",
    ],
)
def test_other_rows_are_not_visdrone(row: str, tmp_path: Path) -> None:
    one(tmp_path, f"{row}\n")
    assert FORMAT.sniff(Tree(tmp_path)) is None
