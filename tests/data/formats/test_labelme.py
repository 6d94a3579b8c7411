from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from support.outputs import CLASSES, images, read, write
from support.pictures import picture
from support.reading import peer_boxes
from support.sources.labelme import document, png_text, shape

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.formats.base import Output
from yolo_tl.data.geometry.shapes import extent
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import (
    Annotation,
    ClassOrder,
    Dropped,
    Event,
    ImageRecord,
    KeypointOrder,
    Note,
    replace,
)
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]


def events(source: Path, **options: Any) -> list[Event]:
    return list(FORMATS["labelme"].read(Tree(source), ReadOptions(**options)))


def only(source: Path, *shapes: dict[str, Any], **more: Any) -> tuple[ImageRecord, list[Dropped]]:
    """The record of one image with these shapes, and what was dropped."""
    picture(source / "a.jpg")
    (source / "a.json").write_text(document("a.jpg", list(shapes), **more), "utf-8")
    found = events(source)
    (record,) = [event for event in found if isinstance(event, ImageRecord)]
    return record, [event for event in found if isinstance(event, Dropped)]


def notes(found: list[Event]) -> str:
    return "\n".join(event.text for event in found if isinstance(event, Note))


@pytest.mark.parametrize(
    ("kind", "points", "more", "expected"),
    [
        ("polygon", SQUARE, {}, {"parts": ((10, 10, 30, 10, 30, 30, 10, 30),)}),
        (None, SQUARE, {}, {"parts": ((10, 10, 30, 10, 30, 30, 10, 30),)}),
        ("polygon", [*SQUARE, SQUARE[0]], {}, {"parts": ((10, 10, 30, 10, 30, 30, 10, 30),)}),
        ("rectangle", [[10, 20], [30, 40]], {}, {"box": (10, 20, 30, 40)}),
        ("rectangle", [[30, 40], [10, 20]], {}, {"box": (10, 20, 30, 40)}),
        ("rectangle", [[10, 40], [30, 20]], {}, {"box": (10, 20, 30, 40)}),
        ("rectangle", SQUARE, {}, {"box": (10, 10, 30, 30)}),
        ("rectangle", [[5, 0], [9, 5], [5, 9], [0, 5]], {}, {"corners": (5, 0, 9, 5, 5, 9, 0, 5)}),
        ("rectangle", [["10", 20], [30, "40.5"]], {}, {"box": (10, 20, 30, 40.5)}),
        ("oriented_rectangle", SQUARE, {}, {"corners": (10, 10, 30, 10, 30, 30, 10, 30)}),
        ("rotation", SQUARE, {}, {"corners": (10, 10, 30, 10, 30, 30, 10, 30)}),
        # Two columns of two pixels from (5, 6), and one of one; the second corner is the last pixel.
        (
            "mask",
            [[5, 6], [8, 7]],
            {"mask": png_text(["##.#", "##.."])},
            {"parts": ((5, 6, 7, 6, 7, 8, 5, 8), (8, 6, 9, 6, 9, 7, 8, 7))},
        ),
        (
            "mask",
            [[0, 0], [2, 2]],
            {"mask": png_text(["###", "#.#", "###"])},
            {"parts": ((0, 0, 3, 0, 3, 3, 0, 3),), "holes": ((1, 1, 1, 2, 2, 2, 2, 1),)},
        ),
        (
            "mask",
            [[5, 6], [9, 9]],
            {"mask": png_text(["##"])},
            {"parts": ((5, 6, 7, 6, 7, 7, 5, 7),), "repair": "mask_size"},
        ),
        ("polygon", [[-5, -5], [200, 0], [0, 90]], {}, {"parts": ((-5, -5, 200, 0, 0, 90),)}),
    ],
)
def test_a_shape(tmp_path: Path, kind: str, points: Any, more: dict[str, Any], expected: dict[str, Any]) -> None:
    record, dropped = only(tmp_path, shape("cat", kind, points, **more))
    assert not dropped
    (found,) = record.annotations
    blank = Annotation("cat", None, "shape 1")
    assert found == replace(blank, **expected)


