from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from support import outputs
from support.peers import our_boxes
from support.pictures import picture
from support.sources import csv_boxes as tensorflow
from support.sources import csv_retinanet as retinanet

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError

FORMAT = FORMATS["csv"]
HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def events(folder: Path, **options: object) -> list[Event]:
    return list(FORMAT.read(Tree(folder), ReadOptions(**options)))  # type: ignore[arg-type]


def objects(found: list[Event]) -> list[Annotation]:
    return [a for event in found if isinstance(event, ImageRecord) for a in event.annotations]


def records(found: list[Event]) -> list[ImageRecord]:
    return [event for event in found if isinstance(event, ImageRecord)]


def notes(found: list[Event]) -> str:
    return "\n".join(event.text for event in found if isinstance(event, Note))


def one(folder: Path, text: str | bytes, *, name: str = "boxes.csv", image: str = "a.jpg") -> Path:
    picture(folder / image)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_tensorflow(tmp_path: Path) -> None:
    tensorflow.write(tmp_path)
    why = FORMAT.sniff(Tree(tmp_path)) or ""
    assert why.startswith("2 CSV files of images and boxes: train_labels.csv (filename,width,height,class,xmin,")
    found = events(tmp_path)
    assert [(r.path.name, r.split, r.size, [(a.name, a.box) for a in r.annotations]) for r in records(found)] == [
        ("a.jpg", "train", (100, 50), [("cat", (10, 5, 60, 45)), ("dog, small", (0, 0, 20.5, 20))]),
        ("b.jpg", "train", (100, 50), [("cat", (30, 10, 99, 49))]),
        ("c.jpg", "val", (100, 50), []),
        ("d.jpg", "val", (100, 50), [("cat", (1, 2, 30, 40))]),
    ]
    assert objects(found)[1].place == "line 3"
    assert not any(isinstance(event, ClassOrder) for event in found)  # the format has none
    assert "train_labels.csv: coordinates are px: some are above 1" in notes(found)


def test_retinanet(tmp_path: Path) -> None:
    retinanet.write(tmp_path)
    why = "1 CSV files of images and boxes: annotations.csv (no header: image,x1,y1,x2,y2,class)"
    assert FORMAT.sniff(Tree(tmp_path)) == why
    found = events(tmp_path)
    assert [(r.path.name, [(a.name, a.box) for a in r.annotations]) for r in records(found)] == [
        ("a.jpg", [("cow", (10, 5, 60, 45)), ("bird", (0, 0, 20, 20))]),
        ("b.jpg", [("cow", (30, 10, 99, 49))]),
        ("c.jpg", []),
    ]
    assert ClassOrder(("cow", "cat", "bird")) in found


def test_sku110k_has_the_size_behind_the_class(tmp_path: Path) -> None:
    one(tmp_path, "a.jpg,1,2,30,40,object,100,50\n", name="annotations_val.csv")
    found = events(tmp_path)
    assert [(r.size, r.split, [a.box for a in r.annotations]) for r in records(found)] == [
        ((100, 50), "val", [(1, 2, 30, 40)])
    ]


BOX = (10.0, 5.0, 60.0, 45.0)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("image,xmin,ymin,xmax,ymax,label", "a.jpg,10,5,60,45,cat"),  # VoTT
        ('"image","xmin","ymin","xmax","ymax","label"', '"a.jpg",10.0,5.0,60.0,45.0,"cat"'),
        ("class,ymax,xmax,ymin,xmin,filename", "cat,45,60,5,10,a.jpg"),
        ("File Name;Class Name;X_Min;X_Max;Y_Min;Y_Max", "a.jpg;cat;10,0;60,0;5,0;45,0"),  # decimal commas
        ("image_path\tcategory\tx1\ty1\tx2\ty2", "a.jpg\tcat\t10\t5\t60\t45"),
        ("filename,label,x0,y0,x1,y1,rotation", "a.jpg,cat,10,5,60,45,0"),
        ("file,label,left,top,right,bottom", "a.jpg,cat,10,5,60,45"),
        ("file,label,left,top,width,height", "a.jpg,cat,10,5,50,40"),
        ("file,label,x,y,w,h", "a.jpg,cat,10,5,50,40"),
        ("file,width,height,label,x,y,w,h", "a.jpg,100,50,cat,10,5,50,40"),
        ("file,label,x,y,width,height,image_width,image_height", "a.jpg,cat,10,5,50,40,100,50"),
        ("file,label,x_center,y_center,width,height", "a.jpg,cat,35,25,50,40"),
        (
            "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height",
            "cat,10,5,50,40,a.jpg,9,9",
        ),
        ("ImageId,class,bbox", 'a,cat,"[10.0, 5.0, 50.0, 40.0]"'),
        ("image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max", "a,cat,3,R1,10,5,60,45"),  # VinBigData
        ("imageId,imageName,width,height,class,xmin,ymin,xmax,ymax", "7,a.jpg,100,50,cat,10,5,60,45"),
    ],
)
def test_columns(header: str, row: str, tmp_path: Path) -> None:
    one(tmp_path, f"{header}\n{row}\n")
    assert FORMAT.sniff(Tree(tmp_path))
    found = events(tmp_path)
    assert [(a.name, a.box) for a in objects(found)] == [("cat", BOX)]
    assert records(found)[0].path == tmp_path / "a.jpg"
    assert not records(found)[0].relative


