from __future__ import annotations

import json
import math
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from support import outputs
from support.pictures import picture
from support.reading import Source, peer_boxes, read_all, write_json
from support.sources import label_studio as example
from support.sources.label_studio import BRUSH, RESULTS, result, task

from yolo_tl.data.formats import label_studio as module
from yolo_tl.data.geometry.shapes import extent
from yolo_tl.data.records import Annotation, ImageRecord, replace
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError


def read(folder: Path, *results: Any, config: str = "", **options: Any) -> Source:
    """Of one task about a.jpg, 100 x 50 px."""
    write_json(folder / "x.json", [task(1, "a.jpg", *results)], ("a.jpg",))
    if config:
        (folder / "config.xml").write_text(config)
    return read_all("label-studio", folder, **options)


def box(label: str = "cat", key: str = "r1", **value: Any) -> dict[str, Any]:
    value = {"x": 10, "y": 10, "width": 20, "height": 60, "rotation": 0, **value}
    return result("rectanglelabels", key, **value, rectanglelabels=[label])


def px(shares: tuple[float, ...], width: int = 100, height: int = 50) -> tuple[float, ...]:
    return tuple(value * (height if i % 2 else width) for i, value in enumerate(shares))


def test_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "1 JSON files with tasks of Label Studio: project-1.json"
    source = read_all("label-studio", tmp_path)
    assert source.names() == ["a.jpg", "mit Leer.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert [record.labelled for record in source.records] == [True, True, False, True, False]
    assert [len(record.annotations) for record in source.records] == [7, 0, 0, 1, 0]
    assert all(record.relative for record in source.records)
    assert source.records[0].size == (100, 50)
    assert source.classes == ("dog", "cat", "tree")  # of the configuration, without the keypoints and choices
    assert source.keypoints == ("nose", "tail")
    assert not source.dropped
    dog, first, second, tree, oval, sun, merged, brush = source.annotations
    assert px(dog.box or ()) == pytest.approx((10, 5, 30, 35))
    assert dog.keypoints == pytest.approx((0.12, 0.2, 2, 0, 0, 0))
    assert (first.name, second.name, first.corners) == ("dog", "cat", second.corners)
    assert px(first.corners) == pytest.approx((40, 10, 40, 30, 30, 30, 30, 10))  # 20 x 10 px about its upper left
    assert px(tree.parts[0]) == pytest.approx((10, 5, 20, 5, 20, 15))
    assert px(extent(oval.parts[0])) == pytest.approx((40, 15, 60, 35))
    assert (sun.name, sun.is_tag) == ("sun", True)
    assert (merged.name, merged.place) == ("cat", "task 1, result 7")  # a rectangle and the labels of another control
    assert brush.parts == ((0.5, 0, 1, 0, 1, 0.5, 0.5, 0.5),)
    assert source.notes == [
        "1 tasks have predictions, which are not annotations and are not read",
        "1 annotations were cancelled (skipped) and are not read",
    ]
    assert read_all("label-studio", tmp_path, task="classify").classes == ("sun", "rain")


def test_rotation_is_in_px_about_the_upper_left_corner(tmp_path: Path) -> None:
    # github.com/HumanSignal/label-studio/issues/2293: 300 x 100 px at 200, 100 in an image of 1000 x 500 px
    turned = box(x=30, y=20, width=30, height=20, rotation=90)
    turned |= {"original_width": 1000, "original_height": 500}
    (found,) = read(tmp_path, turned).annotations
    assert found.box is None
    assert px(extent(found.corners), 1000, 500) == pytest.approx((200, 100, 300, 400))
    (askew,) = read(tmp_path, box(rotation=30)).annotations
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)
    assert px(askew.corners) == pytest.approx(
        (
            10,
            5,
            10 + 20 * cos,
            5 + 20 * sin,
            10 + 20 * cos - 30 * sin,
            5 + 20 * sin + 30 * cos,
            10 - 30 * sin,
            5 + 30 * cos,
        )
    )
    assert read(tmp_path, box(rotation=360)).annotations[0].box is not None
    assert read(tmp_path, box(rotation=None)).annotations[0].box is not None


