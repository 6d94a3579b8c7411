from __future__ import annotations

from pathlib import Path

import pytest
from support.peers import datumaro_boxes, our_boxes
from support.pictures import picture
from support.sources import openimages as source

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

FORMAT = FORMATS["openimages"]
HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)


def events(folder: Path, task: str = "detect") -> list[Event]:
    return list(FORMAT.read(Tree(folder), ReadOptions(task=task)))  # type: ignore[arg-type]


def one(folder: Path, rows: str | bytes, *, name: str = "train-annotations-bbox.csv") -> Path:
    picture(folder / "train" / "a.jpg")
    path = folder / name
    path.write_bytes(rows if isinstance(rows, bytes) else (HEADER + rows).encode())
    return path


def row(image: str = "a", label: str = "/m/0k4j", box: str = "0.1,0.5,0.2,0.75", flags: str = "0,0,0,0,0") -> str:
    return f"{image},xclick,{label},1,{box},{flags}\n"


def test_the_example(tmp_path: Path) -> None:
    source.write(tmp_path)
    why = FORMAT.sniff(Tree(tmp_path)) or ""
    assert why.startswith(
        "3 CSV files with ImageID and LabelName (2 of boxes, 1 of labels): train-annotations-bbox.csv"
    )
    found = events(tmp_path)
    records = {event.path.stem[-4:]: event for event in found if isinstance(event, ImageRecord)}
    # Both of x come before those of y, and the rows of one image need not follow each other.
    assert {key: [(a.name, a.box, a.crowd, a.place) for a in r.annotations] for key, r in records.items()} == {
        "498e": [
            ("Person", (0.0125, 0.25, 0.5, 0.75), False, "line 2"),
            ("Car", (0.5, 0.1, 0.75, 0.2), False, "line 4"),  # a depiction is kept
        ],
        "71a0": [("Car", (0, 0, 1, 1), True, "line 3")],  # a group
        "83f9": [("Airplane", (0.2, 0.1, 0.4, 0.9), False, "line 2")],
    }
    assert all(record.relative and record.path.is_file() for record in records.values())
    assert [record.split for record in records.values()] == ["train", "train", "val"]
    assert ClassOrder(("Airplane", "Car", "Person")) in found  # as the descriptions have them, those that occur
    labels = tmp_path / "train-annotations-human-imagelabels-boxable.csv"
    assert [event for event in found if isinstance(event, Dropped)] == [
        Dropped("tag", labels, "line 2", "Person, confidence 1")
    ]
    notes = [event.text for event in found if isinstance(event, Note)]
    assert notes == [
        f"{labels.name}: 1 labels say that a class is not in the image; they are no objects",
        "train-images-boxable-with-rotation.csv: 1 images have a Rotation; their boxes are taken for those of the file",
    ]


def test_labels_of_whole_images_are_tags_for_classification(tmp_path: Path) -> None:
    source.write(tmp_path)
    labels = tmp_path / "train-annotations-human-imagelabels-boxable.csv"
    labels.write_text(labels.read_text() + "000002b97e5471a0,machine,/m/0k4j,0.7\n")
    found = events(tmp_path, "classify")
    records = [event for event in found if isinstance(event, ImageRecord) and event.source == labels]
    assert [(a.name, a.is_tag) for record in records for a in record.annotations] == [("Person", True)]
    assert Dropped("unverified", labels, "line 4", "Car, confidence 0.7") in found


def test_labels_alone_are_tags_for_any_task(tmp_path: Path) -> None:
    one(tmp_path, b"ImageID,Source,LabelName,Confidence\na,verification,/m/0k4j,1\n", name="labels.csv")
    assert [a.is_tag for event in events(tmp_path) if isinstance(event, ImageRecord) for a in event.annotations] == [
        True
    ]


def test_a_class_without_a_name_stays_a_mid(tmp_path: Path) -> None:
    one(tmp_path, row())
    found = events(tmp_path)
    assert [a.name for event in found if isinstance(event, ImageRecord) for a in event.annotations] == ["/m/0k4j"]
    assert Note("1 classes have no name in class-descriptions*.csv, which is missing, first: /m/0k4j") in found
    assert ClassOrder(()) in found


def test_descriptions_of_version_7_have_a_header(tmp_path: Path) -> None:
    one(tmp_path, row() + row(label="/m/01"))
    text = "LabelName,DisplayName\n/m/01,Same\n/m/0k4j,Same\n"
    (tmp_path / "oidv7-class-descriptions-boxable.csv").write_text(text)
    found = events(tmp_path)
    assert [a.name for event in found if isinstance(event, ImageRecord) for a in event.annotations] == ["Same", "Same"]
    assert ClassOrder(("Same",)) in found
    assert Note("several classes have one name and become one: Same") in found


MASKS = (
    b"MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"
    b"a_m0k4j_1.png,a,/m/0k4j,1,0.1,0.5,0.2,0.75,0.9,0.1 0.2 1\n"
)


def test_masks_give_boxes(tmp_path: Path) -> None:
    path = one(tmp_path, MASKS, name="train-annotations-object-segmentation.csv")
    assert "1 of masks" in (FORMAT.sniff(Tree(tmp_path)) or "")
    found = events(tmp_path)
    assert [a.box for e in found if isinstance(e, ImageRecord) for a in e.annotations] == [(0.1, 0.2, 0.5, 0.75)]
    assert Note(f"{path.name}: the boxes of the masks are read, the masks are not") in found


