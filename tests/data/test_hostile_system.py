"""What the system refuses: rights, room, links between file systems, names and letters it does not know."""

from __future__ import annotations

import errno
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.hostile import assert_contained, assert_sound, command, only_the_next_step, snapshot, written
from support.pictures import picture
from support.small_sources import KINDS, MAIN, ROW, files_of, folder_of

from yolo_tl.data import ReadOptions, convert
from yolo_tl.data.formats import FORMATS

# Rights: for root they only count in a process without the capability to pass over them.
OBEYING = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.fixture
def obeying() -> list[str]:
    """What a command has to run under to be bound by the rights of files."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root passes over rights, and there is no setpriv")
    return OBEYING


@pytest.fixture
def locked() -> Iterator[Callable[[Path], None]]:
    """Take all rights from a file or folder until the end of the test."""
    paths: dict[Path, int] = {}

    def lock(path: Path) -> None:
        paths[path] = path.stat().st_mode
        path.chmod(0)

    yield lock
    for path, mode in paths.items():
        path.chmod(mode)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["images", "images/a.jpg", "annotations"])
def test_no_permission_to_read(
    kind: str, part: str, tmp_path: Path, obeying: list[str], locked: Callable[[Path], None]
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    folder_of(files_of(kind), "images/a.jpg", "images/b.jpg")(source)
    path = source / (MAIN[kind] if part == "annotations" else part)
    before = snapshot(tmp_path)
    locked(path)
    done = command(str(source), str(out), under=obeying)
    path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 3, done.stderr
    assert f"{path}: " in done.stderr
    assert "cannot be read: Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
    assert_contained(before, tmp_path)


def test_one_file_of_many_without_permission(
    tmp_path: Path, obeying: list[str], locked: Callable[[Path], None]
) -> None:
    """Its image would else become a background."""
    source, out = tmp_path / "source", tmp_path / "out"
    text = files_of("labelme")["a.json"]
    folder_of({"images/a.json": text, "images/b.json": text.replace("a.jpg", "b.jpg")}, "images/a.jpg", "images/b.jpg")(
        source
    )
    locked(source / "images" / "b.json")
    done = command(str(source), str(out), under=obeying)
    assert (done.returncode, out.exists()) == (3, False)
    assert "b.json: cannot be read: Permission denied" in done.stderr


@pytest.mark.parametrize("is_archive", [False, True])
def test_no_permission_to_write(is_archive: bool, tmp_path: Path, obeying: list[str]) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    folder_of(files_of("coco"))(source)
    if is_archive:
        source = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", source))
    target.mkdir(mode=0o555)
    for out in (target / "out", target / "new" / "out"):
        done = command(str(source), str(out), under=obeying)
        assert done.returncode == 6, done.stderr
        assert "could not be written: Permission denied" in done.stderr
        assert "Traceback" not in done.stderr
    assert os.listdir(target) == []


# Disks
FULL = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"


@pytest.mark.parametrize("what", ["labels", "images", "archive"])
def test_a_full_disk_leaves_nothing(what: str, tmp_path: Path) -> None:
    """The system refuses to write more of a file, as it does where no room is left."""
    source, out = tmp_path / "source", tmp_path / "out"
    text = "filename,class,xmin,ymin,xmax,ymax\n" + "".join(f"a.jpg,cat,{i / 100},1,50,40\n" for i in range(900))
    (source / "images").mkdir(parents=True)
    (source / "a.csv").write_text(text)
    picture(source / "images" / "a.jpg", 640, 480, seed=1)
    limit = 20_000
    assert (source / "images" / "a.jpg").stat().st_size > limit
    if what == "archive":
        packed = tmp_path / "packed.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(source.rglob("*.*")):
                archive.write(path, path.relative_to(source))
        source = packed
    before = snapshot(tmp_path)
    link = "copy" if what == "images" else "auto"
    code = f"{FULL}; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    done = command(str(source), str(out), "--link", link, before=code)
    assert done.returncode == 6, done.stderr + done.stdout
    assert "could not be written: " in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert_contained(before, tmp_path)
    assert command(str(source), str(out)).returncode == 0


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system")
    with TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.mark.parametrize(("link", "way"), [("auto", "symlink"), ("symlink", "symlink"), ("copy", "copy")])
def test_another_file_system(link: Any, way: str, tmp_path: Path, elsewhere: Path) -> None:
    source, out = tmp_path / "source", elsewhere / "out"
    folder_of(files_of("voc"))(source)
    before = snapshot(tmp_path)
    report = convert(source, out, ratios=(1.0, 0.0, 0.0), link=link)
    assert_sound(out, source)
    assert written(out).rows == {"a": [ROW]}
    assert report.notes[-1] == f"images placed: 1 by {way}"
    assert os.listdir(elsewhere) == ["out"]
    assert_contained(before, tmp_path)


def test_another_file_system_has_no_hardlinks(tmp_path: Path, elsewhere: Path) -> None:
    source, out = tmp_path / "source", elsewhere / "out"
    folder_of(files_of("voc"))(source)
    done = command(str(source), str(out), "--link", "hardlink")
    assert done.returncode == 6
    assert "a.jpg: could not be written: Invalid cross-device link" in done.stderr
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("has_hardlinks", [True, False])
def test_images_of_an_archive_stay_when_it_is_closed(
    has_hardlinks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(files_of("voc"))(tmp_path / "folder")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "folder"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    if not has_hardlinks:
        monkeypatch.setattr(os, "link", refuse)
    report = convert(archive, tmp_path / "out", ratios=(1.0, 0.0, 0.0))
    assert report.notes[-1] == f"images placed: 1 by {'hardlink' if has_hardlinks else 'copy'}"
    assert_sound(tmp_path / "out", tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["folder", "out", "packed.zip"]


def test_a_file_instead_of_a_target(tmp_path: Path) -> None:
    source = tmp_path / "source"
    folder_of(files_of("voc"))(source)
    (tmp_path / "file").write_text("mine")
    before = snapshot(tmp_path)
    for out, code in ((tmp_path / "file", 2), (tmp_path / "file" / "below", 6)):
        done = command(str(source), str(out))
        assert done.returncode == code, done.stderr
        assert str(out) in done.stderr
        assert "Traceback" not in done.stderr
    assert_contained(before, tmp_path)


# Names and letters
OLD = b"gr\xf6\xdfe"  # Größe in Latin-1, as an archive of an old Windows leaves it on Linux


def with_old_name(folder: Path) -> None:
    """A YOLO source with an image and its labels whose name is no UTF-8."""
    folder_of(files_of("yolo"))(folder)
    (folder / "data.yaml").write_text("train: images\nnames: [cat]\n")
    picture(folder / "images" / "b.jpg", seed=1)
    (folder / "labels" / "b.txt").write_text("0 0.5 0.5 1 1\n")
    try:
        for path in (folder / "images" / "b.jpg", folder / "labels" / "b.txt"):
            path.rename(os.fsdecode(os.fsencode(path.parent) + b"/" + OLD + path.suffix.encode()))
    except OSError:
        pytest.skip("the file system takes no such name")


@pytest.mark.parametrize("to", [name for name, format in FORMATS.items() if format.write])
def test_a_name_that_is_no_unicode(to: str, tmp_path: Path) -> None:
    """It cannot stand in any text file; the copy gets one that can."""
    source, out = tmp_path / "source", tmp_path / "out"
    with_old_name(source)
    before = snapshot(tmp_path)
    report = convert(source, out, to=to, ratios=(1.0, 0.0, 0.0))
    assert_contained(before, tmp_path, out)
    assert (report.images, report.annotations_out, report.images_repaired) == (2, 2, {"renamed": 1})
    (image,) = out.rglob("Größe.jpg".lower())
    assert image.read_bytes() in {path.read_bytes() for path in (source / "images").iterdir()}
    (example,) = json.loads((out / "ledger.json").read_bytes())["images"]["repaired"]["renamed"]["examples"]
    assert os.fsencode(example["file"]) == b"images/" + OLD + b".jpg"
    again = convert(out, tmp_path / "again")
    assert (again.images, again.annotations_out) == (2, 2)


def test_a_name_that_is_no_unicode_is_printed(tmp_path: Path) -> None:
    with_old_name(tmp_path / "source")
    done = command(str(tmp_path / "source"), str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert only_the_next_step(done.stderr)
    assert "images/gr\\udcf6\\udcdfe.jpg größe.jpg: its name is no Unicode" in done.stdout


def test_a_terminal_without_the_letters(tmp_path: Path) -> None:
    folder_of(files_of("labelme", name="划痕"))(tmp_path / "source")
    done = command(
        str(tmp_path / "source"), str(tmp_path / "out"), before="import sys; sys.stdout.reconfigure(encoding='cp1252')"
    )
    assert done.returncode == 0, done.stderr
    assert only_the_next_step(done.stderr)
    assert r"\u5212\u75d5" in done.stdout
    assert written(tmp_path / "out").names == ["划痕"]


def test_class_names_that_make_one_folder(tmp_path: Path) -> None:
    """To classify, a class is a folder; characters that some system forbids become underscores."""
    source, out = tmp_path / "source", tmp_path / "out"
    for i, name in enumerate(("a_b", "a:b", "a?b", "A_B")):
        picture(source / name / f"{i}.jpg", seed=i)
    report = convert(source, out, options=ReadOptions(task="classify"), ratios=(1.0, 0.0, 0.0))
    folders = sorted(path.name for path in (out / "train").iterdir())
    assert len({name.lower() for name in folders}) == 4
    assert sum("another class has that name" in note for note in report.notes) == 3
    assert all(len(list((out / "train" / name).iterdir())) == 1 for name in folders)


def test_annotations_behind_a_link_to_nowhere(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    folder_of(files_of("coco"))(source)
    (source / "b.json").symlink_to("/nowhere/b.json")
    done = command(str(source), str(out))
    assert (done.returncode, out.exists()) == (3, False)
    assert "b.json: cannot be read: No such file or directory" in done.stderr