def test_what_had_to_be_decided_is_said(tmp_path: Path) -> None:
    one(tmp_path, "file,label,x,y,width,height\na.jpg,cat,10,5,50,40\n")
    assert "width and height are taken for those of the box" in notes(events(tmp_path))
    one(tmp_path, 'file,label,bbox\na.jpg,cat,"[1, 2, 3, 4]"\n')
    assert "bbox is taken for [x, y, width, height]" in notes(events(tmp_path))


@pytest.mark.parametrize(
    ("rows", "relative", "said"),
    [
        (["0.1,0.2,0.5,0.75", "0,0,1,1.000001"], True, "shares of the sides: none is above 1"),
        (["10,20,50,30"], False, "px: some are above 1"),
        (["10,20,50,30", "0.1,0.2,0.5,0.7"], False, "1 of 2 boxes lie between 0 and 1 all the same, first: line 3"),
        (["0.1,0.2,nan,1e999", "0.1,0.2,0.5,0.7"], True, "shares"),
        (["0,0,0,0"], False, ""),
        ([",,,"], False, ""),
    ],
)
def test_px_or_shares(rows: list[str], relative: bool, said: str, tmp_path: Path) -> None:
    one(tmp_path, HEADER + "".join(f"a.jpg,100,50,cat,{row}\n" for row in rows))
    found = events(tmp_path)
    assert [record.relative for record in records(found)] == [relative]
    assert said in notes(found)


def test_shares_as_asked_for(tmp_path: Path) -> None:
    one(tmp_path, HEADER + "a.jpg,100,50,cat,0.1,0.2,1.5,1.5\n")
    assert records(events(tmp_path, normalized=True))[0].relative


def test_splits(tmp_path: Path) -> None:
    rows = "a.jpg,cat,1,2,3,4,valid\na.jpg,cat,1,2,3,5,fold 3\na.jpg,cat,1,2,3,6,\n"
    one(tmp_path, f"filename,class,xmin,ymin,xmax,ymax,Split\n{rows}", name="train.csv")
    found = events(tmp_path)
    assert [(record.split, len(record.annotations)) for record in records(found)] == [("val", 1), ("train", 2)]
    assert "the split of 1 rows is none of train, val and test, first: 'fold 3'" in notes(found)


def test_splits_of_folders(tmp_path: Path) -> None:
    for folder in ("train", "valid"):  # Roboflow
        one(tmp_path, HEADER + "a.jpg,100,50,cat,1,2,3,4\n", name=f"{folder}/_annotations.csv", image=f"{folder}/a.jpg")
    found = [(r.path.parent.name, r.split) for r in records(events(tmp_path))]
    assert found == [("train", "train"), ("valid", "val")]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ("a.jpg,100,50,cat,1,2", "malformed", "expected 8 columns, found 6"),
        ("a.jpg,100,50,cat,1,2,3,4,5", "malformed", "expected 8 columns, found 9"),
        ("a.jpg,100,50,cat,1,2,,4", "malformed", "expected numbers: could not convert string to float: ''"),
        ("a.jpg,100,50,cat,1,2,null,4", "malformed", "expected numbers: could not convert string to float: 'null'"),
        ("a.jpg,100,50,,1,2,3,4", "no_class", "the class is empty"),
        (",100,50,cat,1,2,3,4", "no_image", "the name of the image is empty"),
    ],
)
def test_a_row_that_cannot_be_read(row: str, reason: str, detail: str, tmp_path: Path) -> None:
    path = one(tmp_path, HEADER + f"a.jpg,100,50,cat,10,20,30,40\n\n{row}\n")
    found = events(tmp_path)
    assert [event for event in found if isinstance(event, Dropped)] == [Dropped(reason, path, "line 4", detail)]
    assert len(objects(found)) == 1


