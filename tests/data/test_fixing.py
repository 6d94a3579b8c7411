"""A repaired copy: what check finds and fix claims to repair is gone, and the original is as it was."""

from __future__ import annotations

import json
import shutil
import struct
import unicodedata
from pathlib import Path

import cv2
import pytest
import yaml

from yolo_tl.data.checking import check
from yolo_tl.data.checks import Severity
from yolo_tl.data.dataset import read_dataset
from yolo_tl.data.fixing import FixReport, fix
from yolo_tl.data.sample import make_sample
from yolo_tl.errors import DataError, FormatError, UsageError


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("set") / "data", images=60, size=(96, 128), format="yolo")


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "data"))


def image(data: Path, index: int, split: str = "train") -> Path:
    return sorted((data / "images" / split).iterdir())[index]


def label(data: Path, index: int, split: str = "train") -> Path:
    return data / "labels" / split / f"{image(data, index, split).stem}.txt"


def state(folder: Path) -> dict[Path, object]:
    return {
        path: (path.lstat().st_mtime_ns, path.is_dir() or path.is_symlink() or path.read_bytes())
        for path in folder.rglob("*")
    }


def lines(report: FixReport, reason: str) -> list[tuple[str, int | None]]:
    return [(entry["file"], entry["line"]) for entry in report.fixes if entry["reason"] == reason]


def test_a_clean_set_comes_out_equal(data, tmp_path):
    report = fix(data, tmp_path / "out")
    assert (report.actions, report.fixes) == ({}, [])
    before, after = read_dataset(data), read_dataset(tmp_path / "out")
    assert before.names == after.names
    for name, split in before.splits.items():
        other = after.splits[name]
        assert [p.name for p in split.images] == [p.name for p in other.images]
        assert split.class_ids.tolist() == other.class_ids.tolist()
        assert abs(split.boxes - other.boxes).max() < 1e-7


ROWS = {
    "0,0.5,0.5,0.4,0.4": ("separator", 1),
    "0 0,5 0,5 0,4 0,4": ("decimal_comma", 1),
    "0 0.5 0.5 0.4 0.4 0.91": ("confidence_column", 1),
    "disc 0.5 0.5 0.4 0.4": ("class_by_name", 1),
    "0 0.9 0.5 0.4 0.4": ("clipped", 1),
    "0 0.5 0.5 -0.4 0.4": ("swapped", 1),
    "0 nan 0.5 0.4 0.4": ("not_finite", 0),
    "0 0.5 0.5 0 0.4": ("zero_area", 0),
    "7 0.5 0.5 0.4 0.4": ("class_out_of_range", 0),
    "0.5 0.5 0.5 0.4 0.4": ("malformed", 0),
    "0 0.5 0.5": ("malformed", 0),
    "what is this": ("malformed", 0),
    "0 3 3 0.4 0.4": ("outside", 0),
}


@pytest.mark.parametrize("row", ROWS)
def test_one_row_is_mended_or_left_out(data, tmp_path, row):
    reason, left = ROWS[row]
    path = label(data, 0)
    path.write_text(f"1 0.2 0.2 0.1 0.1\n\n{row}\n")
    before = state(data)
    report = fix(data, tmp_path / "out")
    assert state(data) == before
    assert lines(report, reason) == [(f"labels/train/{path.name}", 3)]
    assert len((tmp_path / "out/labels/train" / path.name).read_text().splitlines()) == 1 + left
    assert check(tmp_path / "out").findings == ()


