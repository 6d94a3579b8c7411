from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.sources import SOURCES

from yolo_tl.data.formats import darknet as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, FormatError, ParseError

Make = Callable[..., Any]
ROW = "1 0.5 0.5 0.2 0.4\n"


@pytest.fixture
def source(tmp_path: Path, picture: Make) -> Make:
    """Files by their names below the source; those that end as images do become images."""

    def make(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() in (".jpg", ".png"):
                picture(path)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return make


def events(source: Path, **options: object) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))  # type: ignore[arg-type]


def found(events: list[Event]) -> dict[str, tuple[str | None, list[str] | None]]:
    """The split and the class names of each image by its path; None for one that is not labelled."""
    return {
        "/".join(event.path.parts[-2:]): (event.split, [a.name for a in event.annotations] if event.labelled else None)
        for event in events
        if isinstance(event, ImageRecord)
    }


def classes(events: list[Event]) -> tuple[str, ...]:
    (order,) = (event for event in events if isinstance(event, ClassOrder))
    return order.names


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def test_an_export_of_cvat(tmp_path: Path) -> None:
    SOURCES["darknet"](tmp_path)
    assert module.sniff(Tree(tmp_path)) is not None
    read = events(tmp_path)
    assert classes(read) == ("cat", "dog")
    assert found(read) == {
        "obj_train_data/a.png": ("train", ["cat", "dog"]),
        "obj_train_data/b.png": ("train", []),
        "obj_valid_data/c.png": ("val", ["dog"]),
    }
    record = next(event for event in read if isinstance(event, ImageRecord))
    assert record.relative
    assert record.annotations[0].box == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert not [event for event in read if isinstance(event, Dropped)]


def test_an_export_of_cvat_without_its_images(tmp_path: Path, picture: Make, tmp_path_factory: Any) -> None:
    SOURCES["darknet"](tmp_path)
    images = tmp_path_factory.mktemp("elsewhere")
    for path in list(tmp_path.rglob("*.png")):
        path.rename(images / path.name)
    read = list(module.read(Tree(tmp_path, images=images), ReadOptions()))
    assert {key.rpartition("/")[2]: value for key, value in found(read).items()} == {
        "a.png": ("train", ["cat", "dog"]),
        "b.png": ("train", []),
        "c.png": ("val", ["dog"]),
    }


@pytest.mark.parametrize(
    "line",
    [
        "/home/me/darknet/data/obj/x.jpg",
        "C:\\darknet\\data\\obj\\x.jpg",
        "obj/x.jpg",
        "./obj/x.jpg",
        "../../obj/X.JPG",
        "x.jpg",
    ],
)
def test_lists_of_another_machine(line: str, source: Make) -> None:
    folder = source(
        {"obj/x.jpg": "", "obj/x.txt": ROW, "obj/rest.jpg": "", "obj.names": "a\nb", "valid.txt": f"{line}\n\n"}
    )
    read = events(folder)
    assert found(read) == {"obj/x.jpg": ("val", ["b"])}
    assert "1 images are in no split of the source" in notes(read)


def test_a_list_tells_images_of_one_name_apart(source: Make) -> None:
    files = {f"{folder}/x.jpg": "" for folder in ("one", "two")} | {"one/x.txt": ROW, "two/x.txt": ROW * 2}
    lists = {"train.txt": "/far/data/two/x.jpg\n", "val.txt": "one/x.jpg\n", "a.names": "a\nb\n"}
    assert found(events(source(files | lists))) == {"two/x.jpg": ("train", ["b", "b"]), "one/x.jpg": ("val", ["b"])}


def test_a_name_that_fits_two_images_is_refused(source: Make) -> None:
    files = {"one/x.jpg": "", "two/x.jpg": "", "one/x.txt": ROW, "train.txt": "x.jpg\n", "a.names": "a\nb\n"}
    with pytest.raises(DataError, match=r"train\.txt: 'x\.jpg' fits several images equally well"):
        events(source(files))