@pytest.mark.parametrize("cell", ['"[1, 2, 3]"', '"[]"', "5", '"[1, 2, 3, x]"'])
def test_a_bbox_that_is_none(cell: str, tmp_path: Path) -> None:
    one(tmp_path, f"image,class,bbox\na.jpg,cat,{cell}\n")
    assert [event.reason for event in events(tmp_path) if isinstance(event, Dropped)] == ["malformed"]


def test_a_class_without_a_box_is_a_tag(tmp_path: Path) -> None:
    one(tmp_path, HEADER + "a.jpg,100,50,No finding,,,,\n")
    assert [a.is_tag for a in objects(events(tmp_path))] == [True]


def test_one_class_without_a_column(tmp_path: Path) -> None:
    one(tmp_path, 'image_id,width,height,bbox,source\na,100,50,"[1.0, 2.0, 30.0, 4.0]",usask_1\n')
    assert FORMAT.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match="expected a column of classes, found image_id,width"):
        events(tmp_path)
    found = events(tmp_path, names=["wheat"])
    assert [(a.name, a.box) for a in objects(found)] == [("wheat", (1, 2, 31, 6))]
    assert records(found)[0].size == (100, 50)


@pytest.mark.parametrize("number", ["1e999", "NaN", "-7", "9" * 400])
def test_absurd_numbers_go_on_to_be_cleaned(number: str, tmp_path: Path) -> None:
    one(tmp_path, HEADER + f"a.jpg,{number},50,cat,{number},20,30,40\n")
    found = events(tmp_path)
    assert len(objects(found)) == 1
    assert records(found)[0].size is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings(encoding: str, end: str, tmp_path: Path) -> None:
    text = HEADER + "Größe.jpg,100,50,Ä,10,20,30,40\n"
    one(tmp_path, text.replace("\n", end).encode(encoding), image="Größe.jpg")
    assert FORMAT.sniff(Tree(tmp_path))
    found = events(tmp_path)
    assert [a.name for a in objects(found)] == ["Ä"]
    assert records(found)[0].path.is_file()


def test_a_quote_that_swallows_rows(tmp_path: Path) -> None:
    one(tmp_path, HEADER + '"a.jpg,100,50,cat,10,20,30,40\na.jpg,100,50,"cat",10,20,30,40\n')
    with pytest.raises(ParseError, match=r"boxes\.csv:2:"):
        events(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["s1\\a.jpg", "C:\\data\\s1\\a.jpg", "/home/x/s1/A.JPG", "../../s1/a.jpg", "https://h/s1/a.jpg?v=1", "s1/a.jpg"],
)
def test_names_of_another_machine(name: str, tmp_path: Path) -> None:
    picture(tmp_path / "s2" / "a.jpg")
    one(tmp_path, HEADER + f"{name},100,50,cat,10,20,30,40\n", image="s1/a.jpg")
    found = events(tmp_path)
    assert records(found)[0].path == tmp_path / "s1" / "a.jpg"
    assert "1 images are in no annotation file and are left out, first: s2/a.jpg" in notes(found)


def test_a_name_that_fits_two_images(tmp_path: Path) -> None:
    picture(tmp_path / "s2" / "a.jpg")
    one(tmp_path, HEADER + "a.jpg,100,50,cat,10,20,30,40\n", image="s1/a.jpg")
    with pytest.raises(DataError, match="fits several images"):
        events(tmp_path)


