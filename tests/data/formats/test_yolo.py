from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support.outputs import CLASSES, images, write
from support.sources import SOURCES

from yolo_tl.data.formats import yolo as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note
from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.label_rows import RowReader, label_path
from yolo_tl.errors import DataError, DataNotFound, FormatError, ParseError

Make = Callable[..., Any]
YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"
ROW = "0 0.5 0.5 0.2 0.4\n"


@pytest.fixture
def yolo(tmp_path: Path, picture: Make) -> Make:
    def make(rows: str | bytes | None, yaml: str = YAML) -> Path:
        for split in ("train", "val"):
            picture(tmp_path / "images" / split / f"{split}.jpg")
            (tmp_path / "labels" / split).mkdir(parents=True, exist_ok=True)
        if rows is not None:
            content = rows.encode() if isinstance(rows, str) else rows
            (tmp_path / "labels" / "train" / "train.txt").write_bytes(content)
        (tmp_path / "data.yaml").write_text(yaml)
        return tmp_path

    return make


def events(source: Path, **options: object) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))  # type: ignore[arg-type]


def records(found: list[Event]) -> dict[str, ImageRecord]:
    return {event.path.name: event for event in found if isinstance(event, ImageRecord)}


def dropped(found: list[Event]) -> list[tuple[str, str]]:
    return [(event.reason, f"{event.source.name} {event.place}") for event in found if isinstance(event, Dropped)]


def notes(found: list[Event]) -> str:
    return "\n".join(event.text for event in found if isinstance(event, Note))


def test_boxes_splits_and_backgrounds(yolo: Make, ingest: Make, boxes: Make) -> None:
    source = yolo("1 0.5 0.5 0.2 0.4\n\n")
    assert module.sniff(Tree(source)) == "data.yaml with class names and splits, 2 images, 1 text files"
    cleaned, ledger = ingest("yolo", source)
    assert cleaned.classes == ("cat", "dog")
    assert {r.path.stem: r.split for r in cleaned.records} == {"train": "train", "val": "val"}
    ((name, box),) = boxes(cleaned)["train.jpg"]
    assert name == "dog"
    assert box == pytest.approx((40, 15, 60, 35))
    assert any("1 images have no label file" in note for note in ledger.notes)


def test_bad_rows_go_alone(yolo: Make, ingest: Make) -> None:
    rows = [
        "0 0.5 0.5 0.2 0.4",
        "0 0.5 0.5 0.2",
        "2 0.5 0.5 0.2 0.4",
        "-1 0.5 0.5 0.2 0.4",
        "cow 0.5 0.5 0.2 0.4",
        "1 0.1 0.1 0.3 0.1 0.3 0.4",
        "0 0.5 nan 0.2 0.4",
        "0 0.5 0.5 0.2 0.4",
        "0 1.7 0.5 0.2 0.4",
        "0 0.95 0.5 0.2 0.4",
    ]
    cleaned, ledger = ingest("yolo", yolo("\n".join(rows)))
    train = next(r for r in cleaned.records if r.split == "train")
    assert [a.place for a in train.annotations] == ["line 1", "line 6", "line 10"]
    assert ledger.dropped.counts == {
        "malformed": 1,
        "unknown_class": 1,
        "class_out_of_range": 2,
        "not_finite": 1,
        "duplicate": 1,
        "outside": 1,
    }
    assert ledger.repaired.counts["clipped"] == 1
    assert ledger.dropped.examples["class_out_of_range"][0]["place"] == "line 3"
    assert ledger.annotations_in == len(rows)


def test_six_digit_rows_are_not_reported_as_clipped(yolo: Make, ingest: Make) -> None:
    _, ledger = ingest("yolo", yolo("0 0.833334 0.5 0.333333 1.0"))
    assert not ledger.repaired.counts