def test_repeated_rows(data, tmp_path):
    path = label(data, 0)
    path.write_text("0 0.5 0.5 0.4 0.4\n1 0.2 0.2 0.1 0.1\n0 0.5 0.5 0.4 0.4\n")
    report = fix(data, tmp_path / "out")
    assert lines(report, "duplicate") == [(f"labels/train/{path.name}", 3)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_encodings(data, tmp_path, encoding):
    content = yaml.safe_load((data / "data.yaml").read_text())
    (data / "data.yaml").write_text(yaml.safe_dump({**content, "names": ["größe", "square", "triangle"]}), "utf-8")
    label(data, 0).write_bytes("größe 0.5 0.5 0.4 0.4\n".encode(encoding))
    report = fix(data, tmp_path / "out")
    assert report.actions == {"changed label file: encoding": 1, "changed row: class by name": 1}
    assert check(tmp_path / "out").findings == ()


def broken(data: Path) -> None:
    """Plant one of every fault that fix repairs."""
    label(data, 0).write_bytes("0,0.5,0.5,0.4,0.4\r\nrubbish\r\n".encode("utf-16"))
    label(data, 1).write_text("0 0.5 0.5 0.4 0.4 0.9\n9 0.5 0.5 0.1 0.1\n0 inf 0.5 0.1 0.1\n0 0.5 0.5 0 0\n")
    label(data, 2).write_text("0 1.2 0.5 0.6 0.4\n0 0.3 0.3 -0.2 0.2\n1 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n")
    image(data, 3).write_bytes(b"")
    image(data, 4).write_bytes(b"no image at all, whatever its name says")
    content = image(data, 5).read_bytes()
    image(data, 5).write_bytes(content[: len(content) // 2])
    image(data, 6).with_name("small.png").write_bytes(cv2.imencode(".png", cv2.imread(str(image(data, 6)))[:8, :8])[1])
    shutil.copy(image(data, 0, "val"), data / "images/train/seen.jpg")
    shutil.copy(label(data, 0, "val"), data / "labels/train/seen.txt")
    shutil.copy(image(data, 8), data / "images/train/twice.jpg")
    (data / "labels/train/twice.txt").write_text("2 0.5 0.5 0.3 0.3\n")
    twin = image(data, 9)
    cv2.imwrite(str(twin.with_suffix(".png")), cv2.imread(str(image(data, 10)))[::-1])
    wrong = image(data, 11)
    wrong.write_bytes(cv2.imencode(".png", cv2.imread(str(wrong)))[1])
    umlaut = image(data, 12)
    label(data, 12).rename(data / "labels/train" / (unicodedata.normalize("NFD", "zürich") + ".txt"))
    umlaut.rename(umlaut.with_name(unicodedata.normalize("NFD", "zürich") + ".jpg"))
    (data / "labels/train/orphan.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (data / "images/train/old.npy").write_bytes(b"")
    (data / "images/train/nowhere.jpg").symlink_to("/nowhere.jpg")


def test_everything_at_once(data, tmp_path):
    broken(data)
    before = state(data)
    found = {finding.id for finding in check(data).of(Severity.ERROR)}
    assert len(found) >= 14
    report = fix(data, tmp_path / "out", link="copy")
    assert state(data) == before
    assert check(tmp_path / "out").of(Severity.ERROR) == []
    after = {finding.id for finding in check(tmp_path / "out").findings}
    assert after <= {"boxes.size_outlier", "labels.identical_files", "images.near_duplicate", "splits.leak_near"}
    assert set(report.actions) == {
        "changed image: composed name",
        "changed image: renamed",
        "changed image: suffix",
        "changed label file: encoding",
        "changed row: clipped",
        "changed row: confidence column",
        "changed row: separator",
        "changed row: swapped",
        "left out image: duplicate image",
        "left out image: leak",
        "left out image: missing image",
        "left out image: too small",
        "left out image: truncated",
        "left out image: unreadable image",
        "left out label file: orphan",
        *(f"left out row: {reason}" for reason in ("class out of range", "duplicate", "duplicate image", "leak")),
        *(f"left out row: {reason}" for reason in ("malformed", "not finite", "truncated", "unreadable image")),
        "left out row: zero area",
    }
    assert ("labels/train/sample_0001.txt", 2) in lines(report, "class_out_of_range")
    assert all(entry["file"] for entry in report.fixes)
    kept = json.loads((tmp_path / "out/fixes.json").read_text())
    assert kept["fixes"] == report.fixes
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())
    dropped = sum(entry["count"] for entry in ledger["annotations"]["dropped"].values())
    assert ledger["annotations"]["in"] == ledger["annotations"]["out"] + dropped


def test_pixels_stay_as_they_are(data, tmp_path):
    path = image(data, 0)
    path.write_bytes(path.read_bytes() + b"\0\0")  # which Ultralytics would write anew
    fix(data, tmp_path / "out")
    copy = tmp_path / "out/images/train" / path.name
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_ino != path.stat().st_ino


def test_missing_labels_are_decided_about(data, tmp_path):
    path = label(data, 0)
    path.unlink()
    fix(data, tmp_path / "out")
    assert (tmp_path / "out/labels/train" / path.name).read_bytes() == b""
    report = fix(data, tmp_path / "dropped", unlabelled="drop")
    assert report.actions == {"left out image: unlabelled": 1}
    with pytest.raises(DataError, match=path.stem):
        fix(data, tmp_path / "error", unlabelled="error")


def test_a_label_spelled_differently_is_found(data, tmp_path):
    path = label(data, 0)
    path.rename(path.with_name(path.stem.upper() + ".txt"))
    report = fix(data, tmp_path / "out")
    assert report.actions == {"changed label file: renamed": 1}
    assert (tmp_path / "out/labels/train" / path.name).stat().st_size > 0


def test_missing_labels_are_told(data, tmp_path):
    label(data, 0).unlink()
    report = fix(data, tmp_path / "out")
    assert report.actions == {"changed image: taken for background": 1}


def test_names_are_tidied(data, tmp_path):
    content = yaml.safe_load((data / "data.yaml").read_text())
    names = [unicodedata.normalize("NFD", "Äpfel "), "square", "square"]
    (data / "data.yaml").write_text(yaml.safe_dump({**content, "names": names}, allow_unicode=True), "utf-8")
    report = fix(data, tmp_path / "out")
    assert report.classes == ["Äpfel", "square"]
    assert report.actions == {"changed class name: spelling": 1, "changed class name: merged": 1}


def test_of_equal_images_train_gives_way(data, tmp_path):
    for index, split in ((0, "val"), (0, "test")):
        shutil.copy(image(data, index, split), data / "images/train" / f"from_{split}.jpg")
        shutil.copy(label(data, index, split), data / "labels/train" / f"from_{split}.txt")
    report = fix(data, tmp_path / "out")
    assert [entry["file"] for entry in report.fixes if entry["what"] == "image"] == [
        "images/train/from_test.jpg",
        "images/train/from_val.jpg",
    ]
    assert report.splits == {"train": 42, "val": 12, "test": 6}


def test_copies_may_stay(data, tmp_path):
    shutil.copy(label(data, 0), data / "labels/train/again.txt")
    shutil.copy(image(data, 0), data / "images/train/again.jpg")
    assert fix(data, tmp_path / "out").images == 60
    assert fix(data, tmp_path / "kept", duplicates="keep").images == 61


def test_train_that_is_val_leaves_nothing(data, tmp_path):
    content = yaml.safe_load((data / "data.yaml").read_text())
    (data / "data.yaml").write_text(yaml.safe_dump({**content, "val": "images/train"}))
    with pytest.raises(DataError, match="nothing would be left of train"):
        fix(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stray_polygons_become_boxes(data, tmp_path):
    label(data, 0).write_text("0 0.2 0.2 0.6 0.2 0.4 0.6\n1 0.7 0.7 0.1 0.1\n")
    report = fix(data, tmp_path / "out")
    assert (report.task, report.actions) == ("detect", {"changed row: box from polygon": 1})
    assert check(tmp_path / "out").findings == ()


def test_stray_boxes_become_polygons(data, tmp_path):
    for path in (data / "labels").rglob("*.txt"):
        rows = [row.split() for row in path.read_text().splitlines()]
        path.write_text("".join(f"{c} {x} {y} {float(x) + 0.1} {y} {x} {float(y) + 0.1}\n" for c, x, y, _, _ in rows))
    rows = label(data, 0).read_text()
    label(data, 0).write_text("0 0.5 0.5 0.4 0.4\n" + rows)
    report = fix(data, tmp_path / "out")
    assert report.task == "segment"
    assert report.actions["changed row: polygon from box"] == 1
    assert not {f.id for f in check(tmp_path / "out").findings} & {"labels.mixed_boxes_and_polygons"}


def test_keypoints_keep_their_mirror(data, tmp_path):
    content = yaml.safe_load((data / "data.yaml").read_text())
    (data / "data.yaml").write_text(yaml.safe_dump({**content, "kpt_shape": [2, 3], "flip_idx": [1, 0]}))
    for path in (data / "labels").rglob("*.txt"):
        rows = path.read_text().splitlines()
        path.write_text("".join(f"{r} {r.split()[1]} {r.split()[2]} 2 0 0 0\n" for r in rows))
    label(data, 0).write_text("0 0.5 0.5 0.4 0.4 0.5 0.5 2\n")
    report = fix(data, tmp_path / "out")
    made = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert (made["kpt_shape"], made["flip_idx"]) == ([2, 3], [1, 0])
    assert report.actions == {"left out row: malformed": 1}
    assert check(tmp_path / "out").of(Severity.ERROR) == []


def test_dry_run_writes_nothing(data, tmp_path):
    broken(data)
    planned = fix(data, tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()
    assert planned.fixes == fix(data, tmp_path / "out").fixes


@pytest.mark.parametrize("out", ["data", "data/inside", "."])
def test_the_original_cannot_be_the_target(data, tmp_path, out):
    with pytest.raises(UsageError):
        fix(data, tmp_path / out, overwrite=True)


def test_only_our_own_folders_are_replaced(data, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep")
    with pytest.raises(UsageError):
        fix(data, tmp_path / "out")
    with pytest.raises(UsageError):
        fix(data, tmp_path / "out", overwrite=True)
    fix(data, tmp_path / "other")
    fix(data, tmp_path / "other", overwrite=True)


def test_another_format_is_for_convert(tmp_path):
    make_sample(tmp_path / "voc", images=6, size=(64, 64))
    with pytest.raises(FormatError, match=r"data\.yaml"):
        fix(tmp_path / "voc", tmp_path / "out")


def test_an_absurd_header_is_left_out(data, tmp_path):
    path = image(data, 0)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65000, 65000)
    path.write_bytes(content)
    report = fix(data, tmp_path / "out")
    assert [e["file"] for e in report.fixes if e["what"] == "image"] == [f"images/train/{path.name}"]