def test_a_turned_ellipse(tmp_path: Path) -> None:
    oval = result("ellipselabels", x=50, y=50, radiusX=10, radiusY=40, rotation=90, ellipselabels=["cat"])
    (found,) = read(tmp_path, oval).annotations
    assert px(extent(found.parts[0])) == pytest.approx((30, 15, 70, 35))  # radii of 10 and 20 px, exchanged


def test_without_a_size_only_what_needs_one_is_dropped(tmp_path: Path) -> None:
    brush = result("brushlabels", "b", rle=BRUSH, brushlabels=["cat"])
    results = [box(), box(rotation=9, key="r2"), brush, RESULTS[3], RESULTS[4]]
    source = read(tmp_path, *({k: v for k, v in item.items() if k != "original_width"} for item in results))
    assert source.reasons == ["malformed", "malformed"]
    assert "original_width" in source.dropped[0].detail
    assert [a.box or extent(a.parts) for a in source.annotations] == [
        pytest.approx((0.1, 0.1, 0.3, 0.7)),
        pytest.approx((0.1, 0.1, 0.2, 0.3)),
        pytest.approx((0.4, 0.3, 0.6, 0.7)),
    ]


def test_the_size_of_one_result_serves_the_others(tmp_path: Path) -> None:
    turned = box(rotation=9, key="r2")
    del turned["original_width"]
    assert not read(tmp_path, box(), turned).dropped


def test_an_image_turned_on_the_screen_leaves_the_coordinates(tmp_path: Path) -> None:
    source = read(tmp_path, {**box(), "image_rotation": 90})
    assert source.annotations[0].box == pytest.approx((0.1, 0.1, 0.3, 0.7))
    assert source.notes == [
        "1 results were drawn on an image turned on the screen; their coordinates are those of the image itself"
    ]


@pytest.mark.parametrize(("annotator", "name"), [("first", "a"), ("last", "c"), ("ground-truth", "b")])
def test_one_of_several_annotations_is_chosen(annotator: str, name: str, tmp_path: Path) -> None:
    def by(label: str, created: str, **more: Any) -> dict[str, Any]:
        return {"created_at": created, "result": [box(label)], **more}

    annotations = [by("c", "2024-03"), by("a", "2024-01"), by("b", "2024-02", ground_truth=True)]
    annotations.append(by("d", "2024-04", was_cancelled=True))
    other = [by("a", "2024-01"), by("c", "2024-02")]
    tasks = [{"data": {"image": f"{i}.jpg"}, "annotations": of} for i, of in enumerate((annotations, other))]
    write_json(tmp_path / "x.json", tasks, ("0.jpg", "1.jpg"))
    source = read_all("label-studio", tmp_path, annotator=annotator)
    assert [a.name for a in source.annotations] == [name, "a" if annotator == "first" else "c"]
    assert f"2 tasks have several annotations: the {annotator.replace('-', ' ')} of each counts" in source.notes
    assert any("no ground truth" in note for note in source.notes) == (annotator == "ground-truth")


