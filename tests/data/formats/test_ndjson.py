from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.sources import SOURCES

from yolo_tl.data.formats import ndjson as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

Make = Callable[..., Any]
CAT = {"type": "dataset", "task": "detect", "class_names": {"0": "cat", "1": "dog"}}


@pytest.fixture
def source(tmp_path: Path, picture: Make) -> Make:
    picture(tmp_path / "images" / "a.jpg")

    def make(*lines: Any, encoding: str = "utf-8") -> Path:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
        (tmp_path / "d.ndjson").write_bytes(text.encode(encoding))
        return tmp_path

    return make


def events(source: Path) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions()))


def image(**annotations: Any) -> dict[str, Any]:
    return {"type": "image", "file": "a.jpg", "split": "train", "annotations": annotations}


def parts(found: list[Event]) -> tuple[tuple[Annotation, ...], list[tuple[str, str]]]:
    (record,) = (event for event in found if isinstance(event, ImageRecord))
    return record.annotations, [(event.reason, event.place) for event in found if isinstance(event, Dropped)]


def test_boxes_sizes_and_splits(tmp_path: Path) -> None:
    SOURCES["ndjson"](tmp_path)
    assert module.sniff(Tree(tmp_path)) == "1 NDJSON files that begin with a data set: dataset.ndjson"
    found = events(tmp_path)
    assert found[0] == ClassOrder(("cat", "dog"))
    records = {event.path.name: event for event in found if isinstance(event, ImageRecord)}
    assert {name: (r.split, r.size, len(r.annotations)) for name, r in records.items()} == {
        "a.jpg": ("train", (100, 50), 2),
        "b.jpg": ("val", (100, 50), 0),
        "c.jpg": (None, None, 1),
    }
    first = records["a.jpg"].annotations[0]
    assert (first.name, first.place) == ("cat", "line 2, boxes 1")
    assert first.box == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert records["a.jpg"].relative
    assert all(record.labelled for record in records.values())


RING = [0.1, 0.1, 0.3, 0.1, 0.3, 0.4, 0.1, 0.4]


@pytest.mark.parametrize(
    ("task", "annotations", "expected"),
    [
        ("segment", {"segments": [[1, *RING]]}, Annotation("dog", None, "", parts=(tuple(RING),))),
        ("obb", {"obb": [[1, *RING]]}, Annotation("dog", None, "", corners=tuple(RING))),
        ("detect", {"boxes": [["1", "0.5", "0.5", 0, 0]]}, None),
        ("detect", {"boxes": [[1.0, "0.5", 0.5, 1, 1]]}, Annotation("dog", (0, 0, 1, 1), "")),
        ("classify", {"classification": [1]}, Annotation("dog", None, "")),
        ("detect", {"boxes": [[5, 0.5, 0.5, 1, 1]]}, Annotation("class5", (0, 0, 1, 1), "")),
    ],
)
def test_tasks(task: str, annotations: Any, expected: Annotation | None, source: Make) -> None:
    found, lost = parts(events(source({**CAT, "task": task}, image(**annotations))))
    place = f"line 2, {next(iter(annotations))} 1"
    if expected is None:
        assert lost == [("class_out_of_range", place)]
    else:
        (annotation,) = found
        assert annotation == Annotation(
            expected.name, expected.box, place, parts=expected.parts, corners=expected.corners
        )


@pytest.mark.parametrize(
    ("header", "columns", "keypoints"),
    [
        ({"kpt_shape": [2, 3]}, [0.1, 0.2, 2, 0, 0, 0], (0.1, 0.2, 2, 0, 0, 0)),
        ({"kpt_shape": [2, 2]}, [0.1, 0.2, 0.3, 0.4], (0.1, 0.2, 2, 0.3, 0.4, 2)),
        ({}, [0.1, 0.2, 2, 0.3, 0.4, 1], (0.1, 0.2, 2, 0.3, 0.4, 1)),
        ({}, [0.1, 0.2, 0.3, 0.4], (0.1, 0.2, 2, 0.3, 0.4, 2)),
    ],
)
def test_poses(header: dict[str, Any], columns: list[float], keypoints: tuple[float, ...], source: Make) -> None:
    found = events(source({**CAT, "task": "pose", **header}, image(pose=[[0, 0.5, 0.5, 0.2, 0.2, *columns]])))
    assert KeypointOrder(("0", "1")) in found
    assert parts(found)[0][0].keypoints == keypoints


def test_poses_without_a_shape_that_can_be_told(source: Make) -> None:
    for columns in ([0.1] * 6, [0.1] * 5, []):
        with pytest.raises(ParseError, match=r"d\.ndjson:1: expected kpt_shape"):
            events(source({**CAT, "task": "pose"}, image(pose=[[0, 0.5, 0.5, 0.2, 0.2, *columns]])))


