from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.reading import peer_boxes, read_all
from support.sources import sagemaker as example

from yolo_tl.data.formats import sagemaker as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError, ParseError

BOX = {"class_id": 0, "left": 10, "top": 5, "width": 20, "height": 30}
META = {"class-map": {"0": "cat"}, "type": "groundtruth/object-detection"}


def manifest(folder: Path, *rows: Any, name: str = "x.manifest") -> Path:
    for image in ("a.jpg", "b.jpg", "c.jpg"):
        picture(folder / image)
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    (folder / name).write_text(text, "utf-8")
    return folder


def row(*boxes: Any, image: Any = "s3://b/a.jpg", meta: Any = None, **more: Any) -> dict[str, Any]:
    value = {"image_size": [{"width": 100, "height": 50, "depth": 3}], "annotations": list(boxes)}
    return {"source-ref": image, "K": value, "K-metadata": META if meta is None else meta, **more}


def test_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "1 manifests with source-ref: output.manifest"
    source = read_all("sagemaker", tmp_path)
    assert [[(a.name, a.box) for a in record.annotations] for record in source.records] == [
        [("dog", (10, 5, 30, 35)), ("cat", (0.5, 0, 100.5, 50))],
        [],
        [],
        [],
    ]
    assert source.names() == ["a.jpg", "b.jpg", "c d.jpg", "e.jpg"]
    assert [record.labelled for record in source.records] == [True, True, False, False]
    assert source.records[0].size == (100, 50)
    assert source.classes == ("cat", "dog")
    assert source.annotations[0].place == "line 1, annotation 1"
    assert source.notes == ["1 rows failed to be labelled, first: output.manifest:4: 'ClientError: no worker'"]
    assert not source.dropped


def test_the_classes_of_all_rows_in_the_order_of_their_ids(tmp_path: Path) -> None:
    maps = [{"2": "owl"}, {"10": "ant"}, {"0": "cat", "x": "odd"}, {"2": "eel"}]
    rows = [row({**BOX, "class_id": int(next(iter(m)))}, meta={"class-map": m}) for m in maps]
    source = read_all("sagemaker", manifest(tmp_path, *rows))
    assert source.classes == ("cat", "owl", "ant")
    assert [a.name for a in source.annotations] == ["owl", "ant", "cat", "eel"]
    assert "class 2 is 'owl' and, in line 4, 'eel'" in source.notes[0]


def test_several_label_attributes(tmp_path: Path) -> None:
    other = {"other": {"annotations": [{**BOX, "left": 0}]}, "other-metadata": META}
    folder = manifest(tmp_path, row(BOX, **other))
    with pytest.raises(FormatError, match=r"several label attributes for object detection: K, other\n.*--attribute K"):
        read_all("sagemaker", folder)
    source = read_all("sagemaker", folder, attribute="other")
    assert source.annotations[0].box == (0, 5, 20, 35)
    assert source.notes[0] == "label attribute K (object detection) is not read"
    with pytest.raises(FormatError, match="no label attribute 'third'"):
        read_all("sagemaker", folder, attribute="third")


def test_labels_of_whole_images(tmp_path: Path) -> None:
    one = {"kind": 1, "kind-metadata": {"class-name": "dog", "type": "groundtruth/image-classification"}}
    multi = {"class-map": {"0": "cat", "1": "dog"}, "type": "groundtruth/image-classification-multilabel"}
    folder = manifest(
        tmp_path,
        row(BOX, **one),
        {"source-ref": "b.jpg", "kind": [0, 1, 5], "kind-metadata": multi},
    )
    source = read_all("sagemaker", folder, task="classify")
    assert [(a.name, a.is_tag) for a in source.annotations] == [("dog", True), ("cat", True), ("dog", True)]
    assert source.reasons == ["unknown_category"]
    assert "label attribute K (object detection) is not read" in source.notes
    boxes = read_all("sagemaker", folder)
    assert [a.box for a in boxes.annotations] == [(10, 5, 30, 35)]
    assert [record.labelled for record in boxes.records] == [True, False]