def test_every_source_says_its_task(tmp_path: Path) -> None:
    for name in ("yolo", "yolo_segment", "yolo_obb", "yolo_pose"):
        (tmp_path / name).mkdir()
        SOURCES[name](tmp_path / name)
    boxes = records(events(tmp_path / "yolo"))
    assert [a.repair for a in boxes["b.jpg"].annotations] == ["separator", "class_by_name", "confidence_column"]
    assert [(len(a.parts), a.box is None) for a in boxes["c.jpg"].annotations] == [(1, True), (0, False)]
    assert (boxes["background.jpg"].labelled, boxes["unlabelled.jpg"].labelled) == (True, False)
    polygons = records(events(tmp_path / "yolo_segment"))
    assert [len(a.parts[0]) for a in polygons["a.jpg"].annotations] == [6, 8]
    assert {name: record.split for name, record in polygons.items()} == {"a.jpg": "train", "b.jpg": "val"}
    oriented = records(events(tmp_path / "yolo_segment", task="obb"))["a.jpg"].annotations
    assert [(len(a.corners), len(a.parts)) for a in oriented] == [(0, 1), (8, 0)]
    corners = records(events(tmp_path / "yolo_obb"))["train.jpg"].annotations[0]
    assert corners == Annotation("plane", None, "line 1", corners=(0.5, 0.2, 0.7, 0.4, 0.5, 0.6, 0.3, 0.4))
    pose = events(tmp_path / "yolo_pose", task="pose")
    assert KeypointOrder(("nose", "left_eye", "right_eye")) in pose
    assert records(pose)["val.jpg"].annotations[0].keypoints == (0.5, 0.3, 2, 0.45, 0.25, 1, 0, 0, 0)
    assert "flip_idx" not in notes(pose)


@pytest.mark.parametrize(
    ("name", "yaml", "oriented"),
    [
        ("data", "", False),
        ("data", "task: obb\n", True),
        ("data", "task: segment\n", False),
        ("ships-obb", "", True),
        ("ships_OBB", "task: segment\n", False),
        ("hobby", "", False),
    ],
)
def test_what_says_that_four_points_are_corners(name: str, yaml: str, oriented: bool, yolo: Make) -> None:
    source = yolo("0 0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4", YAML + yaml)
    (source / "data.yaml").rename(source / f"{name}.yaml")
    (annotation,) = records(events(source))["train.jpg"].annotations
    assert bool(annotation.corners) == oriented
    assert bool(annotation.parts) != oriented


def test_pose_needs_kpt_shape(yolo: Make) -> None:
    with pytest.raises(ParseError, match=r"data\.yaml \(pose\): expected kpt_shape"):
        events(yolo(ROW), task="pose")


def test_a_mirror_that_cannot_be_carried_over_is_said(yolo: Make) -> None:
    found = events(yolo(None, f"{YAML}kpt_shape: [2, 3]\nflip_idx: [1, 0]\n"))
    assert "flip_idx does not follow" in notes(found)
    assert KeypointOrder(("0", "1")) in found


def test_a_label_file_without_an_image_is_in_the_ledger(yolo: Make) -> None:
    source = yolo(ROW)
    (source / "labels" / "train" / "gone.txt").write_text(f"{ROW}bad\n\n{ROW}")
    (source / "labels" / "train" / "empty.txt").write_text("")
    (source / "labels" / "classes.txt").write_text("cat\ndog\n")
    (source / "labels" / "other" / "deep").mkdir(parents=True)
    (source / "labels" / "other" / "deep" / "x.txt").write_text(ROW)
    (source / "README.txt").write_text(ROW)
    found = events(source)
    assert dropped(found) == [
        ("missing_image", "x.txt line 1"),
        ("missing_image", "gone.txt line 1"),
        ("missing_image", "gone.txt line 2"),
        ("missing_image", "gone.txt line 4"),
    ]
    assert "3 label files have no image, first: labels/other/deep/x.txt" in notes(found)


def test_images_of_no_split_are_said(yolo: Make, picture: Make) -> None:
    source = yolo(ROW)
    picture(source / "images" / "rest" / "a.jpg")
    (source / "labels" / "rest").mkdir()
    (source / "labels" / "rest" / "a.txt").write_text(ROW)
    found = events(source)
    assert "1 images are in no split of the source and are left out with their labels" in notes(found)
    assert not dropped(found)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        (unicodedata.normalize("NFC", "Größe.jpg"), unicodedata.normalize("NFD", "Größe.txt")),
        ("IMG_1.JPG", "img_1.txt"),
        ("a.jpg", "a.TXT"),
    ],
)
def test_a_name_that_differs_in_case_or_unicode_form(image: str, label: str, yolo: Make, picture: Make) -> None:
    source = yolo(None)
    picture(source / "images" / "train" / image)
    (source / "labels" / "train" / label).write_text(ROW)
    found = events(source)
    assert len(records(found)[image].annotations) == 1
    assert "1 label files differ from their images in case or Unicode form" in notes(found)
    assert not dropped(found)