def test_of_two_kinds_that_of_the_task_counts(source: Make) -> None:
    both = image(segments=[[0, *RING]], boxes=[[0, 0.2, 0.2, 0.2, 0.2]])
    for task, kept, lost in (("detect", "boxes", "segments"), ("segment", "segments", "boxes")):
        found, dropped = parts(events(source({**CAT, "task": task}, both)))
        assert [a.place for a in found] == [f"line 2, {kept} 1"]
        assert dropped == [("other_geometry", f"line 2, {lost} 1")]
    # Boxes in a set to segment: as Ultralytics, which writes whatever comes first.
    found, dropped = parts(events(source({**CAT, "task": "segment"}, image(boxes=[[0, 0.2, 0.2, 0.2, 0.2]]))))
    assert (len(found), dropped) == (1, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([0, 0.5, 0.5, 0.1], "malformed"),
        ([0, 0.5, 0.5, 0.1, None], "malformed"),
        ([0, 0.5, 0.5, 0.1, "x"], "malformed"),
        ([0, 0.5, 0.5, 0.1, True], "malformed"),
        ([0, 0.5, 0.5, 0.1, [1]], "malformed"),
        ([0, 0.5, 0.5, 0.1, 10**400], "malformed"),
        ([0, 0.5, 0.5, 0.1, 0.1, 9], "malformed"),
        ([-1, 0.5, 0.5, 0.1, 0.1], "class_out_of_range"),
        ([0.5, 0.5, 0.5, 0.1, 0.1], "class_out_of_range"),
        ([None, 0.5, 0.5, 0.1, 0.1], "malformed"),
        ([10**30, 0.5, 0.5, 0.1, 0.1], "class_out_of_range"),
        ("0 0.5 0.5 0.1 0.1", "malformed"),
        (None, "malformed"),
        ({}, "malformed"),
    ],
)
def test_a_bad_row_goes_alone(row: Any, reason: str, source: Make) -> None:
    found, lost = parts(events(source(CAT, image(boxes=[[0, 0.5, 0.5, 0.1, 0.1], row]))))
    assert len(found) == 1
    assert lost == [(reason, "line 2, boxes 2")]


def test_numbers_that_are_not_finite_are_for_others_to_judge(source: Make) -> None:
    line = '{"type": "image", "file": "a.jpg", "annotations": {"boxes": [[0, NaN, 1e999, 0.1, 0.1]]}}'
    ((annotation,), _) = parts(events(source(CAT, line)))
    assert annotation.box is not None
    assert annotation.box[0] != annotation.box[0]


@pytest.mark.parametrize("annotations", [{"boxes": {}}, {"boxes": 3}, {"depth": [[0, 1, 1, 1, 1]]}])
def test_kinds_that_are_something_else(annotations: Any, source: Make) -> None:
    found, lost = parts(events(source(CAT, image(**annotations))))
    assert (len(found), len(lost)) == (0, 1)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([CAT, '{"type": "image", "file": "a.j'], r"d\.ndjson:2: malformed JSON"),
        ([CAT, {"type": "image"}], r"d\.ndjson:2: .*`file`"),
        ([CAT, {"type": "image", "file": 3}], r"d\.ndjson:2 \(file\): "),
        ([CAT, image() | {"annotations": [1]}], r"d\.ndjson:2 \(annotations\): "),
        ([{**CAT, "class_names": ["a"]}], r"d\.ndjson:1 \(class_names\): "),
        ([{**CAT, "class_names": {"a": "b"}}], r"d\.ndjson:1 \(class_names\): "),
        ([{**CAT, "class_names": {"0": None}}], r"d\.ndjson:1 \(class_names\): "),
        ([{**CAT, "task": "depth"}], r"d\.ndjson:1: expected a task of detect.*found 'depth'"),
        ([{**CAT, "kpt_shape": [1, 9]}], r"d\.ndjson \(kpt_shape\): "),
        (['{"type": "dataset", "class_names": {"0": "c'], r"d\.ndjson:1: malformed JSON"),
        (
            [CAT, '{"file": "a", "annotations": {"a": ' + "[" * 100_000],
            r"d\.ndjson:2: expected a document, found one nested too deeply",
        ),
    ],
)
def test_a_line_that_is_something_else_is_named(lines: list[Any], message: str, source: Make) -> None:
    folder = source(*lines)
    assert module.sniff(Tree(folder))
    with pytest.raises(ParseError, match=message):
        events(folder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_and_line_ends_in_strings(encoding: str, source: Make) -> None:
    names = {**CAT, "class_names": {"0": "a\u2028b\x85c"}}
    folder = source("", names, "", image(boxes=[[0, 0.5, 0.5, 0.1, 0.1]]), "", encoding=encoding)
    assert module.sniff(Tree(folder))
    ((annotation,), _) = parts(events(folder))
    assert (annotation.name, annotation.place) == ("a\u2028b\x85c", "line 4, boxes 1")


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"file": "A.JPG"}, "images/a.jpg"),
        ({"file": "C:\\data\\a.jpg"}, "images/a.jpg"),
        ({"file": "../../../a.jpg"}, "images/a.jpg"),
        ({"file": "1.jpg", "url": "https://x.org/p/a.jpg?sig=1"}, "images/a.jpg"),
        ({"file": "../../../etc/passwd"}, "passwd"),
        ({"file": "/etc/hosts\u0000.jpg", "url": None}, "hosts.jpg"),
        ({"file": ".."}, "unnamed"),
        ({"file": ""}, "unnamed"),
        ({"file": "\ud800.jpg"}, "?.jpg"),
    ],
)
def test_names_of_images(entry: dict[str, Any], path: str, source: Make) -> None:
    folder = source(CAT, json.dumps(image() | entry))
    (record,) = (event for event in events(folder) if isinstance(event, ImageRecord))
    assert record.path == folder / path


def test_images_that_it_does_not_mention(source: Make, picture: Make) -> None:
    folder = source(CAT, image())
    picture(folder / "images" / "b.jpg")
    assert any(
        isinstance(event, Note) and "1 images" in event.text and "b.jpg" in event.text for event in events(folder)
    )


def test_an_image_without_a_class_is_not_labelled(source: Make) -> None:
    (record,) = (e for e in events(source({**CAT, "task": "classify"}, image())) if isinstance(e, ImageRecord))
    assert not record.labelled


@pytest.mark.parametrize("first", ["{}", '{"a": 1}', "[1]", "", '{"type": "image", "file": "a.jpg"}'])
def test_other_lines_of_json(first: str, source: Make) -> None:
    assert module.sniff(Tree(source(first))) is None