def test_shapes(tmp_path: Path) -> None:
    vertices = [{"x": 1, "y": 2}, {"x": 5, "y": 2}, {"x": 5, "y": 9}]
    ref = {"mask-ref": "s3://b/mask.png", "mask-ref-metadata": {"type": "groundtruth/semantic-segmentation"}}
    source = read_all("sagemaker", manifest(tmp_path, row({"class_id": "0", "vertices": vertices})))
    assert source.annotations[0].parts == ((1, 2, 5, 2, 5, 9),)
    masks = read_all("sagemaker", manifest(tmp_path, {"source-ref": "a.jpg", **ref}))
    assert masks.reasons == ["unsupported_shape"]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({**BOX, "class_id": 9}, "unknown_category"),
        ({**BOX, "class_id": None}, "unknown_category"),
        ({k: v for k, v in BOX.items() if k != "class_id"}, "no_class"),
        ({"class_id": 0}, "no_box"),
        ({**BOX, "left": "abc"}, "malformed"),
        ({**BOX, "left": None}, "malformed"),
        ({k: v for k, v in BOX.items() if k != "top"}, "malformed"),
        ({"class_id": 0, "vertices": [{"x": 1, "y": 1}]}, "malformed"),
        ([1], "malformed"),
    ],
)
def test_one_malformed_annotation_costs_itself(annotation: Any, reason: str, tmp_path: Path) -> None:
    source = read_all("sagemaker", manifest(tmp_path, row(annotation, BOX)))
    assert source.reasons == [reason]
    assert len(source.annotations) == 1


def test_odd_rows(tmp_path: Path) -> None:
    rows = [
        row(BOX),
        row(BOX, image=None),
        {"source": "text"},
        {"source-ref": "b.jpg", "K": {"annotations": 5}, "K-metadata": META},
        row(BOX, image="c.jpg", meta=[]),
    ]
    source = read_all("sagemaker", manifest(tmp_path, *rows))
    assert source.reasons == ["no_image", "malformed", "unknown_category"]
    assert source.names() == ["a.jpg", "b.jpg", "c.jpg"]
    assert "x.manifest: line 3 has no source-ref and is left out" in source.notes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source-ref": "a.jpg"', "x.manifest:3: malformed JSON"),
        ("[]", "x.manifest:3: expected an object"),
        ("3", "x.manifest:3: expected an object, found 3"),
    ],
)
def test_a_line_that_is_no_object_is_named(line: str, message: str, tmp_path: Path) -> None:
    folder = manifest(tmp_path, row(), "", line)
    assert module.sniff(Tree(folder))
    with pytest.raises(ParseError, match=message):
        read_all("sagemaker", folder)


def test_separators_within_strings_end_no_line(tmp_path: Path) -> None:
    meta = {**META, "job-name": "a\u2028b\x85c"}
    text = json.dumps(row(BOX, meta=meta), ensure_ascii=False)
    source = read_all("sagemaker", manifest(tmp_path, text + "\r", text, name="train.jsonl"))
    assert len(source.annotations) == 2
    assert {record.split for record in source.records} == {"train"}


@pytest.mark.parametrize("size", [None, [], [{}], [{"width": 0, "height": 5}], [{"width": "x"}], 3, [3]])
def test_sizes_that_are_none(size: Any, tmp_path: Path) -> None:
    content = row(BOX)
    content["K"]["image_size"] = size
    assert read_all("sagemaker", manifest(tmp_path, content)).records[0].size is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    manifest(tmp_path)
    (tmp_path / "x.manifest").write_bytes(json.dumps(row(BOX)).encode(encoding))
    assert module.sniff(Tree(tmp_path))
    assert len(read_all("sagemaker", tmp_path).annotations) == 1


def test_a_peer_reads_the_same_boxes(tmp_path: Path) -> None:
    folder = manifest(tmp_path, row(BOX, {**BOX, "left": 1.5, "height": 2}))
    wanted = [annotation.box for annotation in read_all("sagemaker", folder).annotations]
    assert peer_boxes("sagemaker", folder / "x.manifest") == [pytest.approx(box, abs=0.01) for box in wanted]