def test_a_circle_has_an_exact_box(tmp_path: Path) -> None:
    record, _ = only(tmp_path, shape("coin", "circle", [[50, 25], [53, 29]]))
    (found,) = record.annotations
    assert found.box == (45, 20, 55, 30)
    assert extent(found.parts) == (45, 20, 55, 30)
    assert len(found.parts[0]) == 128


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (shape("cat", "line", [[0, 0], [9, 9]]), "unsupported_shape"),
        (shape("cat", "linestrip", [[0, 0], [9, 9], [5, 5]]), "unsupported_shape"),
        (shape("cat", "point", [[5, 5]]), "unsupported_shape"),
        (shape("cat", "point", [[5, 5]], group_id=3), "unsupported_shape"),
        (shape("cat", "points", [[5, 5], [6, 6]]), "unsupported_shape"),
        (shape("cat", "cuboid", [[5, 5], [6, 6]]), "unsupported_shape"),
        (shape("cat", 7, SQUARE), "unsupported_shape"),
        (shape("cat", "polygon", [[0, 0], [9, 9]]), "too_few_points"),
        (shape("cat", "polygon", []), "too_few_points"),
        (shape("cat", "polygon", None), "malformed"),
        (shape("cat", "polygon", [[0, 0], [9], [5, 5]]), "malformed"),
        (shape("cat", "polygon", [[0, 0], [9, "x"], [5, 5]]), "malformed"),
        (shape("cat", "polygon", [[0, 0], [9, None], [5, 5]]), "malformed"),
        (shape("cat", "polygon", {"x": 1}), "malformed"),
        (shape("cat", "rectangle", [[0, 0]]), "malformed"),
        (shape("cat", "rectangle", [[0, 0], [1, 1], [2, 2]]), "malformed"),
        (shape("cat", "circle", [[0, 0]]), "malformed"),
        (shape("cat", "oriented_rectangle", SQUARE[:3]), "malformed"),
        (shape("cat", "mask", [[0, 0], [1, 1]]), "malformed"),
        (shape("cat", "mask", [[0, 0], [1, 1]], mask="no"), "malformed"),
        (shape("cat", "mask", [[0, 0], [1, 1]], mask=png_text(["..", ".."])), "empty_mask"),
        (shape("", "polygon", SQUARE), "no_class"),
        (shape(None, "polygon", SQUARE), "no_class"),  # type: ignore[arg-type]
        ("a shape", "malformed"),
        (None, "malformed"),
    ],
)
def test_a_shape_of_which_nothing_can_be_made(tmp_path: Path, given: Any, reason: str) -> None:
    record, dropped = only(tmp_path, shape("dog", "rectangle", [[0, 0], [5, 5]]), given)
    assert [a.name for a in record.annotations] == ["dog"]
    assert [(item.reason, item.place, item.source) for item in dropped] == [(reason, "shape 2", tmp_path / "a.json")]


def test_numbers_that_are_not_finite_are_left_to_cleaning(tmp_path: Path, ingest: Callable[..., Any]) -> None:
    picture(tmp_path / "a.jpg")
    shapes = [shape("cat", kind, [["P", 1], [30, 30]]) for kind in ("rectangle", "circle")]
    text = document("a.jpg", [*shapes, shape("cat", "polygon", [["P", 1], [9, 9], [5, 5]])])
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        (tmp_path / "a.json").write_text(text.replace('"P"', number), "utf-8")
        _, ledger = ingest("labelme", tmp_path)
        assert ledger.dropped.counts == {"not_finite": 3}, number


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    record, dropped = only(
        tmp_path,
        shape("cat", "polygon", [[0, 0], [5, 0], [5, 5]], group_id=1),
        shape("dog", "polygon", [[0, 0], [5, 0], [5, 5]], group_id=1),
        shape("cat", "mask", [[20, 20], [20, 20]], mask=png_text(["#"]), group_id=1),
        shape("cat", "polygon", [[0, 0], [5, 0], [5, 5]], group_id=2),
        shape("cat", "polygon", [[0, 0], [5, 0], [5, 5]]),
        shape("cat", "rectangle", [[0, 0], [5, 5]], group_id=1),
        shape("cat", "rectangle", [[0, 0], [7, 7]], group_id=1),
    )
    assert not dropped
    assert [(a.name, len(a.parts), a.place) for a in record.annotations] == [
        ("cat", 2, "shape 1"),
        ("dog", 1, "shape 2"),
        ("cat", 1, "shape 4"),
        ("cat", 1, "shape 5"),
        ("cat", 0, "shape 6"),
        ("cat", 0, "shape 7"),
    ]
    assert record.annotations[0].parts[1] == (20, 20, 21, 20, 21, 21, 20, 21)
    assert "2 shapes of one label and group_id each were joined to 1 object" in notes(events(tmp_path))


