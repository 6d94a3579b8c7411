from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.clean import Cleaned, _Cleaning, clean
from yolo_tl.data.geometry.fitting import fit
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note
from yolo_tl.errors import ConfigError, DataError, ImageError

SOURCE = Path("labels.txt")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clean") / "a.png"
    path.write_bytes(cv2.imencode(".png", np.zeros((50, 100, 3), np.uint8))[1].tobytes())
    return path


def run(events: list[Event], **options: Any) -> tuple[Cleaned, Ledger]:
    ledger = Ledger(Path())
    return clean(events, options=ReadOptions(**options), ledger=ledger), ledger


def one(image: Path, *boxes: tuple[float, ...], name: str = "cat", **fields: Any) -> list[Event]:
    items = tuple(Annotation(name, box, f"line {i}", **fields) for i, box in enumerate(boxes, 1))  # type: ignore[arg-type]
    return [ImageRecord(image, SOURCE, items)]


coordinate = st.one_of(
    st.floats(-60, 160), st.integers(-20, 120).map(float), st.sampled_from([float("nan"), float("inf"), 0.0, 100.0])
)
annotation = st.builds(
    Annotation,
    name=st.sampled_from("abc"),
    box=st.tuples(coordinate, coordinate, coordinate, coordinate),
    place=st.just("line 1"),
    crowd=st.booleans(),
    difficult=st.booleans(),
)
dropped = st.builds(Dropped, reason=st.sampled_from(["malformed", "no_box"]), source=st.just(SOURCE), place=st.just(""))


@given(
    annotations=st.lists(st.lists(annotation, max_size=6), max_size=4),
    faults=st.lists(dropped, max_size=3),
    missing=st.booleans(),
    options=st.fixed_dictionaries(
        {
            "crowd": st.sampled_from(["drop", "keep"]),
            "difficult": st.sampled_from(["drop", "keep"]),
            "duplicates": st.sampled_from(["drop", "keep"]),
            "names": st.sampled_from([None, ("a", "b"), {"a": "x", "b": "x"}]),
        }
    ),
)
def test_every_annotation_is_kept_or_dropped_and_kept_boxes_lie_in_the_image(
    annotations: list[list[Annotation]],
    faults: list[Dropped],
    missing: bool,
    options: dict[str, Any],
    image: Path,
) -> None:
    events: list[Event] = [ImageRecord(image, SOURCE, tuple(items)) for items in annotations]
    events += [*faults, ImageRecord(Path("gone.png"), SOURCE, (Annotation("a", (0, 0, 1, 1), ""),))][
        : 99 if missing else len(faults)
    ]
    cleaned, ledger = run(events, missing_images="drop", unknown_class="drop", **options)
    ledger.annotations_out = sum(len(record.annotations) for record in cleaned.records)
    ledger.images_out = len(cleaned.records)
    ledger.check()
    assert ledger.annotations_in == sum(map(len, annotations)) + len(faults) + missing
    for record in cleaned.records:
        keys = [(a.name, a.box) for a in record.annotations]
        assert options["duplicates"] == "keep" or len(set(keys)) == len(keys)
        for name, (x1, y1, x2, y2) in keys:
            assert 0 <= x1 < x2 <= 100
            assert 0 <= y1 < y2 <= 50
            assert name in cleaned.classes


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10, 10, 10, 20), "zero_area"),
        ((10, 10, 20, 10), "zero_area"),
        ((100, 10, 120, 20), "outside"),
        ((-20, 10, 0, 20), "outside"),
        ((10, 50, 20, 60), "outside"),
        ((float("nan"), 1, 2, 3), "not_finite"),
        ((1, 1, float("inf"), 3), "not_finite"),
    ],
)
def test_reasons(box: tuple[float, ...], reason: str, image: Path) -> None:
    cleaned, ledger = run(one(image, box))
    assert ledger.dropped.counts == {reason: 1}
    assert not cleaned.records[0].annotations
    assert ledger.dropped.examples[reason][0]["place"] == "line 1"


