"""One file that is missing, left over or badly named, for each check of them."""

from __future__ import annotations

import os
import shutil
import unicodedata

import cv2
import pytest

from yolo_tl.data.checks import Severity


def test_missing_label(planted):
    planted.label().unlink()
    found = planted.findings()
    assert set(found) == {"files.missing_label"}
    assert "background" in found["files.missing_label"].ultralytics


def test_orphan_label(planted):
    (planted.root / "labels/train/lost.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (planted.root / "labels/train/classes.txt").write_text("disc\n")
    found = planted.findings()
    assert set(found) == {"files.orphan_label"}
    assert [example.path for example in found["files.orphan_label"].examples] == ["labels/train/lost.txt"]


def listed(planted, *more: str) -> None:
    lines = [f"./images/test/{image.name}" for image in planted.images("test")]
    (planted.root / "test.txt").write_text("\n".join([*lines, *more]))
    planted.config(test="test.txt")


def test_missing_image(planted):
    listed(planted, "./images/test/gone.jpg")
    found = planted.findings()
    assert set(found) == {"files.missing_image"}
    assert found["files.missing_image"].examples[0].path == "images/test/gone.jpg"


def test_listed_twice(planted):
    listed(planted, f"./images/test/{planted.image(0, 'test').name}")
    assert set(planted.findings()) == {"files.listed_twice"}


def test_symlink_broken(planted):
    image = planted.image()
    image.unlink()
    image.symlink_to("/nowhere/at/all.jpg")
    assert set(planted.findings()) == {"files.symlink_broken"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_by_permission(planted):
    planted.image().chmod(0)
    assert set(planted.findings()) == {"files.unreadable"}


@pytest.mark.parametrize("what", ["image", "label"])
def test_unreadable(planted, what, monkeypatch):
    path = str(getattr(planted, what)())
    opened = os.open

    def refuse(name, *rest):
        if name == path:
            raise PermissionError(13, "Permission denied")
        return opened(name, *rest)

    monkeypatch.setattr(os, "open", refuse)
    found = planted.findings()
    assert set(found) == {"files.unreadable"}
    assert found["files.unreadable"].examples[0].detail == "Permission denied"


def test_empty_file(planted):
    planted.image().write_bytes(b"")
    assert set(planted.findings()) == {"files.empty_file"}


def test_unsupported_suffix(planted):
    shutil.copy(planted.image(), planted.root / "images/train/extra.gif")
    found = planted.findings()
    assert set(found) == {"files.unsupported_suffix"}
    assert found["files.unsupported_suffix"].severity is Severity.WARNING
    (planted.root / "labels/train/extra.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    found = planted.findings()
    assert found["files.unsupported_suffix"].severity is Severity.ERROR


def test_case_collision(planted):
    image, other = planted.images()[:2]
    planted.label_of(other).rename(planted.label_of(image).with_name(image.stem.upper() + ".txt"))
    other.rename(image.with_name(image.name.upper()))
    assert set(planted.findings()) == {"files.case_collision"}


def test_unicode_twins(planted):
    images = planted.images()[:2]
    for image, form in zip(images, ("NFC", "NFD"), strict=True):
        name = unicodedata.normalize(form, "zürich")
        planted.label_of(image).rename(planted.label_of(image).with_name(f"{name}.txt"))
        image.rename(image.with_name(f"{name}.jpg"))
    if sum(image.name.startswith("z") for image in planted.images()) < 2:
        pytest.skip("a file system that composes names")
    assert set(planted.findings()) == {"files.unicode_twins"}


def test_shared_stem(planted):
    image, other = planted.images()[:2]
    planted.draw(image.with_suffix(".png"), cv2.imread(str(other)))
    planted.label_of(other).unlink()
    other.unlink()
    assert set(planted.findings()) == {"files.shared_stem"}


def test_stale_npy(planted):
    planted.image().with_suffix(".npy").write_bytes(b"old")
    found = planted.findings()
    assert set(found) == {"files.stale_npy"}
    assert "in place of the image" in found["files.stale_npy"].ultralytics


def test_cache_left(planted):
    (planted.root / "labels/train.cache").write_bytes(b"cache")
    found = planted.findings()
    assert set(found) == {"files.cache_left"}
    assert found["files.cache_left"].severity is Severity.INFO


def test_hidden_image(planted):
    image = planted.image()
    (image.parent / f"._{image.name}").write_bytes(b"\0\5\x16\x07")
    assert set(planted.findings()) == {"files.hidden_image"}


@pytest.mark.parametrize("spelled", [str.upper, lambda stem: unicodedata.normalize("NFD", stem)])
def test_label_case(planted, spelled):
    image = planted.image()
    label = planted.label_of(image)
    image.rename(image.with_name("zürich.jpg"))
    label.rename(label.with_name(spelled("zürich") + ".txt"))
    assert set(planted.findings()) == {"files.label_case", "files.missing_label", "files.orphan_label"}


def test_images_in_folders_of_folders(planted):
    for what in ("images", "labels"):
        folder = planted.root / what / "train/camera a/day.1"
        folder.mkdir(parents=True)
        for path in sorted((planted.root / what / "train").glob("*.*"))[:10]:
            path.rename(folder / path.name)
    assert planted.findings() == {}
