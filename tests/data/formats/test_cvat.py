from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import outputs
from support.pictures import picture
from support.reading import peer_boxes
from support.sources import cvat as example
from support.sources import cvat_video as video

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.formats import cvat as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading import xml_stream
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError

Make = Callable[..., Any]


def events(source: Path, **options: Any) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))


def records(source: Path, **options: Any) -> dict[str, ImageRecord]:
    return {e.path.name: e for e in events(source, **options) if isinstance(e, ImageRecord)}


def dropped(source: Path) -> list[tuple[str, str]]:
    return [(e.reason, e.place) for e in events(source) if isinstance(e, Dropped)]


def notes(source: Path) -> str:
    return "\n".join(e.text for e in events(source) if isinstance(e, Note))


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., Path]:
    """A source with one image of 100x50 px that holds the given shapes."""

    def make(shapes: str, *, image: str = 'name="a.png" width="100" height="50"', meta: str = example.META) -> Path:
        picture(tmp_path / "a.png")
        text = f'{meta}  <image id="0" {image}>{shapes}</image>\n</annotations>\n'
        (tmp_path / "annotations.xml").write_text(text, "utf-8")
        return tmp_path

    return make


def test_every_shape_of_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "1 XML files with <annotations>: annotations.xml"
    heads = [e for e in events(tmp_path) if isinstance(e, (ClassOrder, KeypointOrder))]
    assert heads == [ClassOrder(("zebra", "person", "ant")), KeypointOrder(("nose", "tail"))]
    found = records(tmp_path)
    assert {name: (r.split, r.size, r.group) for name, r in found.items()} == {
        "a b.png": ("train", (100, 50), None),
        "ä&b.png": ("train", (100, 50), None),
        "empty.png": ("val", (100, 50), None),
    }
    plain, turned, polygon, mask, tag = found["a b.png"].annotations
    assert (plain.name, plain.box, plain.corners) == ("zebra", (1, 2, 30.5, 40), ())
    assert turned.box == (45, 15, 55, 35)
    assert turned.corners == (55, 15, 55, 35, 45, 35, 45, 15)  # upper left first, clockwise before the turn
    assert (polygon.box, polygon.parts) == (None, ((10, 10, 20, 10, 15, 20),))
    assert (mask.box, len(mask.parts), len(mask.parts[0])) == (None, 1, 24)  # an I of seven pixels
    assert tag.is_tag
    ellipse, cuboid, skeleton = found["ä&b.png"].annotations
    half = math.hypot(20 * math.cos(math.pi / 6), 10 * math.sin(math.pi / 6))
    assert ellipse.box is not None
    assert ellipse.box[0::2] == pytest.approx((50 - half, 50 + half))
    assert len(ellipse.parts[0]) >= 128
    assert (cuboid.box, cuboid.repair) == ((10, 5, 40, 30), "box_from_cuboid")
    assert skeleton.keypoints == (70, 20, 2, 12, 13, 1)  # in the order of the labels, not of the file
    assert dropped(tmp_path) == [("unsupported_shape", "image 1, polyline 3")]


@pytest.mark.parametrize(
    ("rle", "parts", "holes"),
    [
        ("0,6", ((50, 4, 53, 4, 53, 6, 50, 6),), ()),  # three wide, two high
        ("1, 1, 4", ((51, 4, 52, 4, 52, 5, 51, 5),), ()),  # starts with clear pixels, along the row
        ("3,1,2", ((50, 5, 51, 5, 51, 6, 50, 6),), ()),
    ],
)
def test_masks_run_along_the_rows_of_their_crop(rle: str, parts: Any, holes: Any, images: Make) -> None:
    source = images(f'<mask label="ant" rle="{rle}" left="50" top="4" width="3" height="2"/>')
    (found,) = records(source)["a.png"].annotations
    assert (found.parts, found.holes) == (parts, holes)


