from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.reading import peer_boxes
from support.sources.via import entry, project, region
from support.sources.via_csv import HEADER, write_csv

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.geometry.shapes import extent
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError

BOX = {"x": 10, "y": 5, "width": 30, "height": 20}
DROPDOWN = {"type": "dropdown", "options": {"dog": "a dog", "cat": ""}}


def events(source: Path, **options: Any) -> list[Event]:
    return list(FORMATS["via"].read(Tree(source), ReadOptions(**options)))


def records(found: list[Event]) -> list[ImageRecord]:
    return [event for event in found if isinstance(event, ImageRecord)]


def reasons(found: list[Event]) -> list[tuple[str, str]]:
    return [(event.place, event.reason) for event in found if isinstance(event, Dropped)]


def notes(found: list[Event]) -> str:
    return "\n".join(event.text for event in found if isinstance(event, Note))


def bare(source: Path, regions: Any, name: str = "via_region_data.json") -> Path:
    """The images alone, without a project around them: what `regions` has for a.jpg."""
    (source / name).write_text(json.dumps(entry(picture(source / "a.jpg"), regions)), "utf-8")
    return source


def one(source: Path, shape: dict[str, Any]) -> Annotation | Dropped:
    item = {"shape_attributes": shape, "region_attributes": {"class": "cat"}}
    found = events(bare(source, [item]))
    results = [*records(found)[0].annotations, *(event for event in found if isinstance(event, Dropped))]
    assert len(results) == 1
    return results[0]


def test_a_rectangle(tmp_path: Path) -> None:
    assert one(tmp_path, {"name": "rect", **BOX}) == Annotation("cat", (10, 5, 40, 25), "a.jpg, region 0")


def test_round_shapes_have_exact_boxes(tmp_path: Path) -> None:
    circle = one(tmp_path, {"name": "circle", "cx": 50, "cy": 25, "r": 10})
    assert isinstance(circle, Annotation)
    assert circle.box == (40, 15, 60, 35)
    turned = one(tmp_path, {"name": "ellipse", "cx": 50, "cy": 25, "rx": 20, "ry": 10, "theta": math.pi / 2})
    assert isinstance(turned, Annotation)
    assert turned.box == pytest.approx((40, 5, 60, 45))
    assert extent(turned.parts) == turned.box
    # Clockwise: the right end of a wide ellipse goes down.
    tilted = one(tmp_path, {"name": "ellipse", "cx": 0, "cy": 0, "rx": 20, "ry": 1, "theta": 0.5})
    assert isinstance(tilted, Annotation)
    x, y = max(zip(tilted.parts[0][::2], tilted.parts[0][1::2], strict=True))
    assert (x, y) == pytest.approx((20 * math.cos(0.5), 20 * math.sin(0.5)), abs=0.5)


def test_a_polygon_that_repeats_its_first_point(tmp_path: Path) -> None:
    found = one(tmp_path, {"name": "polygon", "all_points_x": [1, 20, 9, 1], "all_points_y": [1, 2, 30, 1]})
    assert found == Annotation("cat", None, "a.jpg, region 0", parts=((1, 1, 20, 2, 9, 30),))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"name": "polyline", "all_points_x": [1, 20], "all_points_y": [1, 2]}, "unsupported_shape"),
        ({"name": "point", "cx": 1, "cy": 2}, "unsupported_shape"),
        ({"name": "star"}, "unsupported_shape"),
        ({"name": None}, "unsupported_shape"),
        ({"name": ["rect"]}, "unsupported_shape"),
        ({}, "no_box"),
        ("rect", "no_box"),
        (None, "no_box"),
        ({"name": "rect", "x": 1, "y": 2, "width": 3}, "malformed"),
        ({"name": "rect", **BOX, "x": "abc"}, "malformed"),
        ({"name": "rect", **BOX, "x": None}, "malformed"),
        ({"name": "circle", "cx": 1, "cy": 2}, "malformed"),
        ({"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}, "malformed"),
        ({"name": "polygon", "all_points_x": 5, "all_points_y": [1, 2]}, "malformed"),
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}, "too_few_points"),
        ({"name": "polygon", "all_points_x": [], "all_points_y": []}, "too_few_points"),
    ],
)
def test_a_shape_of_which_nothing_can_be_made(tmp_path: Path, shape: Any, reason: str) -> None:
    found = one(tmp_path, shape)
    assert isinstance(found, Dropped)
    assert (found.reason, found.place, found.source) == (reason, "a.jpg, region 0", tmp_path / "via_region_data.json")