def test_keypoints(tmp_path: Path) -> None:
    def point(name: str, parent: str, key: str, **value: Any) -> dict[str, Any]:
        named = {"keypointlabels": [name]} if name else {}
        return result("keypointlabels", key, x=10, y=20, width=0.5, **named, parent=parent, **value)

    points = [
        point("tail", "r1", "k1", hidden=True),
        point("ear", "r1", "k2"),
        point("ear", "r1", "k3"),
        point("nose", "gone", "k4"),
        point("", "r1", "k5"),
        point("nose", "r9", "k6"),
    ]
    source = read(tmp_path, *points, box(), box("", "r9", x="abc"))
    assert source.keypoints == ("ear", "nose", "tail")
    assert source.annotations[0].keypoints == pytest.approx((0.1, 0.2, 2, 0, 0, 0, 0.1, 0.2, 1))
    assert sorted(source.reasons) == ["duplicate_keypoint", "malformed", "no_class", "no_region", "unsupported_shape"]
    labels = '<Label value="tail" model_index="1"/><Label value="ear" model_index="0"/>'
    config = f'<View><KeyPointLabels name="k">{labels}</KeyPointLabels></View>'
    ordered = read(tmp_path, *points[:2], box(), config=config)
    assert ordered.keypoints == ("ear", "tail")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (box(x="abc"), "malformed"),
        (box(x=None), "malformed"),
        (box(x=True), "malformed"),
        (box(x=10**400), "malformed"),
        (box(rotation="left"), "malformed"),
        (box(""), "no_class"),
        (result("rectangle", x=1, y=2, width=3, height=4), "no_class"),
        (result("polygonlabels", points=[[1, 1], [2, 2]], polygonlabels=["cat"]), "malformed"),
        (result("polygonlabels", points=[[1, 1], [2, 2], [3]], polygonlabels=["cat"]), "malformed"),
        (result("polygonlabels", points=None, polygonlabels=["cat"]), "malformed"),
        (result("ellipselabels", x=1, y=1, radiusX=1, ellipselabels=["cat"]), "malformed"),
        (result("brushlabels", rle=BRUSH, brushlabels=["cat"]), "malformed"),  # of another size
        (result("brushlabels", rle=[300], brushlabels=["cat"]), "malformed"),
        (result("brushlabels", rle=[], brushlabels=["cat"]), "malformed"),
        (result("brushlabels", rle="abc", brushlabels=["cat"]), "malformed"),
        (result("keypointlabels", x=1, y=1, width=1, keypointlabels=["cat"]), "unsupported_shape"),
        (result("videorectangle", sequence=[{"frame": 1}], labels=["cat"]), "unsupported_shape"),
        (result("vectorlabels", vertices=[], vectorlabels=["cat"]), "unsupported_shape"),
        (result("bitmasklabels", imageDataURL="data:", bitmasklabels=["cat"]), "unsupported_shape"),
        (result("textarea", text=["words"]), "not_an_object"),
        (result("rating", rating=3), "not_an_object"),
        ({"id": "r1", "type": "rectanglelabels"}, "malformed"),
        ({"id": "r1", "type": "rectanglelabels", "value": [1]}, "malformed"),
        (5, "malformed"),
        (None, "malformed"),
    ],
)
def test_one_malformed_result_costs_itself(item: Any, reason: str, tmp_path: Path) -> None:
    source = read(tmp_path, item, box("dog", "good"))
    assert source.reasons == [reason]
    assert source.dropped[0].place == "task 1, result 1"
    assert [a.name for a in source.annotations] == ["dog"]


def test_text_and_choices_of_a_region_are_no_regions(tmp_path: Path) -> None:
    words = result("textarea", "r1", x=10, y=10, width=20, height=60, text=["AB 123"])
    choice = result("choices", "r1", x=10, y=10, width=20, height=60, choices=["dirty"])
    relation = {"type": "relation", "from_id": "r1", "to_id": "r2"}
    source = read(tmp_path, box("plate"), words, choice, relation)
    assert [(a.name, a.is_tag) for a in source.annotations] == [("plate", False)]
    assert not source.dropped
    assert source.notes == ["1 relations between regions are not read"]
    bare = result("rectangle", "r1", x=10, y=10, width=20, height=60)
    assert [a.name for a in read(tmp_path, bare, choice).annotations] == ["dirty"]  # its only label


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("/data/upload/3/0a1b2c3d-a.jpg", "a.jpg"),
        ("/data/upload/3/0a1b2c3d-b.jpg", "0a1b2c3d-b.jpg"),
        ("/data/upload/3/0a1b2c3d-my_photo_1.jpg", "my photo (1).jpg"),
        ("/data/local-files/?d=x%2Fmy%20photo%20(1).jpg", "my photo (1).jpg"),
        ("http://localhost:8080/data/local-files?d=gr%C3%BCn.jpg", "grün.jpg"),
        ("s3://bucket/deep/A.JPG", "a.jpg"),
        ("https://host/gr%C3%BCn.jpg?X-Amz-Date=1", "grün.jpg"),
        ("D:\\pictures\\a.jpg", "a.jpg"),
        ("\\data\\local-files\\?d=C:\\pictures\\a.jpg", "a.jpg"),
        ("gru\u0308n.jpg", "grün.jpg"),
        ("/data/upload/../../../etc/gone.jpg", "gone.jpg"),
        ("/data/local-files/?d=..%2F..%2Fgone.jpg", "gone.jpg"),
    ],
)
def test_references(reference: str, name: str, tmp_path: Path) -> None:
    names = ("a.jpg", "b.jpg", "0a1b2c3d-b.jpg", "my photo (1).jpg", "grün.jpg")
    write_json(tmp_path / "x.json", [task(1, reference, box())], names)
    (record,) = read_all("label-studio", tmp_path).records
    assert record.path == tmp_path / name