def test_a_file_that_belongs_to_another_image_is_not_taken_for_a_twin(yolo: Make, picture: Make) -> None:
    source = yolo(None)
    for name in ("A.jpg", "a.jpg"):
        picture(source / "images" / "train" / name)
    (source / "labels" / "train" / "a.txt").write_text(ROW)
    found = records(events(source))
    assert (len(found["a.jpg"].annotations), found["A.jpg"].labelled) == (1, False)


def test_two_images_of_one_stem_share_their_labels(yolo: Make, picture: Make) -> None:
    source = yolo(ROW)
    picture(source / "images" / "train" / "train.png")
    found = events(source)
    assert [len(record.annotations) for record in records(found).values()] == [1, 1, 0]
    assert "1 label files belong to several images" in notes(found)


@pytest.mark.parametrize("root", ["../source", ".", "/absolute"])
def test_however_the_source_is_written(root: str, yolo: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = yolo(f"{ROW}bad\n").resolve()
    if root == "/absolute":
        (here / "data.yaml").write_text(f"path: {here.as_posix()}\n{YAML}")
    monkeypatch.chdir(here)
    source = Path("..", here.name) if root == "../source" else Path()
    found = events(source)
    assert [len(record.annotations) for record in records(found).values()] == [1, 0]
    assert dropped(found) == [("malformed", "train.txt line 2")]
    assert "no split" not in notes(found)


def test_a_link_to_the_source(yolo: Make, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "source"
    link.symlink_to(yolo(ROW))
    (tmp_path / "data.yaml").write_text(f"path: {tmp_path.as_posix()}\n{YAML}")
    found = events(link)
    assert [len(record.annotations) for record in records(found).values()] == [1, 0]
    assert not dropped(found)
    assert "no split" not in notes(found)


@pytest.mark.parametrize(
    "line",
    ["/content/data/images/val/val.jpg", "C:\\data\\images\\val\\val.jpg", "../../elsewhere/val/val.jpg", "VAL.jpg"],
)
def test_a_list_of_another_machine(line: str, yolo: Make) -> None:
    source = yolo(ROW, "train: images/train\nval: list.txt\nnames: [cat, dog]\n")
    (source / "list.txt").write_text(f"{line}\n{line}\n")
    (source / "labels" / "val" / "val.txt").write_text(ROW)
    found = events(source)
    val = records(found)["val.jpg"]
    assert (val.path, val.split, len(val.annotations)) == (source / "images" / "val" / "val.jpg", "val", 1)
    assert "images are not where the lists say" in notes(found)
    assert "listed twice in a split" in notes(found)


def test_a_listed_image_that_is_missing_keeps_its_labels(yolo: Make) -> None:
    source = yolo(ROW, "train: list.txt\nval: images/val\nnames: [cat, dog]\n")
    (source / "list.txt").write_text(f"./images/train/gone.jpg\n./{'x' * 5000}.jpg\n")
    (source / "labels" / "train" / "gone.txt").write_text(ROW)
    found = records(events(source))
    assert len(found["gone.jpg"].annotations) == 1
    assert not found["gone.jpg"].path.exists()
    assert all(len(name) < 256 for name in found)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_encodings(encoding: str, yolo: Make) -> None:
    source = yolo(ROW.encode(encoding))
    (source / "data.yaml").write_bytes(YAML.encode(encoding))
    assert module.sniff(Tree(source))
    assert len(records(events(source))["train.jpg"].annotations) == 1


def test_a_label_file_that_is_no_text(yolo: Make) -> None:
    with pytest.raises(ParseError, match=r"train\.txt:2: expected UTF-8 text"):
        events(yolo(b"0 0.5 0.5 0.2 0.4\n\xff\xfe\xfa"))


@pytest.mark.parametrize("content", ["names: [cat\ntrain: x", "train: images/train\nnames: {1: a}", "nc: -1\nval: x"])
def test_a_malformed_yaml_is_recognised_and_named(content: str, yolo: Make) -> None:
    source = yolo(ROW, content)
    assert module.sniff(Tree(source))
    with pytest.raises((ParseError, DataNotFound), match=r"data\.yaml"):
        events(source)


def test_a_yaml_one_folder_below(yolo: Make, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outer = tmp_path_factory.mktemp("outer")
    yolo(ROW).rename(outer / "inner")
    assert module.sniff(Tree(outer)) == "inner/data.yaml with class names and splits, 2 images, 1 text files"
    assert len(records(events(outer))["train.jpg"].annotations) == 1
    (outer / "inner" / "data.yaml").rename(outer / "inner" / "other.yaml")
    assert module.sniff(Tree(outer)) is None
    tmp_path.mkdir(exist_ok=True)


def test_of_several_yaml_files_one_must_be_named(yolo: Make, ingest: Make) -> None:
    source = yolo(ROW)
    (source / "other.yaml").write_text("train: images/val\nnames: [cat]\n")
    with pytest.raises(FormatError, match=r"expected one data\.yaml, found data\.yaml, other\.yaml"):
        ingest("yolo", source)
    assert ingest("yolo", source / "other.yaml")[0].classes == ("cat",)


def test_labels_beside_images(tmp_path: Path, picture: Make, ingest: Make) -> None:
    picture(tmp_path / "set" / "a.jpg")
    (tmp_path / "set" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text("train: set\nval: set\nnames: {0: cat}\n")
    cleaned, ledger = ingest("yolo", tmp_path)
    assert [(r.split, len(r.annotations)) for r in cleaned.records] == [("train", 1), ("val", 1)]
    assert any("in more than one split" in note for note in ledger.notes)


def test_several_processes_read_the_same(yolo: Make, picture: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_tl.data.workers.FEW", 1)
    source = yolo(f"{ROW}bad\n")
    for i in range(5):
        picture(source / "images" / "train" / f"{i}.jpg")
        (source / "labels" / "train" / f"{i}.txt").write_text(ROW * i)
    assert events(source, workers=2) == events(source)


def test_class_order_comes_with_the_records(yolo: Make) -> None:
    assert events(yolo(ROW))[0] == ClassOrder(("cat", "dog"))


ROWS = [
    "0 0.5 0.5 0.1 0.1",
    "1 0.5 0.5 0.1 0.1\n\n  \n0 0.2 0.2 0.1 0.1",
    "0.0 0.5 5e-1 .1 0.1",
    "0 0.5 0.5 0 0",
    "0 1.009 0.5 0.1 0.1",
    "0 0.5 -0.009 0.1 0.1",
    "0 0.1 0.1 0.2 0.1 0.2 0.3",
    "0 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3\n1 0.1 0.1 0.2 0.1 0.2 0.3",
    "0 0.1 0.1 0.2 0.1 0.2 0.3\n0 0.5 0.5 0.1 0.1",
    "0 0.5 0.5 0.1 0.1\r\n1 0.5 0.5 0.2 0.2\r",
    "0 1_0 0.5 0.1 0.1",
    "0 0.5 0.5 0.1 0.1 0.9",
    "0 0.1 0.1 0.2 0.1 0.2 0.3 0.4",
    "2 0.5 0.5 0.1 0.1",
    "-1 0.5 0.5 0.1 0.1",
    "0.5 0.5 0.5 0.1 0.1",
    "cat 0.5 0.5 0.1 0.1",
    "0,0.5,0.5,0.1,0.1",
    "\ufeff0 0.5 0.5 0.1 0.1",
    "",
]


def verify(image: Path, *, keypoints: tuple[int, int] | None = None, pose: bool = False) -> Any:
    from ultralytics.data import utils

    shape = keypoints or (0, 0)
    return utils.verify_image_label((str(image), str(label_path(image)), "", pose, 2, *shape, False))


@pytest.mark.parametrize("rows", ROWS)
def test_what_ultralytics_accepts_is_read_the_same(rows: str, ultralytics: Any, picture: Make, tmp_path: Path) -> None:
    del ultralytics
    image = picture(tmp_path / "images" / "a.jpg")
    label_path(image).parent.mkdir()
    label_path(image).write_text(rows, "utf-8", newline="")
    _, labels, _, segments, *_, corrupt, _ = verify(image)
    found, lost = RowReader(("a", "b")).read_file(label_path(image))
    if corrupt:  # there it costs the image, here the row at most
        assert len(found) + len(lost) == len([line for line in rows.splitlines() if line.strip()])
        return
    assert not lost
    assert not any(annotation.repair for annotation in found)
    classes = [("a", "b").index(annotation.name) for annotation in found]
    assert classes == labels[:, 0].tolist()
    if segments:
        for annotation, segment in zip(found, segments, strict=True):
            np.testing.assert_allclose(np.array(annotation.parts[0]).reshape(-1, 2), segment, atol=1e-6)
    else:
        corners = np.array([annotation.box for annotation in found]).reshape(-1, 4)
        sides = corners[:, 2:] - corners[:, :2]
        np.testing.assert_allclose(np.hstack([corners[:, :2] + sides / 2, sides]), labels[:, 1:], atol=1e-6)


@pytest.mark.parametrize(("shape", "columns"), [((2, 3), "0.5 0.5 2 0.1 0.1 0"), ((2, 2), "0.5 0.5 -0.001 0.1")])
def test_poses_are_those_of_ultralytics(
    shape: tuple[int, int], columns: str, ultralytics: Any, picture: Make, tmp_path: Path
) -> None:
    del ultralytics
    image = picture(tmp_path / "images" / "a.jpg")
    label_path(image).parent.mkdir()
    label_path(image).write_text(f"1 0.5 0.5 0.4 0.6 {columns}\n")
    ((annotation,), _) = RowReader(("a", "b"), shape).read_file(label_path(image))
    theirs = verify(image, keypoints=shape, pose=True)[4].reshape(-1, 3)
    ours = np.array(annotation.keypoints).reshape(-1, 3)
    np.testing.assert_allclose(ours[:, :2], theirs[:, :2], atol=1e-6)
    np.testing.assert_array_equal(ours[:, 2] > 0, theirs[:, 2] > 0)
    # To detect, it keeps the box of such a row.
    np.testing.assert_allclose(verify(image, keypoints=shape)[1][0, 1:], [0.5, 0.5, 0.4, 0.6])


@pytest.mark.parametrize("task", ["detect", "segment", "obb", "pose"])
def test_ultralytics_reads_what_is_written(task: str, ultralytics: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    del ultralytics
    from ultralytics.data import utils

    monkeypatch.setattr(utils, "check_font", lambda *args, **kwargs: None)

    @settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(images(task))
    def check(given: list[ImageRecord]) -> None:
        # Images of fewer than ten pixels on a side are refused; duplicates are removed.
        given = [r for r in given if r.size and min(r.size) >= 10 and len(set(r.annotations)) == len(r.annotations)]
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write("yolo", folder, given, task)
            data = utils.check_det_dataset(str(folder / "data.yaml"))
            assert tuple(data["names"].values()) == CLASSES
            shape = data.get("kpt_shape", (0, 0))
            assert list(shape) == [2, 3] or task != "pose"
            for record in given:
                image = folder / "images" / str(record.split) / record.path.name
                found = utils.verify_image_label(
                    (str(image), str(label_path(image)), "", task == "pose", len(CLASSES), *shape, False)
                )
                _, labels, _, segments, keypoints, *_, corrupt, message = found
                if "duplicate" in message:
                    continue
                assert (corrupt, message) == (0, "")
                assert [CLASSES[int(number)] for number in labels[:, 0]] == [a.name for a in record.annotations]
                for i, annotation in enumerate(record.annotations):
                    scale = np.array(record.size, float)
                    if task in ("segment", "obb"):
                        ring = np.array((annotation.parts or [annotation.corners])[0]).reshape(-1, 2)
                        np.testing.assert_allclose(segments[i] * scale, ring, atol=1e-3)
                    else:
                        assert annotation.box is not None
                        sides = np.diff(np.array(annotation.box).reshape(2, 2), axis=0)[0]
                        np.testing.assert_allclose(labels[i, 3:] * scale, sides, atol=1e-3)
                    if task == "pose":
                        points = np.array(annotation.keypoints).reshape(-1, 3)
                        np.testing.assert_allclose(keypoints[i, :, :2] * scale, points[:, :2], atol=1e-3)
                        assert keypoints[i, :, 2].tolist() == points[:, 2].tolist()

    check()


def test_two_files_that_fit_equally_are_refused(yolo: Make, picture: Make) -> None:
    source = yolo(ROW, "train: list.txt\nval: images/val\nnames: [cat, dog]\n")
    for folder in ("p", "q"):
        picture(source / folder / "x.jpg")
    (source / "list.txt").write_text("/far/x.jpg\n")
    with pytest.raises(DataError, match="fits several images equally well: p/x.jpg, q/x.jpg"):
        events(source)
