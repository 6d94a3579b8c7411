"""One leak or lopsided split for each check of them."""

from __future__ import annotations

import shutil

import cv2
import numpy as np

from yolo_tl.data.checks import Severity


def move(planted, image, name: str, split: str) -> None:
    """Move an image and its labels to another split and name."""
    label = planted.label_of(image)
    image.rename(planted.root / "images" / split / f"{name}{image.suffix}")
    label.rename(planted.root / "labels" / split / f"{name}.txt")


def test_leak_exact(planted):
    shutil.copy(planted.image(0, "val"), planted.root / "images/train/again.jpg")
    shutil.copy(planted.label(0, "val"), planted.root / "labels/train/again.txt")
    found = planted.findings()
    assert set(found) == {"splits.leak_exact"}
    leak = found["splits.leak_exact"]
    assert (leak.severity, leak.count) == (Severity.ERROR, 1)
    assert leak.examples[0].detail == "as images/train/again.jpg"


def test_leak_near(planted):
    pixels = cv2.imread(str(planted.image(0, "val")))
    planted.draw(planted.root / "images/train/again.jpg", np.clip(pixels * 1.05, 0, 255).astype(np.uint8))
    rows = planted.rows(0, "val")
    (planted.root / "labels/train/again.txt").write_text("".join(f"{row}0\n" for row in rows))
    assert set(planted.findings()) == {"splits.leak_near"}
    assert planted.findings(fast=True) == {}


def test_leak_group_of_roboflow(planted):
    move(planted, planted.image(), "part_jpg.rf.0123456789abcdef", "train")
    move(planted, planted.image(0, "val"), "part_jpg.rf.fedcba9876543210", "val")
    found = planted.findings()
    assert set(found) == {"splits.leak_group"}
    assert ".rf." in found["splits.leak_group"].message


def test_leak_group_of_video_frames(planted):
    train, val = planted.images()[:30], planted.images("val")[:10]
    for i in range(10):
        for image, number in zip(train[3 * i : 3 * i + 3], range(4 * i, 4 * i + 3), strict=True):
            move(planted, image, f"clip_{number:06d}", "train")
        move(planted, val[i], f"clip_{4 * i + 3:06d}", "val")
    found = planted.findings()
    assert set(found) == {"splits.leak_group"}
    assert found["splits.leak_group"].count == 10


def test_a_video_cut_once_is_no_leak(planted):
    for split, first in (("train", 0), ("val", len(planted.images()))):
        for i, image in enumerate(planted.images(split)):
            move(planted, image, f"clip_{first + i:06d}", split)
    assert planted.findings() == {}


def test_numbered_images_are_no_video(planted):
    images = [(image, split) for split in ("train", "val") for image in planted.images(split)]
    for number, i in enumerate(np.random.default_rng(0).permutation(len(images))):
        move(planted, images[i][0], f"part_{number}", images[i][1])
    assert planted.findings() == {}


def test_class_missing_in_val(planted):
    planted.each_row(lambda row: "0" + row[1:] if row[0] == "2" else row, "val")
    assert set(planted.findings()) == {"splits.class_missing_in_val"}


def test_class_missing_in_train(planted):
    planted.each_row(lambda row: "0" + row[1:] if row[0] == "2" else row, "train")
    found = planted.findings()
    assert set(found) - {"classes.few_instances"} == {"splits.class_missing_in_train"}
    assert found["splits.class_missing_in_train"].severity is Severity.ERROR


def many(planted, split: str, rows: str) -> None:
    """The same rows, a little apart, in every image of a split."""
    for i, image in enumerate(planted.images(split)):
        shifted = [f"{row} {0.3 + i / 1000:.4f} {0.3 + i / 1100:.4f} 0.2 0.2" for row in rows[:1]]
        shifted += [f"{row} {0.7 - i / 1000:.4f} {0.3 + k / 5:.4f} 0.2 0.15" for k, row in enumerate(rows[1:4])]
        planted.label_of(image).write_text("\n".join(shifted) + "\n")


def test_skew(planted):
    many(planted, "train", "0012")
    many(planted, "val", "1220")
    found = planted.findings(skip=["boxes.size_outlier", "classes.backgrounds_none"])
    assert set(found) == {"splits.skew"}


def test_background_skew(planted):
    for image in planted.images("val")[:12]:
        planted.label_of(image).write_text("")
    found = planted.findings()
    assert "splits.background_skew" in found
    assert set(found) <= {"splits.background_skew", "splits.class_missing_in_val"}


def test_tiny_val(planted):
    for image in planted.images("val")[6:]:
        move(planted, image, image.stem, "train")
    found = planted.findings()
    assert "splits.tiny_val" in found
    assert set(found) <= {"splits.tiny_val", "splits.class_missing_in_val"}


def test_size_drift(planted):
    many(planted, "train", "0112")
    many(planted, "val", "0112")
    planted.each_row(lambda row: " ".join([*row.split()[:3], "0.05", "0.05"]), "val")
    found = planted.findings(skip=["boxes.size_outlier", "classes.backgrounds_none"])
    assert set(found) == {"splits.size_drift"}


def test_resolution_drift(planted, monkeypatch):
    from yolo_tl.data.checks import splits

    monkeypatch.setattr(splits, "_ENOUGH", 10)
    for image in planted.images("val"):
        planted.draw(image, cv2.resize(cv2.imread(str(image)), None, fx=2, fy=2))
    assert set(planted.findings()) == {"splits.resolution_drift", "splits.size_drift"}