def test_several_images_of_one_task(tmp_path: Path) -> None:
    data = {"left": "l.jpg", "right": "r.jpg", "comment": "no image"}
    results = [
        {**box("a"), "to_name": "one"},
        {**box("b", "r2"), "to_name": "two"},
        {**box("c", "r3"), "to_name": "no"},
    ]
    tasks = [{"id": 1, "data": data, "annotations": [{"result": results}]}]
    write_json(tmp_path / "x.json", tasks, ("l.jpg", "r.jpg"))
    config = '<View><Image name="one" value="$left"/><Image name="two" value="$right"/></View>'
    (tmp_path / "config.xml").write_text(config)
    source = read_all("label-studio", tmp_path)
    assert [(r.path.name, [a.name for a in r.annotations]) for r in source.records] == [
        ("l.jpg", ["a"]),
        ("r.jpg", ["b"]),
    ]
    assert source.reasons == ["no_image"]
    (tmp_path / "config.xml").unlink()
    assert read_all("label-studio", tmp_path).reasons == ["no_image"] * 3  # never a guess


def test_a_list_of_images(tmp_path: Path) -> None:
    results = [{**box("a"), "item_index": 1}, box("b", "r2"), {**box("c", "r3"), "item_index": 7}]
    tasks = [{"id": 1, "data": {"pages": ["0.jpg", "1.jpg"]}, "annotations": [{"result": results}]}]
    write_json(tmp_path / "x.json", tasks, ("0.jpg", "1.jpg"))
    source = read_all("label-studio", tmp_path)
    assert [[a.name for a in record.annotations] for record in source.records] == [["b"], ["a"]]
    assert source.reasons == ["no_image"]


def test_tasks_without_images(tmp_path: Path) -> None:
    video = result("videorectangle", sequence=[], labels=["cat"])
    tasks = [
        {"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": [video]}]},
        {"id": 2, "data": {"text": "words"}, "annotations": []},
        7,
    ]
    write_json(tmp_path / "x.json", tasks, ("extra.jpg",))
    source = read_all("label-studio", tmp_path)
    assert not source.records
    assert source.reasons == ["unsupported_shape", "malformed"]
    assert source.notes[-2:] == [
        "3 tasks hold no image that is known by its suffix and are left out",
        "1 images are in no annotation file and are left out, first: extra.jpg",
    ]