def test_masks_of_boxes_that_are_listed_are_not_read_twice(tmp_path: Path) -> None:
    one(tmp_path, MASKS, name="train-annotations-object-segmentation.csv")
    one(tmp_path, row())
    found = events(tmp_path)
    assert sum(len(event.annotations) for event in found if isinstance(event, ImageRecord)) == 1
    assert any(isinstance(event, Note) and "not read" in event.text for event in found)


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("a,xclick,/m/0k4j,1,0.1,0.5\n", "malformed", "expected 13 columns, found 6"),
        (row(box="0.1,x,0.2,0.3"), "malformed", "expected numbers: could not convert string to float: 'x'"),
        (row(box="0.1,,0.2,0.3"), "malformed", "expected numbers: could not convert string to float: ''"),
        (row(image=""), "no_image", "ImageID is empty"),
        (row(label=" "), "no_class", "LabelName is empty"),
    ],
)
def test_a_row_that_cannot_be_read(text: str, reason: str, detail: str, tmp_path: Path) -> None:
    path = one(tmp_path, row() + "\n" + text)
    found = events(tmp_path)
    assert [event for event in found if isinstance(event, Dropped)] == [Dropped(reason, path, "line 4", detail)]
    assert sum(len(event.annotations) for event in found if isinstance(event, ImageRecord)) == 1


@pytest.mark.parametrize("number", ["1e999", "NaN", "-1", "9" * 400])
def test_absurd_numbers_go_on_to_be_cleaned(number: str, tmp_path: Path) -> None:
    one(tmp_path, row() + row(box=f"{number},0.5,0.2,0.7"))
    (record,) = (event for event in events(tmp_path) if isinstance(event, ImageRecord))
    assert len(record.annotations) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    one(tmp_path, (HEADER + row()).replace("\n", "\r\n").encode(encoding))
    assert FORMAT.sniff(Tree(tmp_path))
    assert sum(isinstance(event, ImageRecord) for event in events(tmp_path)) == 1


def test_names_in_latin1(tmp_path: Path) -> None:
    one(tmp_path, row())
    (tmp_path / "class-descriptions.csv").write_bytes("/m/0k4j,Größe\n".encode("latin-1"))
    assert ClassOrder(("Größe",)) in events(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (row() + '"a,xclick\n' + row(), r"train-annotations-bbox\.csv:3: malformed CSV: unexpected end of data"),
        (row() + '"a,xclick\n"' + row(), r"train-annotations-bbox\.csv:3: expected one line, found a quoted cell|:3"),
        (row() + '"' + "x" * 200_000, r":3: malformed CSV: field larger than"),
    ],
)
def test_a_quote_that_swallows_rows(text: str, message: str, tmp_path: Path) -> None:
    one(tmp_path, text)
    assert FORMAT.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match=message):
        events(tmp_path)


@pytest.mark.parametrize("image", ["../../x", "C:\\x", "..", "a/b\x00c"])
def test_a_missing_image_stays_in_the_source(image: str, tmp_path: Path) -> None:
    one(tmp_path, row(image=image))
    (record,) = (event for event in events(tmp_path) if isinstance(event, ImageRecord))
    assert record.path.parent == tmp_path
    assert record.path.name not in ("", "..")
    assert not record.path.exists()


def test_a_million_rows_need_little_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = one(tmp_path, "".join(row(f"{i % 500:016x}") for i in range(20_000)))
    tracemalloc.start()
    stream = FORMAT.read(Tree(tmp_path), ReadOptions())
    record = next(event for event in stream if isinstance(event, ImageRecord))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(record.annotations) == 40
    assert peak < path.stat().st_size * 1.5


def test_other_tables_are_named(tmp_path: Path) -> None:
    one(tmp_path, row())
    (tmp_path / "train-annotations-vrd.csv").write_text("ImageID,LabelName1,LabelName2,XMin1,RelationshipLabel\n")
    found = events(tmp_path)
    assert Note("1 .csv files hold no annotations and are left out, first: train-annotations-vrd.csv") in found


@pytest.mark.parametrize(
    "header",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax",
        "ImageID,LabelName1,LabelName2,XMin1,XMax1,YMin1,YMax1,XMin2,XMax2,YMin2,YMax2,RelationshipLabel",
        "ImageId,X,Y,LabelName,EstimatedYesNo,Source",
        "ImageID,Subset,OriginalURL,Rotation",
    ],
)
def test_other_columns_are_not_open_images(header: str, tmp_path: Path) -> None:
    one(tmp_path, f"{header}\n".encode())
    assert FORMAT.sniff(Tree(tmp_path)) is None


def test_a_peer_reads_the_same(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        (tmp_path / "images" / split).mkdir(parents=True)
    source.write(tmp_path)
    for path in tmp_path.glob("*/*.jpg"):
        path.rename(tmp_path / "images" / path.parent.name / path.name)
    (tmp_path / "annotations").mkdir()
    for path in tmp_path.glob("*.csv"):
        path.rename(tmp_path / "annotations" / path.name)
    theirs = datumaro_boxes(tmp_path, "open_images")
    assert {stem: [pytest.approx(box) for box in boxes] for stem, boxes in theirs.items()} == our_boxes(
        tmp_path, "openimages"
    )


def test_a_cell_over_two_lines_is_named(tmp_path: Path) -> None:
    one(tmp_path, row() + row(label='"/m/\n0k4j"') + row())
    with pytest.raises(ParseError, match=r"bbox\.csv:3: expected one line, found a quoted cell up to 4"):
        events(tmp_path)