def test_an_image_that_is_missing_keeps_its_rows(source: Make) -> None:
    folder = source(
        {"a.jpg": "", "a.txt": ROW, "labels/gone.txt": ROW, "classes.txt": "x\ny", "train.txt": "a.jpg\nq/gone.jpg\n"}
    )
    read = events(folder)
    record = next(e for e in read if isinstance(e, ImageRecord) and e.path.name == "gone.jpg")
    assert record.path == folder / "gone.jpg"
    assert len(record.annotations) == 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"x.jpg": "", "x.txt": ROW, "y.jpg": "", "classes.txt": "a\nb\n"},
            {"x.jpg": (None, ["b"]), "y.jpg": (None, None)},
        ),
        (
            {"images/x.jpg": "", "labels/x.txt": ROW, "classes.txt": "a\nb\n", "notes.json": '{"categories": []}'},
            {"images/x.jpg": (None, ["b"])},
        ),
        (
            {
                "images/x.jpg": "",
                "labels/x.txt": ROW,
                "notes.json": json.dumps({"categories": [{"id": 1, "name": "b"}, {"id": 0, "name": "a"}], "info": {}}),
            },
            {"images/x.jpg": (None, ["b"])},
        ),
        (
            {
                **{f"{split}/x_jpg.rf.{split}.jpg": "" for split in ("train", "valid")},
                **{f"{split}/x_jpg.rf.{split}.txt": ROW for split in ("train", "valid")},
                **{f"{split}/_darknet.labels": "a\nb\n" for split in ("train", "valid")},
                "README.roboflow.txt": "exported 2024\n",
            },
            {"train/x_jpg.rf.train.jpg": ("train", ["b"]), "valid/x_jpg.rf.valid.jpg": ("val", ["b"])},
        ),
        (
            {"images/x.jpg": "", "images/x.txt": ROW, "obj.names": "a\r\nb\r\n\r\n"},
            {"images/x.jpg": (None, ["b"])},
        ),
    ],
)
def test_layouts(files: dict[str, str], expected: dict[str, Any], source: Make) -> None:
    folder = source(files)
    assert module.sniff(Tree(folder)) is not None
    read = events(folder)
    assert {key.removeprefix(f"{folder.name}/"): value for key, value in found(read).items()} == expected
    assert classes(read) == ("a", "b")
    assert not [event for event in read if isinstance(event, Dropped)]


def test_a_file_beside_the_image_goes_before_one_of_its_name(source: Make) -> None:
    files = {"images/x.jpg": "", "images/x.txt": ROW, "images/old/x.txt": ROW * 2, "classes.txt": "a\nb"}
    read = events(source(files))
    assert found(read) == {"images/x.jpg": (None, ["b"])}
    lost = [(event.reason, event.source.parent.name) for event in read if isinstance(event, Dropped)]
    assert lost == [("missing_image", "old")] * 2


def test_without_names_classes_are_called_by_their_numbers(source: Make) -> None:
    folder = source({"x.jpg": "", "x.txt": f"10 0.5 0.5 0.2 0.4\n2 0.5 0.5 0.2 0.4\n{ROW}"})
    why = "1 text files, rows `class cx cy w h` in those of 1 images looked into, no class names"
    assert module.sniff(Tree(folder)) == why
    assert classes(events(folder)) == ("1", "2", "10")
    assert "no file of class names" in notes(events(folder))
    read = events(folder, names=["a", "b", "c"])
    assert found(read)[f"{folder.name}/x.jpg"] == (None, ["c", "b"])
    assert [event.reason for event in read if isinstance(event, Dropped)] == ["class_out_of_range"]


def test_a_blank_line_among_names_keeps_the_numbers(source: Make) -> None:
    folder = source({"x.jpg": "", "x.txt": "2 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4\n", "c.names": "\ufeffa\n\nc\n\n"})
    read = events(folder)
    assert classes(read) == ("a", "class_1", "c")
    assert found(read)[f"{folder.name}/x.jpg"] == (None, ["c", "class_1"])