def test_the_flat_export(tmp_path: Path) -> None:
    sizes = {"original_width": 100, "original_height": 50}
    shape = {"x": 10, "y": 10, "width": 20, "height": 60, "rotation": 0, **sizes}

    def row(number: int, **fields: Any) -> dict[str, Any]:
        stamp = {"annotator": 1, "annotation_id": number, "created_at": f"2024-0{number}", "lead_time": 3.5}
        return {"image": "/data/upload/1/0a1b2c3d-a.jpg", **fields, **stamp, "updated_at": "2024"}

    rows = [
        row(1, id=1, label=[{**shape, "rectanglelabels": ["old"]}]),
        row(
            2,
            id=1,
            label=[{**shape, "rectanglelabels": ["cat"]}, {**shape, "rotation": 90, "rectanglelabels": ["dog"]}],
        ),
        row(3, id=2, image="b.jpg", rect=[shape], labels=[{**shape, "labels": ["cat"]}], mood="good"),
        row(4, id=3, image="c.jpg", kind={"choices": ["cat", "dog"]}),
    ]
    write_json(tmp_path / "x.json", rows, ("a.jpg", "b.jpg", "c.jpg"))
    assert module.sniff(Tree(tmp_path))
    source = read_all("label-studio", tmp_path)
    assert source.names() == ["a.jpg", "b.jpg", "c.jpg"]
    assert [[a.name for a in r.annotations] for r in source.records] == [["cat", "dog"], ["cat"], ["cat", "dog"]]
    assert source.annotations[1].corners
    assert [a.is_tag for a in source.annotations[-2:]] == [True, True]
    assert not source.dropped
    assert "1 tasks have several annotations: the last of each counts" in source.notes
    assert source.notes[-1].startswith("text taken for data of the tasks, not for choices: mood;")
    (tmp_path / "c.xml").write_text('<View><Choices name="mood"><Choice value="good"/></Choices></View>')
    assert [a.name for a in read_all("label-studio", tmp_path).records[1].annotations] == ["cat", "good"]


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        ('<Label value="b"/><Label value="a"/>', ("b", "a")),
        ('<Label value="b" category="1"/><Label value="a" category="0"/>', ("a", "b")),
        ('<Label value="b" category="1"/><Label value="a"/>', ("b", "a")),
        ('<Label value="b" alias="bee"/><Label/>', ("bee",)),
    ],
)
def test_the_class_order_of_the_configuration(labels: str, order: tuple[str, ...], tmp_path: Path) -> None:
    config = f'<View><Header value="x"/><BrushLabels name="l">{labels}</BrushLabels></View>'
    assert read(tmp_path, box(), config=config).classes == order


def test_a_single_task_and_the_time_of_completions(tmp_path: Path) -> None:
    write_json(
        tmp_path / "x.json", {"id": 1, "data": {"img": "a.jpg"}, "completions": [{"result": [box()]}]}, ("a.jpg",)
    )
    assert module.sniff(Tree(tmp_path))
    assert [a.name for a in read_all("label-studio", tmp_path).annotations] == ["cat"]


def test_tasks_whose_data_come_late_are_recognised(tmp_path: Path) -> None:
    long = result("brushlabels", rle=[0] * 400_000, brushlabels=["cat"])
    write_json(tmp_path / "x.json", [{"id": 1, "annotations": [{"result": [long]}], "data": {"image": "a.jpg"}}])
    assert module.sniff(Tree(tmp_path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [task(1, "a.jpg", box("Ärger"))], ("a.jpg",), encoding)
    assert module.sniff(Tree(tmp_path))
    assert read_all("label-studio", tmp_path).annotations[0].name == "Ärger"


def test_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"resu')
    assert module.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match="x.json:1: malformed JSON"):
        read_all("label-studio", tmp_path)
    with pytest.raises(ParseError, match="config.xml:1: malformed XML"):
        read(tmp_path, box(), config="<View><Label></View>")