@pytest.mark.parametrize(
    ("box", "kept", "repairs"),
    [
        ((90, 40, 120, 70), (90, 40, 100, 50), {"clipped": 1}),
        ((30, 40, 10, 20), (10, 20, 30, 40), {"swapped": 1}),
        ((-5, 40, -9, 20), None, {}),
        ((0, 0, 100, 50), (0, 0, 100, 50), {}),
    ],
)
def test_repairs(box: tuple[float, ...], kept: Any, repairs: dict[str, int], image: Path) -> None:
    cleaned, ledger = run(one(image, box))
    assert [a.box for a in cleaned.records[0].annotations] == ([kept] if kept else [])
    assert ledger.repaired.counts == repairs


def test_duplicates_are_of_one_class_and_one_image(image: Path) -> None:
    box = (1.0, 1.0, 5.0, 5.0)
    events = one(image, box, box) + one(image, box, name="dog")
    cleaned, ledger = run(events)
    assert ledger.dropped.counts == {"duplicate": 1}
    assert len(cleaned.records) == 1, "one image in two annotation files is one image"
    assert [a.name for a in cleaned.records[0].annotations] == ["cat", "dog"]
    assert ledger.images_dropped.counts == {"merged": 1}


def test_names_choose_rename_and_merge(image: Path) -> None:
    events = one(image, (1, 1, 5, 5), name="car") + one(image, (2, 1, 5, 5), name="truck")
    with pytest.raises(DataError, match=r"labels\.txt \(line 1\): 'truck' is not among the names"):
        run(events, names=["car"])
    cleaned, ledger = run(events, names=["bus", "car"], unknown_class="drop")
    assert cleaned.classes == ("bus", "car")
    assert ledger.dropped.counts == {"unknown_class": 1}
    cleaned, _ = run(events, names={"truck": "vehicle", "car": "vehicle"})
    assert cleaned.classes == ("vehicle",)
    assert [a.name for a in cleaned.records[0].annotations] == ["vehicle"] * 2


def test_class_order_is_that_of_the_source(image: Path) -> None:
    events: list[Event] = [ClassOrder(("z", "a")), *one(image, (1, 1, 5, 5), name="m"), Note("seen")]
    cleaned, ledger = run(events)
    assert cleaned.classes == ("z", "a", "m")
    assert ledger.notes == ["seen"]


def test_bad_images_are_collected_into_one_error(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")

    def events() -> Iterator[Event]:
        yield from one(tmp_path / "text.png", (1, 1, 5, 5))
        for i in range(12):
            yield from one(tmp_path / f"gone{i}.png", (1, 1, 5, 5))

    with pytest.raises(ImageError) as caught:
        run(list(events()))
    assert caught.value.message.startswith("13 images are missing or not images:")
    assert "text.png: expected an image" in caught.value.message
    assert "... and 3 more" in caught.value.message
    _, ledger = run(list(events()), missing_images="drop")
    assert ledger.dropped.counts == {"missing_image": 12, "unreadable_image": 1}
    assert ledger.images_dropped.counts == {"missing_image": 12, "unreadable_image": 1}


def test_options_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ConfigError, match="difficult: expected one of keep, drop, found 'maybe'"):
        ReadOptions(difficult="maybe")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="names: expected a list"):
        ReadOptions(names="cat")


def test_a_ledger_that_does_not_add_up_is_refused() -> None:
    ledger = Ledger(Path())
    ledger.annotations_in = 3
    ledger.annotations_out = 1
    ledger.drop("crowd", SOURCE, "line 1")
    with pytest.raises(AssertionError, match="3 annotations in, 1 out, 1 dropped"):
        ledger.check()


def test_examples_are_few_and_counts_are_whole() -> None:
    ledger = Ledger(Path("/data"))
    for i in range(50):
        ledger.drop("crowd", Path("/data/sub/a.json"), f"annotation {i}")
    account = ledger.to_json()["annotations"]["dropped"]["crowd"]
    assert account["count"] == 50
    assert len(account["examples"]) == 20
    assert account["examples"][0]["file"] == "sub/a.json"