def test_two_circles_of_a_group_have_the_box_of_both(tmp_path: Path) -> None:
    circles = [shape("ring", "circle", [[x, 10], [x + 5, 10]], group_id="g") for x in (10, 40)]
    record, _ = only(tmp_path, *circles)
    assert [a.box for a in record.annotations] == [(5, 5, 45, 15)]


def test_points_of_a_group_are_keypoints(tmp_path: Path) -> None:
    record, dropped = only(
        tmp_path,
        shape("tail", "point", [[3, 3]], group_id=1),
        shape("cat", "rectangle", [[0, 0], [5, 5]], group_id=1),
        shape("cat", "rectangle", [[50, 0], [55, 5]], group_id=2),
        shape("ear", "point", [[52, 2]], group_id=2, flags={"occluded": True}),
        shape("ear", "point", [[53, 2]], group_id=2),
        shape("ear", "point", [["x", 2]], group_id=1),
        shape("cat", "rectangle", [[70, 0], [75, 5]], group_id=3),
        shape("dog", "rectangle", [[70, 0], [75, 5]], group_id=3),
        shape("ear", "point", [[72, 2]], group_id=3),
        shape("ear", "point", [[72, 2]], group_id=4),
    )
    assert [a.keypoints for a in record.annotations] == [(0, 0, 0, 3, 3, 2), (52, 2, 1, 0, 0, 0), (), ()]
    assert [(item.place, item.reason) for item in dropped] == [
        ("shape 5", "duplicate_keypoint"),
        ("shape 6", "malformed"),
        ("shape 9", "unsupported_shape"),
        ("shape 10", "unsupported_shape"),
    ]
    assert KeypointOrder(("ear", "tail")) in events(tmp_path)


def test_a_point_goes_to_the_rectangle_of_its_group(tmp_path: Path) -> None:
    record, dropped = only(
        tmp_path,
        shape("skin", "polygon", [[0, 0], [5, 0], [5, 5]], group_id=1),
        shape("cat", "rectangle", [[0, 0], [5, 5]], group_id=1),
        shape("ear", "point", [[3, 3]], group_id=1),
        shape("dog", "polygon", [[50, 0], [55, 0], [55, 5]], group_id=2),
        shape("ear", "point", [[53, 3]], group_id=2),
    )
    assert not dropped
    assert [(a.name, a.keypoints) for a in record.annotations] == [
        ("skin", ()),
        ("cat", (3, 3, 2)),
        ("dog", (53, 3, 2)),
    ]


def test_what_is_to_be_ignored_is_no_class(tmp_path: Path) -> None:
    record, _ = only(tmp_path, shape("__ignore__", "rectangle", [[0, 0], [5, 5]]), shape("cat", "polygon", SQUARE))
    assert [a.ignore for a in record.annotations] == [True, False]
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\n dog \ncat\n\ndog\n", "utf-8")
    assert ClassOrder(("dog", "cat")) in events(tmp_path)


def test_flags_are_tags_where_there_are_no_shapes(tmp_path: Path) -> None:
    record, _ = only(tmp_path, flags={"sharp": True, "dark": False, "odd": "yes"})
    assert [(a.name, a.is_tag) for a in record.annotations] == [("sharp", True)]
    record, _ = only(tmp_path, shape("cat", "polygon", SQUARE), flags={"sharp": True})
    assert [a.name for a in record.annotations] == ["cat"]
    assert "the flags of 1 files are not read" in notes(events(tmp_path))


def test_the_size_is_read_and_the_image_data_is_not(tmp_path: Path) -> None:
    record, _ = only(tmp_path, imageData="/9j/" * 1000, imageWidth=100, imageHeight=50)
    assert record.size == (100, 50)
    for wrong in (None, 0, -5, "wide", 1.5, True, [1]):
        record, _ = only(tmp_path, imageWidth=wrong)
        assert record.size is None


@pytest.mark.parametrize(
    "written",
    [
        "a.jpg",
        "..\\images\\a.jpg",
        "../images/a.jpg",
        "C:\\Users\\somebody\\a.jpg",
        "/home/somebody/images/a.jpg",
        "../../../../etc/a.jpg",
        "A.JPG",
        "renamed.jpg",
        "",
        None,
        5,
        "a\x00.jpg",
    ],
)
def test_the_image_is_found(tmp_path: Path, written: Any) -> None:
    picture(tmp_path / "images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.json").write_text(document(written, []), "utf-8")
    assert [event.path for event in events(tmp_path) if isinstance(event, ImageRecord)] == [tmp_path / "images/a.jpg"]


