from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data import archives, convert, read_dataset
from yolo_tl.errors import ConfigError, DataError, ParseError, WriteError

Make = Callable[..., Any]


@pytest.fixture
def source(voc: Make) -> Path:
    return voc({"a": [("cat", (1, 2, 30, 40))], "b": [("dog", (5, 5, 50, 45))], "c": []})


def zipped(path: Path, folder: Path, *, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, inside + file.relative_to(folder).as_posix())
    return path


def tarred(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname="set")
    return path


@pytest.mark.parametrize("kind", ["zip", "zip, one folder down", "tar.gz"])
def test_an_archive_gives_what_its_folder_gives(kind: str, source: Path, tmp_path: Path) -> None:
    if kind == "tar.gz":
        archive = tarred(tmp_path / "set.tar.gz", source)
    else:
        archive = zipped(tmp_path / "set.zip", source, inside="deep/er/" if "down" in kind else "")
    report = convert(archive, tmp_path / "out")
    plain = convert(source, tmp_path / "plain")
    assert (report.images, report.annotations_out, report.classes) == (3, 2, plain.classes)
    found, expected = read_dataset(tmp_path / "out"), read_dataset(tmp_path / "plain")
    for name, split in expected.splits.items():
        assert sorted(map(tuple, split.boxes)) == sorted(map(tuple, found.split(name).boxes))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["out", "plain", "source", archive.name])
    images = list((tmp_path / "out" / "images").rglob("*.jpg"))
    assert len(images) == 3
    assert not any(path.is_symlink() or path.stat().st_nlink > 1 for path in images)


def test_an_unchanged_archive_is_not_unpacked_into_a_new_data_set(source: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", source)
    convert(archive, tmp_path / "out")
    assert convert(archive, tmp_path / "out").unchanged


def test_errors_name_the_archive_and_the_file_in_it(source: Path, tmp_path: Path) -> None:
    (source / "Annotations" / "a.xml").write_text("<annotation><object>", "utf-8")
    archive = zipped(tmp_path / "set.zip", source)
    with pytest.raises(ParseError, match=r"set\.zip/Annotations/a\.xml:1: malformed XML"):
        convert(archive, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.zip", "source"]


@pytest.mark.parametrize("name", ["../evil.jpg", "a/../../evil.jpg", "/evil.jpg", "..\\evil.jpg", "C:/evil.jpg"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_paths_that_leave_are_refused(name: str, kind: str, tmp_path: Path) -> None:
    archive = tmp_path / f"set.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as content:
            content.writestr(name, b"x")
    else:
        with tarfile.open(archive, "w") as content:
            content.addfile(tarfile.TarInfo(name), io.BytesIO())
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(DataError, match="a path that leaves it"):
        convert(archive, tmp_path / "deep" / "out")
    assert set(tmp_path.parent.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


@pytest.mark.parametrize("kind", ["zip", "tar", "hard link", "device"])
def test_links_and_devices_are_refused(kind: str, tmp_path: Path) -> None:
    archive = tmp_path / ("set.zip" if kind == "zip" else "set.tar")
    if kind == "zip":
        info = zipfile.ZipInfo("link.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(archive, "w") as content:
            content.writestr(info, "/etc/passwd")
    else:
        member = tarfile.TarInfo("link.jpg")
        member.type = {"tar": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}[kind]
        member.linkname = "/etc/passwd"
        with tarfile.open(archive, "w") as content:
            content.addfile(member)
    with pytest.raises(DataError, match="a link or a device"):
        convert(archive, tmp_path / "out")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_FREE", 1 << 20)
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("a.txt", bytes(4 << 20))
    with pytest.raises(DataError, match="unpacks to more than"):
        convert(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.zip"]


def test_too_many_files_are_refused(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    with pytest.raises(DataError, match="more than 3 files"):
        convert(zipped(tmp_path / "set.zip", source), tmp_path / "out")


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1, -30])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_damaged_archive_is_named(cut: int, kind: str, source: Path, tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip", source) if kind == "zip" else tarred(tmp_path / "whole.tar.gz", source)
    archive = tmp_path / f"cut.{kind}"
    archive.write_bytes(whole.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"cut\."):
        convert(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_flipped_bytes_are_noticed(source: Path, tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "set.zip", source).read_bytes())
    content[content.find(b"<annotation>") + 5] ^= 0xFF
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"set\.zip: cannot be unpacked: Bad CRC"):
        convert(tmp_path / "set.zip", tmp_path / "out")


def test_what_systems_add_is_left_out(source: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", source)
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("__MACOSX/._a.jpg", b"x")
        content.writestr(".DS_Store", b"x")
    with archives.opened(archive, beside=tmp_path / "out") as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["Annotations", "JPEGImages"]


def test_nothing_links_into_an_archive(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be linked to"):
        convert(zipped(tmp_path / "set.zip", source), tmp_path / "out", link="symlink")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(source: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", source)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(WriteError):
        convert(archive, locked / "out")