def turned_image(folder: Path, orientation: int) -> Path:
    """A PNG of 100 x 50 px as stored, with an EXIF orientation."""
    path = folder / f"turned_{orientation}.png"
    content = cv2.imencode(".png", np.zeros((50, 100, 3), np.uint8))[1].tobytes()
    exif = (
        b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation, 0, 0]) + bytes(4)
    )
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    path.write_bytes(content[:33] + chunk + content[33:])
    shown = cv2.imread(str(path))
    assert shown.shape[:2] == ((100, 50) if orientation > 4 else (50, 100))
    return path


@pytest.mark.parametrize(
    ("orientation", "declared", "exif", "box"),
    [
        (6, (100, 50), "auto", (20, 10, 40, 30)),  # labelled as stored: 10..30 x 10..30 turned clockwise
        (6, (50, 100), "auto", (10, 10, 30, 30)),  # labelled upright
        (6, None, "auto", (10, 10, 30, 30)),
        (6, None, "stored", (20, 10, 40, 30)),
        (6, (100, 50), "upright", (10, 10, 30, 30)),
        (3, (100, 50), "auto", (10, 10, 30, 30)),  # its size does not tell
        (3, (100, 50), "stored", (70, 20, 90, 40)),
        (1, (100, 50), "stored", (10, 10, 30, 30)),
    ],
)
def test_boxes_follow_the_orientation(
    orientation: int, declared: Any, exif: str, box: tuple[int, ...], tmp_path: Path
) -> None:
    path = turned_image(tmp_path, orientation)
    annotation = Annotation("cat", (10, 10, 30, 30), "line 1")
    cleaned, ledger = run([ImageRecord(path, SOURCE, (annotation,), size=declared)], exif=exif)
    (record,) = cleaned.records
    assert record.size == ((50, 100) if orientation > 4 else (100, 50))
    assert record.annotations[0].box == box
    assert ledger.images_repaired.counts["turned"] == (box != (10, 10, 30, 30))


def test_shares_follow_the_orientation(tmp_path: Path) -> None:
    path = turned_image(tmp_path, 6)
    record = ImageRecord(path, SOURCE, (Annotation("cat", (0.1, 0.2, 0.3, 0.6), "line 1"),), relative=True)
    cleaned, _ = run([record], exif="stored")
    assert cleaned.records[0].annotations[0].box == pytest.approx((20, 10, 40, 30))


def test_classes_are_picked_by_name(image: Path) -> None:
    events = [*one(image, (1, 1, 5, 5)), *one(image, (6, 6, 9, 9), name="dog")]
    events.append(ClassOrder(("dog", "cat", "cow")))
    for options in ({"only": ["cat"]}, {"skip": ["dog", "cow"]}):
        cleaned, ledger = run(list(events), **options)
        assert cleaned.classes == ("cat",)
        assert ledger.dropped.counts == {"not_asked_for": 1}


def test_images_the_source_says_nothing_of(image: Path) -> None:
    lonely = ImageRecord(image, SOURCE, labelled=False)
    cleaned, ledger = run([lonely])
    assert [record.annotations for record in cleaned.records] == [()]
    assert "1 images that the source says nothing of count as backgrounds" in ledger.notes[0]
    cleaned, ledger = run([lonely], unlabelled="drop")
    assert (cleaned.records, ledger.images_dropped.counts) == ([], {"unlabelled": 1})
    with pytest.raises(DataError, match="the source says nothing of it"):
        run([lonely], unlabelled="error")


def test_polygons_left_unused_are_mentioned(image: Path) -> None:
    ring = (1.0, 1.0, 9.0, 1.0, 9.0, 9.0)
    cleaned, ledger = run([ImageRecord(image, SOURCE, (Annotation("cat", (1, 1, 9, 9), "", parts=(ring,)),))])
    assert cleaned.records[0].annotations == (Annotation("cat", (1, 1, 9, 9), ""),)
    assert any("--task segment" in note for note in ledger.notes)


