from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.outputs import CLASSES, images, read, write

from yolo_tl.data.formats.base import Output
from yolo_tl.data.records import Annotation, ImageRecord
from yolo_tl.data.yolo.data_yaml import load_data_yaml
from yolo_tl.data.yolo.row_text import ONE, Rows, in_ticks
from yolo_tl.data.yolo.write import write as write_yolo

TICK = 0.5e-8  # half of the last decimal, of a box
COARSE = 0.5e-6  # and of a polygon


def one(annotation: Annotation, size: tuple[int, int] = (100, 50), **output: object) -> Output:
    record = ImageRecord(Path("a.jpg"), Path("s"), (annotation,), split="train", size=size)
    fields = {"classes": ("cat", "dog"), **output}
    return Output(Path(), [record], [PurePosixPath("images/train/a.jpg")], **fields)  # type: ignore[arg-type]


def row(tmp_path: Path, output: Output) -> str:
    assert write_yolo(dataclasses.replace(output, folder=tmp_path)) == 1
    return (tmp_path / "labels" / "train" / "a.txt").read_text("ascii")


@pytest.mark.parametrize(
    ("annotation", "output", "expected"),
    [
        (Annotation("cat", (10, 10, 30, 40), ""), {}, "0 0.2 0.5 0.2 0.6\n"),
        (Annotation("dog", (0, 0, 100, 50), ""), {}, "1 0.5 0.5 1 1\n"),
        (Annotation("dog", (0, 0, 1, 50 / 3), ""), {}, "1 0.005 0.16666667 0.01 0.33333333\n"),
        (Annotation("dog", (-0.0, 0, 1e-12, 1e-12), ""), {}, "1 0 0 0.00000001 0.00000001\n"),
        (
            Annotation("cat", (0, 0, 9, 9), "", parts=((0.0, 0.0, 100.0, 25.0, 100 / 3, 50.0),)),
            {"task": "segment"},
            "0 0 0 1 0.5 0.333333 1\n",
        ),
        (
            Annotation("cat", (0, 0, 9, 9), "", corners=(0.0, 0.0, 50.0, 0.0, 50.0, 25.0, 0.0, 25.0)),
            {"task": "obb"},
            "0 0 0 0.5 0 0.5 0.5 0 0.5\n",
        ),
        (
            Annotation("cat", (0, 0, 100, 50), "", keypoints=(50.0, 25.0, 2.0, 10.0, 5.0, 1.0, 7.0, 7.0, 0.0)),
            {"task": "pose", "keypoints": ("a", "b", "c")},
            "0 0.5 0.5 1 1 0.5 0.5 2 0.1 0.1 1 0 0 0\n",
        ),
        (
            Annotation("cat", (0, 0, 100, 50), "", keypoints=(50.0, 25.0, 2.0)),
            {"task": "pose", "keypoints": ("a", "b")},
            "0 0.5 0.5 1 1 0.5 0.5 2 0 0 0\n",
        ),
    ],
)
def test_rows(annotation: Annotation, output: dict[str, object], expected: str, tmp_path: Path) -> None:
    assert row(tmp_path, one(annotation, **output)) == expected


@given(data=st.data(), width=st.integers(1, 20_000), height=st.integers(1, 20_000))
def test_a_box_comes_back_within_a_thousandth_of_a_pixel(data: st.DataObject, width: int, height: int) -> None:
    x1, x2 = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2)))
    y1, y2 = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2)))
    with TemporaryDirectory() as folder:
        text = row(Path(folder), one(Annotation("dog", (x1, y1, x2, y2), ""), (width, height)))
    number, cx, cy, w, h = (float(value) for value in text.split())
    assert number == 1
    assert all(0 <= value <= 1 for value in (cx, cy, w, h))
    assert min(w, h) > 0
    assert "-" not in text
    back = [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height]
    assert back == pytest.approx([x1, y1, x2, y2], abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 10**8 - 1), st.lists(st.integers(0, 3 * ONE), max_size=9)), max_size=9))
def test_every_number_is_written_as_it_is(rows: list[tuple[int, list[int]]]) -> None:
    values = np.array([value for _, row in rows for value in row], np.uint32)
    lengths = np.array([len(row) for _, row in rows], np.int64)
    text, stops = Rows(np.array([number for number, _ in rows], np.int64), lengths, values).text()
    assert [*stops] == [0, *np.cumsum([len(line) for line in text.splitlines(keepends=True)], dtype=int)]
    for line, (number, row) in zip(text.decode("ascii").splitlines(), rows, strict=True):
        first, *columns = line.split(" ")
        assert first == str(number)
        assert [round(float(column) * ONE) for column in columns] == row
        assert not any("." in column and column.endswith(("0", ".")) for column in columns)


def test_shares_are_clipped_and_rounded() -> None:
    shares = np.array([-1e-3, -0.0, 0.123456785, 1.0000001, 1 / 3])
    assert in_ticks(shares).tolist() == [0, 0, 12345678, ONE, 33333333]
    assert in_ticks(shares, 6).tolist() == [0, 0, 12345700, ONE, 33333300]


