from __future__ import annotations

from pathlib import Path

import pytest
from support.peers import datumaro_boxes, our_boxes
from support.pictures import picture
from support.sources import wider_face as source

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError

FORMAT = FORMATS["wider-face"]
ROW = "8 11 12 15 2 0 0 0 2 1"


def events(folder: Path) -> list[Event]:
    return list(FORMAT.read(Tree(folder), ReadOptions()))


def one(folder: Path, text: str | bytes, image: str = "a.jpg") -> Path:
    picture(folder / image)
    path = folder / "faces.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_example(tmp_path: Path) -> None:
    source.write(tmp_path)
    assert (FORMAT.sniff(Tree(tmp_path)) or "").startswith("2 text files of image paths, counts and WIDER FACE rows")
    found = events(tmp_path)
    assert found[0] == ClassOrder(("face",))
    records = [event for event in found if isinstance(event, ImageRecord)]
    assert [(r.path.parent.name, r.split, [(a.box, a.ignore, a.place) for a in r.annotations]) for r in records] == [
        ("0--Parade", "train", [((44, 10, 56, 24), False, "line 3")]),
        ("0--Parade", "train", []),  # its row of zeros is no face
        (
            "1--Handshaking",
            "train",
            [
                ((8, 11, 20, 26), False, "line 9"),
                ((30, 20, 34, 25), True, "line 10"),  # invalid
                ((60, 20, 60, 20), False, "line 11"),  # of zero size: the cleaning drops it by name
            ],
        ),
        ("2--Demonstration", "val", [((5, 5, 35, 45), False, "line 3")]),
    ]
    assert len(found) == 5  # nothing dropped, no note


def test_a_background_without_its_row_of_zeros(tmp_path: Path) -> None:
    picture(tmp_path / "b.jpg")
    one(tmp_path, f"a.jpg\n0\nb.jpg\n1\n{ROW}\n")
    assert FORMAT.sniff(Tree(tmp_path))
    assert [len(e.annotations) for e in events(tmp_path) if isinstance(e, ImageRecord)] == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a.jpg\n2\n{ROW}\nb.jpg\n1\n{ROW}\n", r"faces\.txt:4: expected 2 faces in a\.jpg, found 1"),
        (f"a.jpg\n2\n{ROW}\n", r"faces\.txt:3: expected 2 faces in a\.jpg, found 1"),
        (f"a.jpg\n1\n{ROW}\n{ROW}\n", r"faces\.txt:4: expected the path of an image \(is the count above too low"),
        (f"a.jpg\n1\n{ROW}\nb.jpg\n", r"faces\.txt:5: expected the number of faces in b\.jpg, found ''"),
        (f"a.jpg\n1\n{ROW}\nb.jpg\n{ROW}\n", r"faces\.txt:5: expected the number of faces in b\.jpg"),
        (f"a.jpg\n1\n{ROW}\nb.jpg\n-1\n", r"faces\.txt:5: expected the number of faces"),
        (f"a.jpg\n1\n{ROW}\nb.jpg\n{'9' * 50}\n", r"faces\.txt:5: expected the number of faces"),
        (f"a.jpg\n0\n{ROW}\n", r"faces\.txt:3: expected the path of an image"),
    ],
)
def test_counts_that_do_not_fit(text: str, message: str, tmp_path: Path) -> None:
    one(tmp_path, text)
    with pytest.raises(ParseError, match=message):
        events(tmp_path)


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ("1 2 3", "expected 10 columns, found 3"),
        ("1 2 x 4 0 0 0 0 0 0", "expected numbers: could not convert string to float: 'x'"),
        ("null", "expected 10 columns, found 1"),
    ],
)
def test_a_row_that_cannot_be_read(row: str, detail: str, tmp_path: Path) -> None:
    path = one(tmp_path, f"a.jpg\n2\n{ROW}\n{row}\n")
    assert Dropped("malformed", path, "line 4", detail) in events(tmp_path)


@pytest.mark.parametrize("number", ["1e999", "nan", "-7", "9" * 400])
def test_absurd_numbers_go_on_to_be_cleaned(number: str, tmp_path: Path) -> None:
    one(tmp_path, f"a.jpg\n2\n{ROW}\n{number} 2 3 4 0 0 0 0 0 0\n")
    assert [len(e.annotations) for e in events(tmp_path) if isinstance(e, ImageRecord)] == [2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    one(tmp_path, f"größe.jpg\r\n1\r\n{ROW}\r\n".encode(encoding), "größe.jpg")
    assert FORMAT.sniff(Tree(tmp_path))
    assert [e.path.is_file() for e in events(tmp_path) if isinstance(e, ImageRecord)] == [True]


@pytest.mark.parametrize(
    "name", ["0--P\\a.jpg", "C:\\wider\\0--P\\a.jpg", "/home/x/0--P/A.JPG", "../../0--P/a.jpg", "0--P/a.jpg"]
)
def test_names_of_another_machine(name: str, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1--Q" / "a.jpg")
    one(tmp_path, f"{name}\n1\n{ROW}\n", "images/0--P/a.jpg")
    (tmp_path / "wider_face_test_filelist.txt").write_text("0--P/a.jpg\n")
    found = events(tmp_path)
    assert [e.path.relative_to(tmp_path).as_posix() for e in found if isinstance(e, ImageRecord)] == [
        "images/0--P/a.jpg"
    ]
    assert found[-1] == Note("1 images are in no annotation file and are left out, first: images/1--Q/a.jpg")


def test_a_name_that_fits_two_images(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1--Q" / "a.jpg")
    one(tmp_path, f"a.jpg\n1\n{ROW}\n", "images/0--P/a.jpg")
    with pytest.raises(DataError, match="fits several images"):
        events(tmp_path)


def test_a_missing_image_stays_in_the_source(tmp_path: Path) -> None:
    one(tmp_path, f"../../etc/b.jpg\n1\n{ROW}\n")
    (record,) = (event for event in events(tmp_path) if isinstance(event, ImageRecord))
    assert record.path == tmp_path / "b.jpg"


@pytest.mark.parametrize("text", ["a.jpg\nb.jpg\nc.jpg\n", "a.jpg\n1\n1 2 3 4\n", "a.jpg 1\n", "", "README\n1\n" + ROW])
def test_other_lists_are_not_wider_face(text: str, tmp_path: Path) -> None:
    one(tmp_path, text)
    assert FORMAT.sniff(Tree(tmp_path)) is None


def test_a_peer_reads_the_same(tmp_path: Path) -> None:
    source.write(tmp_path)
    (tmp_path / "wider_face_split" / "wider_face_val_bbx_gt.txt").unlink()  # two lists are too many for it
    assert datumaro_boxes(tmp_path, "wider_face") == our_boxes(tmp_path, "wider-face")