def test_a_mask_with_a_hole(images: Make) -> None:
    source = images('<mask label="ant" rle="0,4,1,4" left="0" top="0" width="3" height="3"/>')
    (found,) = records(source)["a.png"].annotations
    assert found.parts == ((0, 0, 3, 0, 3, 3, 0, 3),)
    assert [sorted(zip(ring[::2], ring[1::2], strict=True)) for ring in found.holes] == [
        [(1, 1), (1, 2), (2, 1), (2, 2)]
    ]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<box label="ant" xtl="1" ytl="2" xbr="3"/>', "malformed"),
        ('<box label="ant" xtl="1" ytl="2" xbr="3" ybr="x"/>', "malformed"),
        ('<box label="ant" xtl="1" ytl="2" xbr="3" ybr="4" rotation="left"/>', "malformed"),
        ('<box xtl="1" ytl="2" xbr="3" ybr="4"/>', "no_class"),
        ('<box label=" " xtl="1" ytl="2" xbr="3" ybr="4"/>', "no_class"),
        ('<polygon label="ant" points="1,1;2,2"/>', "malformed"),
        ('<polygon label="ant" points="1,1;2;3,3"/>', "malformed"),
        ('<polygon label="ant"/>', "malformed"),
        ('<polyline label="ant" points="1,1;2,2;3,3"/>', "unsupported_shape"),
        ('<points label="ant" points="1,1"/>', "unsupported_shape"),
        ('<rotbox label="ant" x="1"/>', "unsupported_shape"),
        ('<ellipse label="ant" cx="1" cy="2" rx="3"/>', "malformed"),
        ('<cuboid label="ant" xtl1="1"/>', "malformed"),
        ('<mask label="ant" rle="0,5" left="0" top="0" width="3" height="2"/>', "malformed"),
        ('<mask label="ant" rle="0,x" left="0" top="0" width="3" height="2"/>', "malformed"),
        ('<mask label="ant" rle="-1,7" left="0" top="0" width="3" height="2"/>', "malformed"),
        ('<mask label="ant" rle="0,6" left="0" top="0" width="9999999999" height="9999999999"/>', "malformed"),
        (f'<mask label="ant" rle="{"9" * 30}" left="0" top="0" width="3" height="2"/>', "malformed"),
        ('<mask label="ant" rle="6" left="0" top="0" width="3" height="2"/>', "empty_mask"),
        ('<skeleton label="person"/>', "malformed"),
        ('<skeleton label="person"><points label="paw" points="1,1"/></skeleton>', "unknown_keypoint"),
        ('<skeleton label="person"><points label="nose" points="1,1;2,2"/></skeleton>', "malformed"),
        ('<skeleton label="person"><points label="nose" outside="1" points="1,1"/></skeleton>', "outside_flag"),
    ],
)
def test_a_malformed_shape_costs_itself_only(shape: str, reason: str, images: Make) -> None:
    source = images(f'{shape}<box label="ant" xtl="1" ytl="2" xbr="3" ybr="4"/><attribute name="x">1</attribute>')
    assert dropped(source) == [(reason, f"image 0, {shape[1:].split()[0].rstrip('/>')} 1")]
    assert [a.box for a in records(source)["a.png"].annotations] == [(1, 2, 3, 4)]


def test_shapes_without_an_image(images: Make, tmp_path: Path) -> None:
    source = images('<tag label="ant"/>', image='width="5"')
    assert dropped(source) == [("no_image", "image 0, tag 1")]
    assert not records(source)
    (tmp_path / "annotations.xml").write_text('<annotations><box label="ant"/></annotations>')
    assert dropped(source) == [("no_image", "box 0")]


@pytest.mark.parametrize("value", ["nan", "1e999", "-1e999"])
def test_absurd_numbers_are_left_to_cleaning(value: str, images: Make, ingest: Make) -> None:
    for shape in (
        f'<box label="ant" xtl="{value}" ytl="2" xbr="3" ybr="4"/>',
        f'<box label="ant" xtl="1" ytl="2" xbr="3" ybr="4" rotation="{value}"/>',
        f'<ellipse label="ant" cx="1" cy="2" rx="{value}" ry="3"/>',
        f'<polygon label="ant" points="{value},1;2,2;3,1"/>',
        f'<skeleton label="person"><points label="nose" points="{value},1"/></skeleton>',
    ):
        _, ledger = ingest("cvat", images(shape))
        assert ledger.dropped.counts == {"not_finite": 1}


def test_a_rotated_box_in_each_task(images: Make, ingest: Make) -> None:
    source = images('<box label="ant" xtl="40" ytl="20" xbr="60" ybr="30" rotation="90"/>')
    for task in ("detect", "obb", "segment"):
        cleaned, _ = ingest("cvat", source, task=task)
        assert cleaned.records[0].annotations[0].box == (45, 15, 55, 35)


