"""Bad input of every kind for six formats, from end to end: encodings, numbers, names, paths, rights, disks."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.hostile import (
    BOX,
    Case,
    End,
    Refused,
    Written,
    assert_contained,
    assert_sound,
    attempt,
    command,
    meets_its_end,
    snapshot,
    written,
)
from support.pictures import picture

from yolo_tl.data import convert
from yolo_tl.errors import DataError, DataNotFound, FormatError, ImageError, ParseError, YoloTLError

Files = dict[str, str]
Box = tuple[object, object, object, object]

ROW = f"0 {BOX}"
CORNERS: Box = (10, 10, 30, 40)
KINDS = ("coco", "voc", "yolo", "labelme", "cvat", "csv")
MAIN = {"coco": "a.json", "voc": "a.xml", "yolo": "labels/a.txt", "labelme": "a.json", "cvat": "a.xml", "csv": "a.csv"}
PLACE = {"coco": "annotation 1", "voc": "object 1", "yolo": "line 1", "labelme": "shape 1", "csv": "line 2"}
PLACE["cvat"] = "image 0, box 1"


def coco(image: str, name: str, box: Box) -> Files:
    x1, y1, x2, y2 = (float(v) if isinstance(v, int) else v for v in box)
    sides = [x2 - x1, y2 - y1] if isinstance(x1, float) else [20, 30]  # type: ignore[operator]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, *sides]}
    images, categories = [{"id": 1, "file_name": image}], [{"id": 1, "name": name}]
    content = {"images": images, "annotations": [annotation], "categories": categories}
    return {"a.json": json.dumps(content, ensure_ascii=False)}


def voc(image: str, name: str, box: Box) -> Files:
    corners = "".join(f"<{t}>{v}</{t}>" for t, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    thing = f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
    return {"a.xml": f"<annotation><filename>{image}</filename>{thing}</annotation>"}


def yolo(image: str, name: str, box: Box) -> Files:
    x1, y1, x2, y2 = (v if isinstance(v, int) else 0 for v in box)
    shares = [(x1 + x2) / 200, (y1 + y2) / 100, (x2 - x1) / 100, (y2 - y1) / 50]
    values = shares if isinstance(box[0], int) else [box[0], *shares[1:]]
    yaml = f"train: train.txt\nnames: [{name}]\n"
    return {"data.yaml": yaml, "train.txt": f"{image}\n", "labels/a.txt": f"0 {' '.join(map(str, values))}\n"}


def labelme(image: str, name: str, box: Box) -> Files:
    shape = {"label": name, "points": [box[:2], box[2:]], "shape_type": "rectangle"}
    return {"a.json": json.dumps({"shapes": [shape], "imagePath": image, "imageData": None}, ensure_ascii=False)}


def cvat(image: str, name: str, box: Box) -> Files:
    corners = " ".join(f'{t}="{v}"' for t, v in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True))
    shape = f'<box label="{name}" {corners}/>'
    return {"a.xml": f'<annotations><image id="0" name="{image}">{shape}</image></annotations>'}


def csv(image: str, name: str, box: Box) -> Files:
    return {"a.csv": f"filename,class,xmin,ymin,xmax,ymax\n{image},{name},{','.join(map(str, box))}\n"}


def files_of(kind: str, image: str = "images/a.jpg", name: str = "cat", box: Box = CORNERS) -> Files:
    """The annotation files of a source of one image and one object."""
    return globals()[kind](image, name, box)  # type: ignore[no-any-return]


def folder_of(files: Files, *pictures: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode(encoding))
        for name in pictures or ("images/a.jpg",):
            picture(folder / name)

    return make


def check(kind: str, make: Callable[[Path], object], end: End, scratch: Path, **options: Any) -> None:
    meets_its_end(Case(name=kind, make=make, end=end, options=options), scratch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marked_encodings_are_read(kind: str, encoding: str, tmp_path: Path) -> None:
    make = folder_of(files_of(kind, name="Größe 划痕"), encoding=encoding)
    check(kind, make, Written(rows={"a": [ROW]}, names=["Größe 划痕"]), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_latin_1_is_named_or_read(kind: str, tmp_path: Path) -> None:
    """Nothing in JSON, XML and YAML says Latin-1, so that it is an error; spreadsheets write such CSV files."""
    where = "data.yaml:2" if kind == "yolo" else f"{MAIN[kind]}:1"
    end: End = Refused(ParseError, rf"{where}: (expected UTF-8 text|malformed XML)")
    if kind == "csv":
        end = Written(rows={"a": [ROW]}, names=["Größe"])
    check(kind, folder_of(files_of(kind, name="Größe"), encoding="latin-1"), end, tmp_path)


@pytest.mark.parametrize("kind", ["coco", "labelme", "csv", "yolo"])
def test_utf_16_without_its_mark_is_refused(kind: str, tmp_path: Path) -> None:
    """As XML it is read: its first bytes are known."""
    says = "a.csv:1: expected text, found zero bytes" if kind == "csv" else "no annotation format fits"
    end = Refused(ParseError if kind == "csv" else FormatError, says)
    check(kind, folder_of(files_of(kind), encoding="utf-16-be"), end, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_is_an_error_or_in_the_ledger(kind: str, tmp_path: Path) -> None:
    """Only the last cell of a table, and rows with no line end, can be cut without a trace."""
    folder, out = tmp_path / "source", tmp_path / "out"
    folder_of(files_of(kind))(folder)
    file = folder / MAIN[kind]
    whole = file.read_bytes()
    silent = []
    for length in range(0, len(whole), 3 if len(whole) > 100 else 1):
        file.write_bytes(whole[:length])
        before = snapshot(tmp_path)
        result = attempt(folder, out)
        assert_contained(before, tmp_path, out)
        if isinstance(result, YoloTLError):
            is_nothing = re.search("no annotation format fits|no image is left to write$", result.message)
            assert file.name in result.message or is_nothing, result
            continue
        assert_sound(out, folder)
        if not result.dropped:
            silent.append(length)
        shutil.rmtree(out)
    last = {"csv": len(whole) - 2, "yolo": len(whole) - 1}.get(kind, len(whole))
    assert all(length == 0 or length >= last for length in silent), silent


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, 1, 20])
def test_one_of_two_files_cut_to_its_first_bytes(kind: str, length: int, tmp_path: Path) -> None:
    """It does not show what it is, and is not passed over for that."""
    if kind == "yolo":
        pytest.skip("a label file of a few bytes is a row, or none")
    first, second = MAIN[kind], MAIN[kind].replace("a.", "b.")
    text = files_of(kind)[first]
    make = folder_of({first: text, second: text.replace("a.jpg", "b.jpg")[:length]}, "images/a.jpg", "images/b.jpg")
    end: End = Refused(ParseError, rf"{second}:\d+: malformed")
    if kind == "csv":  # may be anything
        end = Written(rows={"a": [ROW]}, notes=["1 .csv files hold no annotations and are left out, first: b.csv"])
    check(kind, make, end, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", ["NaN", "-1e999", "9" * 400, "0x10", "", "null"])
def test_absurd_numbers_are_in_the_ledger(kind: str, number: str, tmp_path: Path) -> None:
    make = folder_of(files_of(kind, box=(number, 10, 30, 40)))
    result: list[object] = []
    folder = tmp_path / "source"
    make(folder)
    before = snapshot(tmp_path)
    found = attempt(folder, tmp_path / "out")
    assert_contained(before, tmp_path, tmp_path / "out")
    reason = r"(not_finite|malformed|no_box)"
    if isinstance(found, DataError):  # no class is left: the error tells what the ledger would
        assert "no annotation is left to write" in found.message
        assert f"{MAIN[kind]} ({PLACE[kind]})" in found.message
    else:
        assert isinstance(found, Written), found
        assert found.rows == {"a": []}
        (entry,) = found.dropped
        assert entry.partition(":")[2] == f" {MAIN[kind]} ({PLACE[kind]})"
    assert any(word in str(found) for word in reason.strip("()").split("|")), result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "image",
    [
        "C:\\data\\images\\a.jpg",
        "\\\\server\\share\\images\\a.jpg",
        "/home/somebody/images/a.jpg",
        "file:///home/somebody/images/a.jpg",
        "../../../images/a.jpg",
        "./images//a.jpg",
        "images/A.JPG",
    ],
)
def test_paths_of_other_machines(kind: str, image: str, tmp_path: Path) -> None:
    check(kind, folder_of(files_of(kind, image)), Written(rows={"a": [ROW]}), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unicode_forms_of_names(kind: str, form: str, tmp_path: Path) -> None:
    """As it is in the file, and the other one on the disk."""
    other = "NFD" if form == "NFC" else "NFC"
    files = files_of(kind, f"images/{unicodedata.normalize(form, 'Größe.jpg')}")
    if kind == "yolo":
        files[f"labels/{unicodedata.normalize(form, 'Größe')}.txt"] = files.pop("labels/a.txt")
    stem = unicodedata.normalize(other, "Größe")
    check(kind, folder_of(files, f"images/{stem}.jpg"), Written(rows={stem: [ROW]}), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_two_images_of_one_name_in_different_folders(kind: str, tmp_path: Path) -> None:
    """Where nothing says which one is meant it is an error; a path that names the folder decides."""
    name = "C:\\x\\a.jpg"
    files = files_of(kind, name)
    if kind == "yolo":
        files["lists/labels/s1/a.txt"] = files.pop("labels/a.txt")
    make = folder_of(files, "images/s1/a.jpg", "images/s2/a.jpg")
    check(
        kind,
        make,
        Refused(DataError, r"fits several images equally well: images/s1/a\.jpg, images/s2/a\.jpg"),
        tmp_path,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_two_images_of_one_name_and_the_folder_in_the_path(kind: str, tmp_path: Path) -> None:
    files = files_of(kind, "D:\\x\\s2\\a.jpg")
    if kind == "yolo":
        files["labels/s2/a.txt"] = files.pop("labels/a.txt")
    make = folder_of(files, "images/s1/a.jpg", "images/s2/a.jpg")
    if kind in ("coco", "csv", "cvat", "voc"):
        check(kind, make, Written(rows={"a": [ROW]}, notes=["1 images are"]), tmp_path)
    elif kind == "yolo":
        check(kind, make, Written(rows={"a": [ROW]}, notes=["1 images are in no split of the source"]), tmp_path)
    else:
        check(kind, make, Written(rows={"a": [ROW]}, notes=["1 images lie in folders without any label"]), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_images_that_are_none(kind: str, tmp_path: Path) -> None:
    """Cut short, a link to nowhere, a folder."""

    def cut(folder: Path) -> None:
        folder_of(files_of(kind))(folder)
        file = folder / "images" / "a.jpg"
        file.write_bytes(file.read_bytes()[:50])

    def nowhere(folder: Path) -> None:
        folder_of(files_of(kind), "images/b.jpg")(folder)
        (folder / "images" / "a.jpg").symlink_to("/nowhere/at/all.jpg")

    def directory(folder: Path) -> None:
        folder_of(files_of(kind), "images/b.jpg")(folder)
        (folder / "images" / "a.jpg").mkdir()

    undecodable, missing = "expected an image, found a file that cannot be decoded", "the image is missing"
    for i, (make, says) in enumerate(((cut, undecodable), (nowhere, missing), (directory, f"{missing}|{undecodable}"))):
        check(kind, make, Refused(ImageError, rf"a\.jpg: ({says}) \(named in .*{MAIN[kind]}\)"), tmp_path / str(i))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_images(kind: str, tmp_path: Path) -> None:
    """Its annotation files are empty."""
    files = dict.fromkeys(files_of(kind), "")
    says = {"coco": r"a\.json:1: malformed JSON", "labelme": r"a\.json:1: malformed JSON"}
    error = ParseError if kind in says else FormatError
    check(kind, folder_of(files), Refused(error, says.get(kind, "no annotation format fits")), tmp_path)


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


def test_nothing_at_all(tmp_path: Path) -> None:
    check(
        "empty", lambda folder: None, Refused(DataNotFound, "expected images and annotations, found an empty"), tmp_path
    )