def test_two_images_that_differ_in_the_suffix(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    one(tmp_path, HEADER + "a.jpg,100,50,cat,10,20,30,40\na.png,100,50,dog,10,20,30,40\n")
    assert {r.path.name: [a.name for a in r.annotations] for r in records(events(tmp_path))} == {
        "a.jpg": ["cat"],
        "a.png": ["dog"],
    }


@pytest.mark.parametrize("name", ["../../etc/b.jpg", "..", "x\\..", "b\x07.jpg", "/"])
def test_a_missing_image_stays_in_the_source(name: str, tmp_path: Path) -> None:
    one(tmp_path, HEADER + f"{name},100,50,cat,10,20,30,40\n")
    path = records(events(tmp_path))[0].path
    assert path.parent == tmp_path
    assert path.name not in ("", "..")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("dog,1\ncat,0\n", ("cat", "dog")),
        ("cat,0\ndog,0\n", None),  # an id twice
        ("cat,0\ndog\n", None),
        ("horse,0\nbird,1\n", None),  # of something else
        ("cat,0\nfish,2\n", ("cat", "fish")),
    ],
)
def test_a_list_of_classes(text: str, order: tuple[str, ...] | None, tmp_path: Path) -> None:
    one(tmp_path, "a.jpg,1,2,3,4,cat\n")
    (tmp_path / "classes.csv").write_text(text)
    orders = [event.names for event in events(tmp_path) if isinstance(event, ClassOrder)]
    assert orders == ([order] if order else [])


@pytest.mark.parametrize(
    "text",
    [
        "epoch,train/box_loss,metrics/mAP50(B),val/box_loss\n1,0.5,0.1,0.4\n",  # results.csv
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        'a.jpg,1,"{}",1,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{}"\n',  # VIA
        'image,id,label,annotator\n/data/upload/a.jpg,1,"[{""x"":1,""y"":2,""width"":3,""height"":4}]",1\n',
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,/m/1,1,0,1,0,1\n",  # Open Images
        "image,label\na.jpg,cat\n",
        "filename,cat,dog\na.jpg,0,1\n",
        "x,y,width,height\n1,2,3,4\n",
        "a.jpg,1,2,3,4\n",
        "a,1\nb,2\n",
        "a.jpg,x,2,3,4,cat\n",
        "",
        "\n\n",
        '"',
    ],
)
def test_other_tables_are_not_boxes(text: str, tmp_path: Path) -> None:
    one(tmp_path, text)
    assert FORMAT.sniff(Tree(tmp_path)) is None


def test_other_tables_are_named(tmp_path: Path) -> None:
    one(tmp_path, HEADER + "a.jpg,100,50,cat,10,20,30,40\n")
    (tmp_path / "results.csv").write_text("epoch,loss\n1,2\n")
    assert "1 .csv files hold no annotations and are left out, first: results.csv" in notes(events(tmp_path))


@given(outputs.images())
@settings(max_examples=40, deadline=None)
def test_write_and_read(tmp_path_factory: pytest.TempPathFactory, records: list[ImageRecord]) -> None:
    folder = tmp_path_factory.mktemp("out")
    assert outputs.write("csv", folder, records) == sum(len(record.annotations) for record in records)
    found, names = outputs.read("csv", folder)
    assert names == outputs.CLASSES
    assert len(found) == len(records)
    for record in records:
        back = found[record.path.name]
        assert (back.split, back.size, back.relative) == (record.split, record.size, False)
        assert [(a.name, a.box) for a in back.annotations] == [(a.name, a.box) for a in record.annotations]


def test_a_peer_reads_the_same(tmp_path: Path) -> None:
    panlabel = shutil.which("panlabel")
    if panlabel is None:
        pytest.skip("panlabel is not installed")
    retinanet.write(tmp_path)
    command = [panlabel, "convert", "--from", "retinanet", "--to", "coco", "--allow-lossy"]
    subprocess.run([*command, "-i", tmp_path / "annotations.csv", "-o", tmp_path / "out.json"], check=True)
    theirs = json.loads((tmp_path / "out.json").read_text())
    stems = {image["id"]: Path(image["file_name"]).stem for image in theirs["images"]}
    found: dict[str, list[tuple[float, ...]]] = {stem: [] for stem in stems.values()}
    for entry in theirs["annotations"]:
        x, y, width, height = entry["bbox"]
        found[stems[entry["image_id"]]].append((x, y, x + width, y + height))
    assert {stem: sorted(boxes) for stem, boxes in found.items()} == our_boxes(tmp_path, "csv")