def test_tags_are_for_classification(images: Make, ingest: Make) -> None:
    source = images('<tag label="zebra"/><box label="ant" xtl="1" ytl="2" xbr="3" ybr="4"/>')
    cleaned, ledger = ingest("cvat", source, task="classify")
    assert [a.name for a in cleaned.records[0].annotations] == ["zebra"]
    assert sum(ledger.dropped.counts.values()) == 1


@pytest.mark.parametrize("holder", ["task", "job", "project"])
def test_classes_come_in_the_order_of_the_labels(holder: str, images: Make) -> None:
    meta = example.META.replace("<task>", f"<{holder}>").replace("</task>", f"</{holder}>")
    source = images('<box label="ant" xtl="1" ytl="2" xbr="3" ybr="4"/>', meta=meta)
    assert events(source)[0] == ClassOrder(("zebra", "person", "ant"))


def test_a_file_without_meta_or_sizes(images: Make) -> None:
    source = images('<box label="ant" xtl="1" ytl="2" xbr="3" ybr="4"/>', image='name="a.png"', meta="<annotations>")
    (record,) = events(source)
    assert isinstance(record, ImageRecord)
    assert (record.size, len(record.annotations)) == (None, 1)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.png", True),
        ("a", True),  # frames of a video have no suffix in the variant for images
        ("deep/er/A.PNG", True),
        ("deep\\a.png", True),
        ("C:\\data\\a.png", True),
        ("/home/me/a.png", True),
        ("../../../a.png", True),
        ("../../../b.png", False),
        ("/etc/passwd", False),
        ("..", False),
        ("b&#10;.png", False),
    ],
)
def test_image_names(name: str, found: bool, images: Make) -> None:
    source = images("", image=f'name="{name}"')
    (record,) = (e for e in events(source) if isinstance(e, ImageRecord))
    assert record.path.parent == source
    assert (record.path == source / "a.png") == found


def test_two_images_of_one_name_in_different_folders(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "s1" / "x.png")
    picture(tmp_path / "images" / "s2" / "x.png")
    text = '<annotations><image id="0" name="s2/x.png"/><image id="1" name="s1/x.png"/></annotations>'
    (tmp_path / "annotations.xml").write_text(text)
    assert [e.path.parent.name for e in events(tmp_path) if isinstance(e, ImageRecord)] == ["s2", "s1"]
    (tmp_path / "annotations.xml").write_text('<annotations><image id="0" name="x.png"/></annotations>')
    with pytest.raises(DataError, match="several images"):
        events(tmp_path)