def test_names_that_mislead(tmp_path: Path) -> None:
    for name in ("s1/x.jpg", "s2/x.jpg", "s1/y.jpg", "s1/y.png", "s1/z.b.jpg", "s1/gro\u0308sse.jpg"):
        picture(tmp_path / name)
    for path, written in (
        ("s1/x.json", "x.jpg"),
        ("s2/x.json", "../s1/x.jpg"),  # a path that is right counts before the name
        ("s1/y.json", "y.png"),
        ("s1/z.b.json", "z.b.jpg"),
        ("s1/other.json", "y.jpg"),
        ("s1/grösse.json", "grösse.jpg"),
    ):
        (tmp_path / path).write_text(document(written, []), "utf-8")
    found = events(tmp_path)
    records = {e.source.relative_to(tmp_path).as_posix(): e.path for e in found if isinstance(e, ImageRecord)}
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in records.items()} == {
        "s1/x.json": "s1/x.jpg",
        "s2/x.json": "s1/x.jpg",
        "s1/y.json": "s1/y.png",
        "s1/z.b.json": "s1/z.b.jpg",
        "s1/other.json": "s1/y.jpg",
        "s1/grösse.json": "s1/gro\u0308sse.jpg",
    }


def test_a_renamed_image_is_found_by_the_name_of_the_file(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        picture(tmp_path / name)
    (tmp_path / "1.json").write_text(document("2.jpg", []), "utf-8")
    (tmp_path / "2.json").write_text(document("3.jpg", []), "utf-8")
    found = events(tmp_path)
    assert [e.path.name for e in found if isinstance(e, ImageRecord)] == ["1.jpg", "2.jpg"]
    assert "2 files name another image than the one of their own name, which is taken, first: 1.json" in notes(found)


def test_an_image_in_the_file_alone_is_missing_and_said_so(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(document("../../secret/a.jpg", [], imageData="/9j/"), "utf-8")
    found = events(tmp_path)
    assert [e.path for e in found if isinstance(e, ImageRecord)] == [tmp_path / "a.jpg"]
    assert "1 images are missing but stand in the imageData of their files, first: a.json" in notes(found)


def test_images_without_a_file(tmp_path: Path) -> None:
    for name in ("train/a.jpg", "train/b.jpg", "elsewhere/c.jpg"):
        picture(tmp_path / name)
    (tmp_path / "train/a.json").write_text(document("a.jpg", []), "utf-8")
    found = events(tmp_path)
    records = [(e.path.name, e.labelled, e.split) for e in found if isinstance(e, ImageRecord)]
    assert records == [("a.jpg", True, "train"), ("b.jpg", False, "train")]
    assert "1 images lie in folders without any label and are left out, first: elsewhere/c.jpg" in notes(found)
    assert [e.path.name for e in events(tmp_path / "train/a.json") if isinstance(e, ImageRecord)] == ["a.jpg"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"version": "5", "shapes": [', "malformed JSON"),
        (b'{"version": "5", "shapes": 5}', "expected `array`"),
        (b'{"version": "5", "shapes": null}', "expected `array`"),
        (b'{"version": "5", "imagePath": "a.jpg", "imageData": null}', "missing required field `shapes`"),
        (b'{"version": "5", "shapes": [{"label": "\xff"}]}', "expected UTF-8 text"),
        (b'{"version": "5", "shapes": ' + b"[" * 100_000, "nested too deeply|malformed JSON"),
    ],
)
def test_a_file_that_is_not_labelme(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert FORMATS["labelme"].sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match=reason) as caught:
        events(tmp_path)
    assert caught.value.file == path


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-bom", "utf-32"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    picture(tmp_path / "ä.jpg")
    text = json.dumps(json.loads(document("ä.jpg", [shape("Größe", "polygon", SQUARE)])), ensure_ascii=False)
    content = b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-bom" else text.encode(encoding)
    (tmp_path / "ä.json").write_bytes(content)
    assert FORMATS["labelme"].sniff(Tree(tmp_path))
    (record,) = [event for event in events(tmp_path) if isinstance(event, ImageRecord)]
    assert (record.path.name, record.annotations[0].name) == ("ä.jpg", "Größe")


def test_old_files_begin_with_the_image(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    shapes = [{"label": "cat", "points": SQUARE, "line_color": None}]
    content = {"imageData": "A" * (1 << 21), "imagePath": "a.jpg", "shapes": shapes}
    (tmp_path / "a.json").write_text(json.dumps(content), "utf-8")
    assert FORMATS["labelme"].sniff(Tree(tmp_path)) == "1 JSON files with shapes and imagePath, 1 images matched"
    (record,) = [event for event in events(tmp_path) if isinstance(event, ImageRecord)]
    assert len(record.annotations) == 1


def test_the_labelme_of_the_mit_is_another_format(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><object><name>cat</name><polygon><pt><x>1</x><y>2</y></pt></polygon>"
        "</object></annotation>"
    )
    assert FORMATS["labelme"].sniff(Tree(tmp_path)) is None


@pytest.mark.parametrize("task", FORMATS["labelme"].tasks)
def test_write_then_read_is_the_identity(task: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=40, deadline=None)
    @given(images(task))
    def check(records: list[ImageRecord]) -> None:
        folder = tmp_path_factory.mktemp("written")
        assert write("labelme", folder, records, task) == sum(len(record.annotations) for record in records)
        found, names = read("labelme", folder, task=task)
        assert names == CLASSES
        assert found.keys() == {record.path.name for record in records}
        for record in records:
            again = found[record.path.name]
            assert (again.split, again.size, again.labelled) == (record.split, record.size, True)
            assert [(a.name, a.parts, a.corners, a.keypoints) for a in again.annotations] == [
                (a.name, a.parts, a.corners, a.keypoints[: len(again.annotations[0].keypoints)])
                for a in record.annotations
            ]  # the name of a keypoint that is nowhere labelled is nowhere written
            for before, after in zip(record.annotations, again.annotations, strict=True):
                assert (after.box or extent(after.parts or after.corners)) == before.box

    check()


def test_parts_of_an_object_are_written_as_a_group(tmp_path: Path) -> None:
    parts = ((0.0, 0.0, 5.0, 0.0, 5.0, 5.0), (10.0, 0.0, 15.0, 0.0, 15.0, 5.0))
    item = Annotation("cat", (0, 0, 15, 5), "", parts=parts)
    record = ImageRecord(Path("a.png"), Path("s"), (item, item), split="train", size=(20, 10))
    assert write("labelme", tmp_path, [record], "segment") == 2
    found, _ = read("labelme", tmp_path)
    assert [a.parts for a in found["a.png"].annotations] == [parts, parts]


def test_what_is_written_opens_in_labelme(tmp_path: Path) -> None:
    """The conditions of `labelme._label_file`: the keys it wants, and every shape as it checks it."""
    item = Annotation("cat", (1.5, 2, 3, 4), "", keypoints=(1.0, 2.0, 1.0, 0.0, 0.0, 0.0))
    place = Path("images/val/a.b.png")
    picture(tmp_path / place)
    record = ImageRecord(place, place, (item,), split="val", size=(100, 50))
    writer = FORMATS["labelme"].write
    assert writer is not None
    assert writer(Output(tmp_path, [record], [place], ("cat",), ("nose", "tail"), "pose")) == 1  # type: ignore[list-item]
    content = json.loads((tmp_path / "images/val/a.b.json").read_text("utf-8"))
    assert {"version", "imageData", "imagePath", "shapes", "flags", "imageHeight", "imageWidth"} == content.keys()
    assert content["imagePath"] == "a.b.png"
    assert [(s["shape_type"], s["label"], s["points"], s["group_id"], s["flags"]) for s in content["shapes"]] == [
        ("rectangle", "cat", [[1.5, 2], [3, 4]], 1, {}),
        ("point", "nose", [[1, 2]], 1, {"hidden": True}),
    ]


def test_panlabel_reads_the_same_boxes(tmp_path: Path) -> None:
    shapes = [
        shape("cat", "rectangle", [[40.5, 30], [10, 5]]),
        shape("cat", "polygon", [[10, 10], [30, 10], [20, 30.5]]),
    ]
    record, _ = only(tmp_path, *shapes)
    assert sorted(peer_boxes("labelme", tmp_path / "a.json")) == sorted(
        a.box or extent(a.parts) for a in record.annotations
    )
