from __future__ import annotations

from pathlib import Path

import pytest
from support.peers import datumaro_boxes, our_boxes
from support.pictures import picture
from support.sources import dota as source

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, Dropped, Event, ImageRecord
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError

FORMAT = FORMATS["dota"]
SQUARE = (1.0, 2.0, 9.0, 2.0, 9.0, 8.0, 1.0, 8.0)
POINTS = "1 2 9 2 9 8 1 8"


def events(folder: Path) -> list[Event]:
    return list(FORMAT.read(Tree(folder), ReadOptions()))


def objects(folder: Path) -> list[Annotation]:
    return [a for event in events(folder) if isinstance(event, ImageRecord) for a in event.annotations]


def one(folder: Path, text: str | bytes, image: str = "P1.png") -> Path:
    picture(folder / "images" / image)
    path = folder / "labelTxt" / "P1.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_example(tmp_path: Path) -> None:
    source.write(tmp_path)
    assert FORMAT.sniff(Tree(tmp_path)) == "3 text files of DOTA rows (8 numbers and a category), 3 images matched"
    found = [event for event in events(tmp_path) if isinstance(event, ImageRecord)]
    assert [(r.path.name, r.split, [(a.name, a.difficult, a.place) for a in r.annotations]) for r in found] == [
        ("P0001.png", "train", [("small-vehicle", False, "line 3"), ("storage-tank", True, "line 4")]),
        ("P0002.png", "train", []),
        ("P0003.png", "val", [("plane", False, "line 1"), ("Boeing737", True, "line 2")]),
    ]
    tank = found[0].annotations[1]
    assert tank.box is None
    assert tank.corners == (60, 5, 104, 5, 104, 25, 60, 25)  # beyond the image of 100 px, in the order written


@pytest.mark.parametrize(
    ("row", "name", "difficult"),
    [
        (f"{POINTS} plane", "plane", False),  # without a difficulty
        (f"{POINTS} plane 1", "plane", True),
        (f"{POINTS} plane 2", "plane", True),
        (f"{POINTS} ground-track-field 0", "ground-track-field", False),
        (f"{POINTS} A220 0", "A220", False),
        (f"{POINTS} Other Ship 1", "Other Ship", True),
        (f"{POINTS.replace(' ', ',')},plane,1", "plane", True),
        (f"{POINTS.replace(' ', ', ')}, plane, 0,", "plane", False),
        ("1.0 2e0 9. 2 9 8 +1 8.00 plane 0", "plane", False),
        (f"\t{POINTS}  plane 0 \r", "plane", False),
    ],
)
def test_rows(row: str, name: str, difficult: bool, tmp_path: Path) -> None:
    one(tmp_path, f"{row}\n")
    assert FORMAT.sniff(Tree(tmp_path))
    assert objects(tmp_path) == [Annotation(name, None, "line 1", difficult=difficult, corners=SQUARE)]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ("1 2 9 2 9 8 1 plane 0", "malformed", "expected numbers: could not convert string to float: 'plane'"),
        (POINTS, "no_class", "expected 8 numbers and a category, found 8 columns"),
        ("1 2 9 2", "malformed", "expected 8 numbers and a category, found 4 columns"),
        (
            f"{POINTS.replace('9', 'x')} plane 0",
            "malformed",
            "expected numbers: could not convert string to float: 'x'",
        ),
    ],
)
def test_a_row_that_cannot_be_read(row: str, reason: str, detail: str, tmp_path: Path) -> None:
    path = one(tmp_path, f"gsd:1\n{POINTS} plane 0\n{row}\n")
    assert events(tmp_path)[0] == Dropped(reason, path, "line 3", detail)
    assert len(objects(tmp_path)) == 1


def test_a_category_that_is_a_number_is_read(tmp_path: Path) -> None:
    one(tmp_path, f"{POINTS} plane 0\n{POINTS} 737 0\n")
    assert [a.name for a in objects(tmp_path)] == ["plane", "737"]


@pytest.mark.parametrize("number", ["1e999", "NaN", "-1000", "9" * 400])
def test_absurd_numbers_go_on_to_be_cleaned(number: str, tmp_path: Path) -> None:
    one(tmp_path, f"{POINTS} plane 0\n{number} 2 9 2 9 8 1 8 plane 0\n")
    assert [len(a.corners) for a in objects(tmp_path)] == [8, 8]


@pytest.mark.parametrize("image", ["P1.jpg", "P1.tif", "P1.bmp", "p1.PNG"])
def test_images_of_any_kind(image: str, tmp_path: Path) -> None:
    one(tmp_path, f"{POINTS} plane 0\n", image)
    (record,) = events(tmp_path)
    assert isinstance(record, ImageRecord)
    assert record.path.name == image


def test_an_image_that_is_missing_is_named(tmp_path: Path) -> None:
    one(tmp_path, f"{POINTS} plane 0\n", "other.png")
    record = events(tmp_path)[0]
    assert isinstance(record, ImageRecord)
    assert record.path == tmp_path / "images" / "P1.png"


def test_two_versions_of_the_labels(tmp_path: Path) -> None:
    one(tmp_path, f"{POINTS} plane 0\n")
    second = tmp_path / "labelTxt-v1.5" / "P1.txt"
    second.parent.mkdir()
    second.write_text(f"{POINTS} plane 0\n")
    with pytest.raises(DataError, match="expected one label file, found"):
        events(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    one(tmp_path, f"imagesource:GoogleEarth\n{POINTS} flugzeug-größe 0\n".encode(encoding))
    assert FORMAT.sniff(Tree(tmp_path))
    assert [a.name for a in objects(tmp_path)] == ["flugzeug-größe"]


def test_latin1_names_the_line(tmp_path: Path) -> None:
    one(tmp_path, f"{POINTS} Größe 0\n".encode("latin-1"))
    assert FORMAT.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match=r"P1\.txt:1: expected UTF-8"):
        events(tmp_path)


@pytest.mark.parametrize(
    "row",
    [
        "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5",  # YOLO OBB
        "1 2 9 2 9 8 1 8 3",
        "1,2,9,2,9,8,1,8,Genaxis Theatre",  # text spotting
        "1,2,9,2,9,8,1,8,###",
        "10,5,20,30,1,4,0,0",  # VisDrone
    ],
)
def test_other_rows_are_not_dota(row: str, tmp_path: Path) -> None:
    one(tmp_path, f"{row}\n")
    assert FORMAT.sniff(Tree(tmp_path)) is None


def test_a_peer_reads_the_same(tmp_path: Path) -> None:
    one(tmp_path / "train", f"imagesource:GoogleEarth\ngsd:0.14\n{POINTS} plane 0\n20 20 40 20 40 30 20 30 ship 1\n")
    theirs = datumaro_boxes(tmp_path, "dota")
    assert {stem: [pytest.approx(box, abs=0.5) for box in boxes] for stem, boxes in theirs.items()} == our_boxes(
        tmp_path, "dota"
    )