@pytest.mark.parametrize("task", ["detect", "segment", "obb", "pose"])
def test_what_is_written_is_read_back(task: str) -> None:
    @given(images(task))
    def check(records: list[ImageRecord]) -> None:
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            count = write("yolo", folder, records, task)
            found, names = read("yolo", folder, task=task)
        assert count == sum(len(record.annotations) for record in records)
        assert names == CLASSES
        assert set(found) == {record.path.name for record in records}
        for record in records:
            back = found[record.path.name]
            assert (back.split, back.relative, back.labelled) == (record.split, True, True)
            assert [a.name for a in back.annotations] == [a.name for a in record.annotations]
            assert record.size is not None
            for before, after in zip(record.annotations, back.annotations, strict=True):
                assert not after.repair
                same(before, after, record.size, task)

    check()


def same(before: Annotation, after: Annotation, size: tuple[int, int], task: str) -> None:
    """`after` is `before` to the last decimal that is written."""
    scale = np.array(size * 4, float)
    if task in ("detect", "pose"):
        np.testing.assert_allclose(np.array(after.box), np.array(before.box) / scale[:4], rtol=0, atol=2.01 * TICK)
    if task == "segment":
        shares = np.array(before.parts[0]).reshape(-1, 2) / size
        np.testing.assert_allclose(np.array(after.parts[0]).reshape(-1, 2), shares, rtol=0, atol=1.01 * COARSE)
    if task == "obb":
        np.testing.assert_allclose(after.corners, np.array(before.corners) / scale, rtol=0, atol=1.01 * TICK)
    if task == "pose":
        points, expected = (np.array(a.keypoints).reshape(-1, 3) for a in (after, before))
        np.testing.assert_array_equal(points[:, 2], expected[:, 2])
        shares = np.where(expected[:, 2:] > 0, expected[:, :2] / size, 0)
        np.testing.assert_allclose(points[:, :2], shares, rtol=0, atol=1.01 * TICK)


def test_many_images_are_written_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_tl.data.yolo.write._BATCH", 7)
    records, places = [], []
    for i in range(30):
        boxes = tuple(Annotation(f"c{k}", (k, i, k + 1, i + 1), "") for k in range(i % 12))
        records.append(ImageRecord(Path("x"), Path("s"), boxes, split="train", size=(100, 100)))
        places.append(PurePosixPath("images", "train", f"{i}.a.jpg"))
    classes = tuple(f"c{i}" for i in range(12))
    assert write_yolo(Output(tmp_path, records, places, classes)) == sum(i % 12 for i in range(30))
    for i in range(30):
        lines = (tmp_path / "labels" / "train" / f"{i}.a.txt").read_text().splitlines()
        assert [float(line.split()[1]) for line in lines] == pytest.approx([(k + 0.5) / 100 for k in range(i % 12)])
        assert [line.split()[0] for line in lines] == [str(k) for k in range(i % 12)]


def test_the_yaml(tmp_path: Path) -> None:
    keypoints = ("nose", "left_eye", "right_eye")
    annotation = Annotation("cat", (0, 0, 9, 9), "", keypoints=(1.0, 1.0, 2.0) * 3)
    output = dataclasses.replace(one(annotation, task="pose", keypoints=keypoints), folder=tmp_path)
    write_yolo(output)
    content = yaml.safe_load((tmp_path / "data.yaml").read_text("utf-8"))
    assert content == {
        "train": "images/train",
        "val": None,
        "names": {0: "cat", 1: "dog"},
        "kpt_shape": [3, 3],
        "flip_idx": [0, 2, 1],
        "kpt_names": {0: list(keypoints), 1: list(keypoints)},
    }
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.jpg").touch()
    data = load_data_yaml(tmp_path)
    assert (data.keypoints, data.keypoint_names, data.flip_idx) == ((3, 3), keypoints, (0, 2, 1))


def test_keypoints_that_do_not_tell_left_from_right_are_not_mirrored(tmp_path: Path) -> None:
    annotation = Annotation("cat", (0, 0, 9, 9), "", keypoints=(1.0, 1.0, 2.0) * 2)
    write_yolo(dataclasses.replace(one(annotation, task="pose", keypoints=("a", "b")), folder=tmp_path))
    assert "flip_idx" not in yaml.safe_load((tmp_path / "data.yaml").read_text("utf-8"))


def test_names_that_yaml_would_take_for_something_else(tmp_path: Path) -> None:
    classes = ("no", "1", "null", "a: b", "Ä", "#x", "", "~")
    output = one(Annotation("Ä", (0, 0, 9, 9), ""), classes=classes)
    write_yolo(dataclasses.replace(output, folder=tmp_path))
    assert yaml.safe_load((tmp_path / "data.yaml").read_text("utf-8"))["names"] == dict(enumerate(classes))


def test_to_classify_nothing_is_written(tmp_path: Path) -> None:
    records = [
        ImageRecord(Path("a"), Path("s"), (Annotation("cat", None, ""),), split="train", size=(9, 9)),
        ImageRecord(Path("b"), Path("s"), (), split="train", size=(9, 9)),
    ]
    places = [PurePosixPath("train/cat/a.jpg"), PurePosixPath("train/b.jpg")]
    assert write_yolo(Output(tmp_path, records, places, ("cat",), task="classify")) == 1
    assert not list(tmp_path.iterdir())