def test_numbers_that_are_not_finite_are_left_to_cleaning(tmp_path: Path, ingest: Callable[..., Any]) -> None:
    shapes = [
        {"name": "rect", **BOX, "x": "P"},
        {"name": "circle", "cx": 5, "cy": 5, "r": "P"},
        {"name": "ellipse", "cx": 5, "cy": 5, "rx": 2, "ry": 1, "theta": "P"},
        {"name": "polygon", "all_points_x": ["P", 2, 3], "all_points_y": [1, 2, 9]},
    ]
    bare(tmp_path, [{"shape_attributes": shape, "region_attributes": {"class": "cat"}} for shape in shapes])
    path = tmp_path / "via_region_data.json"
    text = path.read_text("utf-8")
    for number in ("NaN", "Infinity", "1e999", "-1e999"):
        path.write_text(text.replace('"P"', number), "utf-8")
        _, ledger = ingest("via", tmp_path)
        assert ledger.dropped.counts == {"not_finite": 4}, number


def test_version_1_numbers_its_regions(tmp_path: Path) -> None:
    regions = {str(i): region({"class": name}, "rect", **BOX) for i, name in enumerate(["cat", "dog"])}
    found = events(bare(tmp_path, regions))
    assert [(a.name, a.place) for a in records(found)[0].annotations] == [
        ("cat", "a.jpg, region 0"),
        ("dog", "a.jpg, region 1"),
    ]


def test_the_only_attribute_in_use_is_the_class(tmp_path: Path) -> None:
    regions = [
        region({"kind": "cat", "note": ""}, "rect", **BOX),
        region({"kind": " dog ", "note": ""}, "rect", **BOX),
        region({"kind": "", "note": ""}, "rect", **BOX),
        region({}, "rect", **BOX),
        region({"kind": 3}, "rect", **BOX),
        region({"kind": ["cat", "dog"]}, "rect", **BOX),
    ]
    found = events(bare(tmp_path, regions))
    assert [a.name for a in records(found)[0].annotations] == ["cat", "dog", "3", "cat", "dog"]
    assert reasons(found) == [("a.jpg, region 2", "no_class"), ("a.jpg, region 3", "no_class")]
    assert "the class is the region attribute 'kind'" in notes(found)


def test_of_several_attributes_the_one_with_options(tmp_path: Path) -> None:
    images = entry(picture(tmp_path / "a.jpg"), [region({"what": "cat", "note": "hello"}, "rect", **BOX)])
    (tmp_path / "p.json").write_text(project(images, {"note": {"type": "text"}, "what": DROPDOWN}), "utf-8")
    found = events(tmp_path)
    assert [a.name for a in records(found)[0].annotations] == ["cat"]
    assert ClassOrder(("dog", "cat")) in found


def test_several_attributes_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    bare(tmp_path, [region({"what": "cat", "colour": "red"}, "rect", **BOX)])
    with pytest.raises(DataError, match=r"could be the class: colour, what\n--attribute says which"):
        events(tmp_path)
    assert [a.name for a in records(events(tmp_path, attribute="colour"))[0].annotations] == ["red"]
    with pytest.raises(DataError, match=r"has an attribute 'size'\nthere are: colour, what"):
        events(tmp_path, attribute="size")


def test_without_attributes_there_is_one_class(tmp_path: Path) -> None:
    found = events(bare(tmp_path, [region({}, "rect", **BOX), region(None, "rect", **BOX)]))  # type: ignore[arg-type]
    assert [a.name for a in records(found)[0].annotations] == ["object", "object"]
    assert "all of them are of one class, called 'object'" in notes(found)


def test_an_attribute_that_nobody_set_is_no_class(tmp_path: Path) -> None:
    images = entry(picture(tmp_path / "a.jpg"), [region({}, "rect", **BOX)])
    (tmp_path / "p.json").write_text(project(images, {"what": DROPDOWN, "other": DROPDOWN}), "utf-8")
    assert reasons(events(tmp_path)) == [("a.jpg, region 0", "no_class")]


def test_every_name_of_a_checkbox_is_an_object(tmp_path: Path) -> None:
    given = {"cat": True, "dog": "on", "bird": False, "cow": ""}
    found = events(bare(tmp_path, [region({"what": given}, "rect", **BOX), region({"what": given}, "point", cx=1)]))
    assert [a.name for a in records(found)[0].annotations] == ["cat", "dog"]
    assert reasons(found) == [("a.jpg, region 1", "unsupported_shape")] * 2