def test_several_files_and_images_that_none_mentions(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / split / "x.png")
        (tmp_path / split / "annotations.xml").write_text('<annotations><image id="0" name="x.png"/></annotations>')
    picture(tmp_path / "loose.png")
    found = [e for e in events(tmp_path) if isinstance(e, ImageRecord)]
    assert [(e.path.parent.name, e.split) for e in found] == [("train", "train"), ("val", "val")]
    assert "1 images" in notes(tmp_path)
    assert "loose.png" in notes(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"annotations\.xml:1: malformed XML"),
        (b"<annotations>\n<image>\n</annotations>", r"annotations\.xml:3: malformed XML at column \d+: mismatched tag"),
        (b'<annotations>\n<image id="0" name="a.png">', r"annotations\.xml:\d: malformed XML"),
        (b'<!DOCTYPE x [<!ENTITY a "a">]><annotations>&a;</annotations>', "document type declaration"),
        (b'<?xml version="1.0" encoding="klingon"?><annotations/>', "encoding"),
        (b"<annotations><image name='\xff'/></annotations>", r"annotations\.xml:1: malformed XML"),
    ],
)
def test_malformed_xml_names_file_and_line(content: bytes, message: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "annotations.xml").write_bytes(content)
    with pytest.raises(ParseError, match=message):
        events(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "gbk"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    label = "é" if encoding == "latin-1" else "划痕"
    declared = {"latin-1": "iso-8859-1"}.get(encoding, encoding)
    head = f'<?xml version="1.0" encoding="{declared}"?>' if encoding in ("latin-1", "gbk") else ""
    text = f'{head}<annotations><image id="0" name="a.png"><tag label="{label}"/></image></annotations>'
    picture(tmp_path / "a.png")
    (tmp_path / "annotations.xml").write_bytes(text.encode(encoding))
    assert module.sniff(Tree(tmp_path))
    assert records(tmp_path)["a.png"].annotations[0].name == label


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    shapes = '<box label="ant" xtl="1" ytl="2" xbr="3" ybr="4"/>' * 5
    text = "".join(f'<image id="{i}" name="{i}.png">{shapes}</image>\n' for i in range(3000))
    (tmp_path / "annotations.xml").write_text(f"{example.META}{text}</annotations>")
    stream = module.read(Tree(tmp_path), ReadOptions())
    assert isinstance(next(stream), ClassOrder)
    with (tmp_path / "annotations.xml").open("a") as file:
        file.write("<")  # nothing of the end is read before the first record is out
    assert isinstance([next(stream), next(stream)][1], ImageRecord)
    with pytest.raises(ParseError):
        list(stream)
    elements = xml_stream.children(tmp_path / "annotations.xml")
    first = weakref.ref(next(elements))
    next(elements)
    assert first() is None  # nothing is kept of what has been seen


@pytest.mark.parametrize("task", ["detect", "segment", "obb", "pose"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_back(task: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("out")
    wanted = data.draw(outputs.images(task))
    assert outputs.write("cvat", folder, wanted, task) == sum(len(r.annotations) for r in wanted)
    found, classes = outputs.read("cvat", folder, task=task)
    assert classes == outputs.CLASSES
    assert len(found) == len(wanted)
    for record in wanted:
        again = found[record.path.name]
        assert (again.split, again.size) == (record.split, record.size)
        assert [(a.name, a.parts, a.keypoints) for a in again.annotations] == [
            (a.name, a.parts, a.keypoints) for a in record.annotations
        ]
        for a, b in zip(again.annotations, record.annotations, strict=True):
            assert a.box == (None if task == "segment" else pytest.approx(b.box, abs=1e-6))
            # A rectangle that is not turned has come back as a plain box.
            x1, y1, x2, y2 = b.box or (0, 0, 0, 0)
            upright = (x1, y1, x2, y1, x2, y2, x1, y2) if task == "obb" else ()
            assert (a.corners or upright) == pytest.approx(b.corners, abs=1e-6)


def test_tags_and_odd_corners_are_written(tmp_path: Path) -> None:
    tag = Annotation('a<b> &\n"c"', None, "tag")
    record = ImageRecord(Path("a&b 'c'.png"), Path("s"), (tag,), split="train", size=(20, 10))
    outputs.write("cvat", tmp_path / "tags", [record], "classify")
    found, _ = outputs.read("cvat", tmp_path / "tags")
    assert [a.name for a in found["a&b 'c'.png"].annotations] == ['a<b> &\n"c"']
    kite = Annotation("cat", (0, 0, 9, 9), "x", corners=(0, 0, 9, 1, 8, 9, 1, 8))
    counter_clockwise = Annotation("cat", (1, 1, 5, 4), "x", corners=(1, 1, 1, 4, 5, 4, 5, 1))
    record = ImageRecord(Path("a.png"), Path("s"), (kite, counter_clockwise), split="val", size=(20, 10))
    outputs.write("cvat", tmp_path / "obb", [record], "obb")
    first, second = outputs.read("cvat", tmp_path / "obb")[0]["a.png"].annotations
    assert first.parts == (kite.corners,)
    assert second.box == (1, 1, 5, 4)


def test_a_pose_without_points_is_written_as_its_box(tmp_path: Path) -> None:
    record = ImageRecord(Path("a.png"), Path("s"), (Annotation("cat", (1, 2, 3, 4), "x"),), split="val", size=(20, 10))
    outputs.write("cvat", tmp_path, [record], "pose")
    assert outputs.read("cvat", tmp_path)[0]["a.png"].annotations[0].box == (1, 2, 3, 4)


def test_both_examples_are_recognised_as_nothing_else(tmp_path: Path) -> None:
    for module_ in (example, video):
        folder = tmp_path / module_.__name__
        module_.write(folder)
        assert [name for name, format in FORMATS.items() if format.sniff(Tree(folder))] == ["cvat"]


def test_panlabel_reads_what_is_written(tmp_path: Path) -> None:
    annotations = tuple(Annotation("cat", (i + 0.25, 2, 30, 40.5), f"object {i}") for i in range(3))
    record = ImageRecord(Path("a b.png"), Path("s"), annotations, split="train", size=(100, 50))
    outputs.write("cvat", tmp_path, [record])
    assert sorted(peer_boxes("cvat", tmp_path / "annotations.xml")) == [a.box for a in annotations]