def test_bad_rows_and_orphans_are_in_the_ledger(source: Make) -> None:
    files = {"x.jpg": "", "x.txt": f"{ROW}5 0.5 0.5 0.2 0.4\nbad\n", "gone.txt": ROW, "classes.txt": "a\nb"}
    read = events(source(files))
    lost = [(event.reason, event.source.name, event.place) for event in read if isinstance(event, Dropped)]
    assert lost == [
        ("class_out_of_range", "x.txt", "line 2"),
        ("malformed", "x.txt", "line 3"),
        ("missing_image", "gone.txt", "line 1"),
    ]


def test_what_the_data_file_names_may_be_missing(source: Make) -> None:
    options = "names = data/gone.names\ntrain = /x/gone.txt\n"
    folder = source({"x.jpg": "", "x.txt": ROW, "my.data": options, "classes.txt": "a\nb"})
    assert module.sniff(Tree(folder))
    read = events(folder)
    assert found(read) == {f"{folder.name}/x.jpg": (None, ["b"])}
    assert "my.data names files that are not here: data/gone.names, /x/gone.txt" in notes(read)


def test_contradictions_are_refused(source: Make) -> None:
    files = {"train/x.jpg": "", "train/x.txt": ROW, "train/classes.txt": "a\nb\n", "val/classes.txt": "b\na\n"}
    with pytest.raises(FormatError, match="expected the same class names, found different ones"):
        events(source(files))
    (source({}) / "val" / "classes.txt").unlink()
    for name in ("a.data", "b.data"):
        (source({}) / name).write_text("train = x\n")
    with pytest.raises(FormatError, match=r"expected one \.data file, found a\.data, b\.data"):
        events(source({}))


@pytest.mark.parametrize(
    "content",
    [
        b'{"categories": [{"id": "x"}]}',
        b'{"categories": [{"id": 99999999, "name": "a"}]}',
        b'{"categories": [{"id": 0',
        b"\xff",
    ],
)
def test_malformed_notes_are_named(content: bytes, source: Make) -> None:
    folder = source({"images/x.jpg": "", "labels/x.txt": ROW, "notes.json": b'{"categories": [' + content})
    (folder / "notes.json").write_bytes(content)
    tree = Tree(folder)
    module.sniff(tree)
    if "categories" in tree.json_outline(folder / "notes.json")[1]:
        with pytest.raises(ParseError, match=r"notes\.json"):
            events(folder)
    else:
        assert "no file of class names" in notes(events(folder))


@pytest.mark.parametrize(
    "files",
    [
        {"x.jpg": "", "x.txt": "Car 0.00 0 1.55 614.24 181.78 727.31 284.77 1.57 1.73 4.15 1.00 1.75 13.22 1.62\n"},
        {"x.jpg": "", "x.txt": "684,8,273,116,0,0,0,0\n"},
        {"x.jpg": "", "x.txt": "1 10 20 30 40\n"},
        {"x.jpg": "", "x.txt": "a description of the picture\n", "classes.txt": "a\nb\n"},
        {"x.jpg": "", "classes.txt": "a\nb\n"},
        {"x.jpg": "", "x.txt": ""},
        {"x.jpg": "", "x.txt": ROW, "data.yaml": "train: .\nnames: [a]\n"},
        {"x.jpg": "", "y.txt": ROW},
        {"x.jpg": "", "x.data": "binary = \x00"},
    ],
)
def test_what_is_something_else(files: dict[str, str], source: Make) -> None:
    assert module.sniff(Tree(source(files))) is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings(encoding: str, source: Make) -> None:
    texts = {"a.data": "names = a.names\nvalid = v.txt\n", "a.names": "ä\nö\n", "v.txt": "x.jpg\n", "x.txt": ROW}
    folder = source({"x.jpg": "", **{name: text.encode(encoding) for name, text in texts.items()}})
    assert module.sniff(Tree(folder))
    assert found(events(folder)) == {f"{folder.name}/x.jpg": ("val", ["ö"])}