def test_images_without_regions_can_be_classified(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "a.jpg"), picture(tmp_path / "b.jpg")
    images = {
        **entry(a, [], file_attributes={"caption": "x", "kind": "good"}),
        **entry(b, [], file_attributes={"caption": "y", "kind": "bad"}),
    }
    content = json.loads(project(images, {}))
    options = {"good": "", "bad": "", "odd": ""}
    content["_via_attributes"]["file"] = {"caption": {"type": "text"}, "kind": {"type": "radio", "options": options}}
    (tmp_path / "p.json").write_text(json.dumps(content), "utf-8")
    found = events(tmp_path)
    assert [[(x.name, x.is_tag) for x in record.annotations] for record in records(found)] == [
        [("good", True)],
        [("bad", True)],
    ]
    assert ClassOrder(("good", "bad", "odd")) in found
    assert records(events(tmp_path, attribute="caption"))[0].annotations[0].name == "x"


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "A.JPG", "C:\\pictures\\a.jpg", "/home/else/a.jpg", "../../a.jpg", "https://host/a.jpg?w=5", "sub/a.jpg"],
)
def test_the_image_is_found(tmp_path: Path, name: str) -> None:
    path = picture(tmp_path / "images/a.jpg")
    content = {f"{name}-1": {"filename": name, "size": -1, "regions": [], "file_attributes": {}}}
    (tmp_path / "via.json").write_text(json.dumps(content), "utf-8")
    assert FORMATS["via"].sniff(Tree(tmp_path))
    assert [record.path for record in records(events(tmp_path))] == [path]


def test_a_missing_image_stays_in_the_folder(tmp_path: Path) -> None:
    content = {"x.jpg-1": {"filename": "../../x.jpg", "regions": [], "file_attributes": {}}}
    (tmp_path / "via.json").write_text(json.dumps(content), "utf-8")
    assert [record.path for record in records(events(tmp_path))] == [tmp_path / "x.jpg"]