def in_px(record: ImageRecord) -> list[tuple[str, Annotation]]:
    """The annotations with coordinates in px and without their place; sorted, for a tag has no order."""
    assert record.relative
    assert record.size is not None or not record.annotations
    width, height = record.size or (1, 1)

    def scaled(ring: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(round(value, 6) for value in px(ring, width, height))

    return [
        (
            a.name,
            replace(
                a,
                place="",
                box=scaled(a.box) if a.box else None,  # type: ignore[arg-type]
                parts=tuple(map(scaled, a.parts)),
                corners=scaled(a.corners),
                keypoints=tuple(
                    v if i % 3 == 2 else round(v * (height if i % 3 else width), 6) for i, v in enumerate(a.keypoints)
                ),
            ),
        )
        for a in record.annotations
    ]


@pytest.mark.parametrize("kind", ["detect", "segment", "pose", "obb"])
@settings(max_examples=25, deadline=None)
@given(data=outputs.st.data())
def test_what_is_written_is_read(kind: str, data: Any) -> None:
    records = data.draw(outputs.images(kind))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert outputs.write("label-studio", folder, records, kind) == sum(len(r.annotations) for r in records)
        found, names = outputs.read("label-studio", folder, task=kind)
    assert names == outputs.CLASSES
    assert found.keys() == {record.path.name for record in records}
    for record in records:
        back = found[record.path.name]
        assert back.split == record.split
        assert back.labelled
        for wanted, (name, got) in zip(record.annotations, in_px(back), strict=True):
            assert name == wanted.name
            if kind in ("detect", "pose"):
                assert got.box == pytest.approx(wanted.box, abs=1e-4)
            if kind == "segment":
                assert got.parts[0] == pytest.approx(wanted.parts[0], abs=1e-4)
            if kind == "pose" and any(wanted.keypoints[2::3]):
                assert got.keypoints == pytest.approx(wanted.keypoints, abs=1e-4)
            if kind == "obb":
                x1, y1, x2, y2 = got.box or (0, 0, 0, 0)
                assert (got.corners or (x1, y1, x2, y1, x2, y2, x1, y2)) == pytest.approx(wanted.corners, abs=1e-3)


def write_one(folder: Path, task: str, *annotations: Annotation) -> Source:
    record = ImageRecord(Path("ä b.png"), Path("source"), annotations, split="val", size=(100, 50))
    outputs.write("label-studio", folder, [record], task)
    return read_all("label-studio", folder, task=task)


def test_tags_are_written_as_choices(tmp_path: Path) -> None:
    source = write_one(tmp_path, "classify", Annotation("cat", None, "x"), Annotation("3", None, "y"))
    assert [(a.name, a.is_tag) for a in source.annotations] == [("cat", True), ("3", True)]
    assert source.classes == outputs.CLASSES


def test_a_quadrangle_is_written_as_a_polygon_and_any_winding_as_a_rectangle(tmp_path: Path) -> None:
    quad = (10.0, 10.0, 40.0, 12.0, 42.0, 30.0, 9.0, 25.0)
    counter = (10.0, 10.0, 10.0, 20.0, 30.0, 20.0, 30.0, 10.0)
    source = write_one(
        tmp_path, "obb", Annotation("cat", extent(quad), "x", corners=quad), Annotation("3", None, "y", corners=counter)
    )
    assert px(source.annotations[0].parts[0]) == pytest.approx(quad)
    assert px(source.annotations[1].box or ()) == pytest.approx((10, 10, 30, 20))


def test_what_is_written_can_be_imported(tmp_path: Path) -> None:
    write_one(tmp_path, "detect", Annotation("cat", (10, 5, 30, 35), "x"))
    (written,) = json.loads((tmp_path / "label_studio.json").read_text())
    assert written["data"] == {"image": "/data/local-files/?d=images/val/%C3%A4%20b.png", "split": "val"}
    (found,) = written["annotations"][0]["result"]
    root = ET.parse(tmp_path / "label_config.xml").getroot()
    control = root.find(f".//*[@name='{found['from_name']}']")
    assert control is not None
    assert control.tag.lower() == found["type"]
    assert control.get("toName") == found["to_name"] == root.findtext("x", "image")
    assert found["value"] == {
        "x": 10, "y": 10, "width": pytest.approx(20), "height": 60, "rotation": 0, "rectanglelabels": ["cat"]
    }  # fmt: skip


def test_a_peer_reads_the_same_boxes(tmp_path: Path) -> None:
    boxes = [(10.0, 5.0, 30.0, 35.0), (0.5, 0.25, 99.5, 49.0)]
    write_one(tmp_path, "detect", *(Annotation("cat", box, "x") for box in boxes))
    tasks = tmp_path / "tasks.json"
    # It takes plain paths only.
    tasks.write_text((tmp_path / "label_studio.json").read_text().replace("/data/local-files/?d=", ""))
    assert peer_boxes("label-studio", tasks) == [pytest.approx(box, abs=0.01) for box in boxes]


def test_the_brush_is_that_of_the_sdk(tmp_path: Path) -> None:
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    np = pytest.importorskip("numpy")
    from yolo_tl.data.geometry.masks import rings_of
    from yolo_tl.data.geometry.rle import rings_of_brush

    mask = (np.random.default_rng(0).random((30, 40)) > 0.5).astype(np.uint8) * 255
    picture(tmp_path / "a.png", 40, 30)
    assert rings_of_brush(brush.mask2rle(mask), 40, 30) == rings_of(mask)