def test_one_tag_for_each_image_to_classify(image: Path) -> None:
    tags = (
        Annotation("cat", None, "tag 1"),
        Annotation("dog", None, "tag 2"),
        Annotation("dog", (1, 1, 5, 5), "box 1"),
    )
    cleaned, ledger = run([ImageRecord(image, SOURCE, tags), ImageRecord(image, SOURCE, split="val")], task="classify")
    assert [record.annotations for record in cleaned.records] == [tags[:1]]
    assert ledger.dropped.counts == {"several_tags": 1, "not_a_tag": 1}
    assert ledger.images_dropped.counts == {"no_tag": 1}
    assert run([ImageRecord(image, SOURCE, tags)])[1].dropped.counts == {"tag": 2}


def test_keypoints_all_have_one_shape(image: Path) -> None:
    items = (
        Annotation("cat", (1, 1, 9, 9), "1", keypoints=(2.0, 2.0, 2.0)),
        Annotation("cat", (1, 1, 19, 19), "2", keypoints=(2.0, 2.0, 2.0, 3.0, 3.0, 1.0)),
        Annotation("cat", (1, 1, 29, 29), "3"),
    )
    cleaned, ledger = run([KeypointOrder(("nose",)), ImageRecord(image, SOURCE, items)], task="pose")
    assert cleaned.keypoints == ("nose", "point_1")
    assert {len(a.keypoints) for a in cleaned.records[0].annotations} == {6}
    assert ledger.repaired.counts == {"keypoints_missing": 1}


def test_ignored_regions(image: Path) -> None:
    cleaned, ledger = run(one(image, (1, 1, 5, 5), ignore=True))
    assert ledger.dropped.counts == {"ignore": 1}
    assert len(run(one(image, (1, 1, 5, 5), ignore=True), ignore="keep")[0].records[0].annotations) == 1
    assert cleaned.records[0].annotations == ()


def test_split_objects_are_counted(image: Path) -> None:
    rings = ((1.0, 1.0, 9.0, 1.0, 9.0, 9.0), (21.0, 1.0, 29.0, 1.0, 29.0, 9.0))
    events: list[Event] = [ImageRecord(image, SOURCE, (Annotation("cat", None, "1", parts=rings),))]
    cleaned, ledger = run(events, task="segment", parts="split")
    ledger.annotations_out, ledger.images_out = 2, 1
    ledger.check()
    assert len(cleaned.records[0].annotations) == 2
    assert ledger.annotations_added == 1


@given(
    st.lists(st.floats(-5, 105, width=32), min_size=6, max_size=16).filter(lambda v: len(v) % 2 == 0),
    st.one_of(st.none(), st.tuples(*[st.floats(-5, 105, width=32)] * 4)),
    st.sampled_from(["detect", "segment"]),
)
def test_the_short_way_leads_where_the_long_one_does(ring: list[float], box: Any, task: str) -> None:
    options = ReadOptions(task=task)  # type: ignore[arg-type]
    cleaning = _Cleaning(options, Ledger(Path()))
    cleaning.wanted["cat"] = "cat"
    parts = (tuple(ring),) if task == "segment" or box is None else ()
    annotation = Annotation("cat", box, "line 1", parts=parts)
    usual = cleaning._usual(annotation, (100, 50))
    if usual is not None:
        fitted = fit(annotation, (100, 50), options)
        assert fitted.results == (usual,)
        assert fitted.repairs == ()


def test_what_is_dropped_is_not_repaired(image: Path) -> None:
    _, ledger = run(one(image, (-5, 1, 9, 9), (-7, 1, 9, 9)))
    assert ledger.dropped.counts == {"duplicate": 1}
    assert ledger.repaired.counts == {"clipped": 1}