def test_two_images_of_one_name_differ_by_their_size(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "one/x.jpg"), picture(tmp_path / "two/x.jpg", 60, 60, seed=1)
    content = {**entry(b, [region({"c": "b"}, "rect", **BOX)]), **entry(a, [region({"c": "a"}, "rect", **BOX)])}
    (tmp_path / "via.json").write_text(json.dumps(content), "utf-8")
    found = {record.path: record.annotations[0].name for record in records(events(tmp_path))}
    assert found == {a: "a", b: "b"}
    content = {"x.jpg1": {"filename": "x.jpg", "size": 1, "regions": []}}
    (tmp_path / "via.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(DataError, match=r"via.json.*fits several images"):
        events(tmp_path)


def test_images_not_listed_and_splits(tmp_path: Path) -> None:
    for name in ("train/a.jpg", "val/b.jpg", "val/c.jpg"):
        picture(tmp_path / name)
    listed = {f"{x}.jpg1": {"filename": f"{x}.jpg", "size": 1, "regions": []} for x in "ab"}
    (tmp_path / "via.json").write_text(json.dumps(listed), "utf-8")
    found = events(tmp_path)
    assert [(record.path.name, record.split) for record in records(found)] == [("a.jpg", "train"), ("b.jpg", "val")]
    assert "1 images are in no annotation file and are left out, first: val/c.jpg" in notes(found)


def test_the_csv(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        picture(tmp_path / name)
    box = {"name": "rect", **BOX}
    rows = [
        ("a.jpg", 10, "{}", 2, 0, box, {"class": "cat"}),
        ("b.jpg", 11, "{}", 0, 0, {}, {}),
        ("a.jpg", 10, "{}", 2, 1, box, {"class": {"dog": True, "cow": True}}),
        ("c.jpg", 12, "{}", 3, 0, "no shape", {"class": "cat"}),
        ("c.jpg", 12, "not json", 3, 1, box, "no attributes"),
        ("", 12, "{}", 3, 1, box, {"class": "cat"}),
    ]
    path = tmp_path / "via.csv"
    write_csv(path, rows)
    path.write_text(
        path.read_text("utf-8") + 'c.jpg,12,"{}"\nc.jpg,12,{},3,2,"{""name"":","{""class"":""cat""}"\n', "utf-8"
    )
    found = events(tmp_path)
    assert [[(a.name, a.place) for a in record.annotations] for record in records(found)] == [
        [("cat", "line 2"), ("dog", "line 4"), ("cow", "line 4")],
        [],
        [],
    ]
    assert reasons(found) == [
        ("line 7", "malformed"),
        ("line 8", "malformed"),
        ("line 5", "no_box"),
        ("line 6", "no_class"),
        ("line 9", "no_box"),
    ]
    assert "1 images have fewer rows" not in notes(found)


def test_the_csv_of_version_1_and_rows_that_were_cut_off(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    write_csv(
        tmp_path / "via.csv",
        [("a.jpg", 10, "{}", 2, 0, {"name": "rect", **BOX}, {"class": "cat"})],
        ("#filename", *HEADER[1:]),
    )
    found = events(tmp_path)
    assert len(records(found)[0].annotations) == 1
    assert "1 images have fewer rows than their region_count says, first: a.jpg" in notes(found)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["via.csv", "via.json"])
def test_other_encodings(tmp_path: Path, encoding: str, name: str) -> None:
    image = picture(tmp_path / "größe.jpg")
    path = tmp_path / name
    if name.endswith(".csv"):
        write_csv(path, [("größe.jpg", 1, "{}", 1, 0, {"name": "rect", **BOX}, {"class": "Ärger"})])
        text = path.read_text("utf-8")
    else:
        text = json.dumps(entry(image, [region({"class": "Ärger"}, "rect", **BOX)]), ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    assert FORMATS["via"].sniff(Tree(tmp_path))
    (record,) = records(events(tmp_path))
    assert (record.path, record.annotations[0].name) == (image, "Ärger")


def version_3(metadata: dict[str, Any], attribute: dict[str, Any], **files: Any) -> str:
    file = {"1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""}, **files}
    view = {key: {"fid_list": [key]} for key in file}
    content = {"project": {"pid": "x", "data_format_version": "3.1.0"}, "config": {}, "attribute": attribute}
    return json.dumps({**content, "file": file, "view": view, "metadata": metadata})


def test_version_3(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "b.jpg")
    shapes = {
        "rect": [2, 10, 5, 30, 20],
        "circle": [3, 50, 25, 10],
        "ellipse": [4, 50, 25, 20, 10],
        "polygon": [7, 1, 1, 20, 2, 9, 30],
        "extreme": [8, 10, 15, 25, 5, 40, 15, 25, 25],
        "through": [9, 60, 25, 50, 35, 40, 25],
        "point": [1, 5, 5],
        "line": [5, 1, 1, 2, 2],
        "polyline": [6, 1, 1, 2, 2, 3, 3],
        "odd": [12, 1],
        "short": [2, 1],
        "fraction": [2.5, 1, 2, 3, 4],
        "straight": [9, 0, 0, 1, 1, 2, 2],
        "text": [2, 1, "x", 3, 4],
    }
    metadata: dict[str, Any] = {
        key: {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": "0"}} for key, xy in shapes.items()
    }
    metadata["both"] = {"vid": "1", "z": [], "xy": shapes["rect"], "av": {"1": "0,1"}}
    metadata["none"] = {"vid": "1", "z": [], "xy": shapes["rect"], "av": {}}
    metadata["seen"] = {"vid": "3", "z": [1.5], "xy": shapes["rect"], "av": {"1": "0"}}
    metadata["lost"] = {"vid": "9", "z": [], "xy": shapes["rect"], "av": {"1": "0"}}
    metadata["part"] = {"vid": "1", "z": [1, 2], "xy": [], "av": {"1": "0"}}
    metadata["bad"] = 5
    attribute = {
        "1": {"aname": "what", "anchor_id": "FILE1_Z0_XY1", "type": 2, "options": {"0": "dog", "1": "cat"}},
    }
    film = {"fid": "3", "fname": "film.mp4", "type": 4}
    second = {"fid": "2", "fname": "b.jpg", "type": 2}
    (tmp_path / "via3.json").write_text(version_3(metadata, attribute, **{"2": second, "3": film}), "utf-8")
    found = events(tmp_path)
    assert ClassOrder(("dog", "cat")) in found
    a, b = records(found)
    assert (a.path.name, b.path.name, b.annotations) == ("a.jpg", "b.jpg", ())
    boxes = {(x.place.removeprefix("metadata "), x.name): x.box for x in a.annotations}
    assert boxes.pop(("through", "dog")) == pytest.approx((40, 15, 60, 35))
    assert boxes == {
        ("rect", "dog"): (10, 5, 40, 25),
        ("circle", "dog"): (40, 15, 60, 35),
        ("ellipse", "dog"): (30, 15, 70, 35),
        ("polygon", "dog"): None,
        ("extreme", "dog"): (10, 5, 40, 25),
        ("both", "dog"): (10, 5, 40, 25),
        ("both", "cat"): (10, 5, 40, 25),
    }
    assert {place.removeprefix("metadata "): reason for place, reason in reasons(found)} == {
        "point": "unsupported_shape",
        "line": "unsupported_shape",
        "polyline": "unsupported_shape",
        **dict.fromkeys(("odd", "short", "fraction", "straight", "text", "bad"), "malformed"),
        "none": "no_class",
        "seen": "video",
        "lost": "unknown_image",
        "part": "no_box",
    }


def test_version_3_classifies_images(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    attribute = {"1": {"aname": "what", "anchor_id": "FILE1_Z0_XY0", "type": 4, "options": {"0": "dog", "1": "cat"}}}
    metadata = {"m": {"vid": "1", "z": [], "xy": [], "av": {"1": "1"}}}
    (tmp_path / "via3.json").write_text(version_3(metadata, attribute), "utf-8")
    assert [a.name for a in records(events(tmp_path))[0].annotations] == ["cat"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"a.jpg12": {"filename": "a.jpg", "regions": [', "malformed JSON"),
        ('{"a.jpg12": {"filename": "a.jpg", "regions": 5}}', "expected a list of regions, found 5"),
        ('{"a.jpg12": {"filename": "a.jpg", "regions": []}, "b.jpg1": 5}', "expected an image, found 5"),
        ('{"_via_img_metadata": [], "_via_settings": {}}', "expected an object, found a list of 0"),
        ('{"_via_settings": {}, "_via_attributes": {}}', "expected an object, found None"),
        ('{"project": {}, "config": {}, "attribute": {}}', "view"),
        ('{"attribute": {}, "file": {}, "view": {"1": {"fid_list": ["7"]}}, "metadata": {}}', "view 1"),
        ('{"attribute": {}, "file": {}, "view": {"1": 5}, "metadata": {}}', "view 1"),
        ('{"attribute": {}, "file": {}, "view": {}, "metadata": 5}', "metadata"),
    ],
)
def test_a_file_that_is_not_via(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "via.json"
    path.write_text(content, "utf-8")
    assert FORMATS["via"].sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match=reason) as caught:
        events(tmp_path)
    assert caught.value.file == path


def test_regions_that_are_none(tmp_path: Path) -> None:
    found = events(bare(tmp_path, [5, None, region({"class": "cat"}, "rect", **BOX)]))
    assert reasons(found) == [("a.jpg, region 0", "malformed"), ("a.jpg, region 1", "malformed")]
    assert len(records(found)[0].annotations) == 1
    assert records(events(bare(tmp_path, None)))[0].annotations == ()


def test_the_name_of_an_image_is_in_its_key_as_well(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "via.json").write_text('{"a.jpg1234": {"filename": null, "regions": [], "file_attributes": {}}}')
    assert records(events(tmp_path))[0].path == tmp_path / "a.jpg"


def test_a_csv_without_a_column(tmp_path: Path) -> None:
    path = tmp_path / "via.csv"
    path.write_text("filename,region_shape_attributes,region_attributes\na.jpg,{},{}\n")
    with pytest.raises(ParseError, match="expected a column file_size"):
        events(tmp_path)


def test_other_json_is_left_alone(tmp_path: Path) -> None:
    for name, content in (
        ("a.json", '{"a.b": 1, "c.d": 2}'),
        ("b.json", '{"images": [], "annotations": [], "filename": "x.jpg", "regions": []}'),
        ("c.json", "[]"),
        ("d.json", "{}"),
    ):
        (tmp_path / name).write_text(content)
    assert FORMATS["via"].sniff(Tree(tmp_path)) is None


def test_panlabel_reads_the_same_boxes(tmp_path: Path) -> None:
    bare(
        tmp_path,
        [region({"label": "cat"}, "rect", **BOX), region({"label": "cat"}, "rect", x=1, y=2, width=3, height=4)],
    )
    mine = [a.box for a in records(events(tmp_path))[0].annotations]
    assert sorted(peer_boxes("via", tmp_path / "via_region_data.json")) == sorted(mine)  # type: ignore[type-var]
