"""Bad input of every kind for six formats, from end to end: encodings, numbers, names, paths, what is missing."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hostile import (
    Case,
    End,
    Refused,
    Written,
    assert_contained,
    assert_sound,
    attempt,
    meets_its_end,
    snapshot,
)
from support.small_sources import KINDS, MAIN, PLACE, ROW, files_of, folder_of

from yolo_tl.errors import DataError, DataNotFound, FormatError, ImageError, ParseError, YoloTLError


def check(kind: str, make: Callable[[Path], object], end: End, scratch: Path, **options: Any) -> None:
    # Through the command line for one format: it does not know which one it is.
    meets_its_end(Case(name=kind, make=make, end=end, options=options, command=kind == "coco"), scratch)


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
    folder = tmp_path / "source"
    make(folder)
    before = snapshot(tmp_path)
    found = attempt(folder, tmp_path / "out")
    assert_contained(before, tmp_path, tmp_path / "out")
    if isinstance(found, DataError):  # no class is left: the error tells what the ledger would
        assert "no annotation is left to write" in found.message
        assert f"{MAIN[kind]} ({PLACE[kind]})" in found.message
    else:
        assert isinstance(found, Written), found
        assert found.rows == {"a": []}
        (entry,) = found.dropped
        assert entry.partition(":")[2] == f" {MAIN[kind]} ({PLACE[kind]})"
    assert re.search("not_finite|malformed|no_box", str(found))


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


def test_the_error_of_an_empty_result_tells_what_was_lost(tmp_path: Path) -> None:
    """Decimal commas without quotes: no row has the columns of the header."""
    make = folder_of({"a.csv": "filename,class,xmin,ymin,xmax,ymax\nimages/a.jpg,cat,1,5,10,30,40\n"})
    says = r"no image is left to write:\n  malformed: 1\n    a\.csv \(line 2\) expected 6 columns, found 7"
    check("csv", make, Refused(DataNotFound, says), tmp_path)


@pytest.mark.parametrize("yaml", ["", "\0" * 300, "trai", "names: [cat]\n"])
def test_a_damaged_data_yaml_is_not_passed_over(yaml: str, tmp_path: Path) -> None:
    """Its rows would else be read as those of Darknet, and their classes called by numbers."""
    make = folder_of({**files_of("yolo"), "data.yaml": yaml})
    check("yolo", make, Refused(FormatError, "no annotation format fits"), tmp_path)


@pytest.mark.parametrize("kind", ["coco", "labelme"])
def test_json_of_another_kind_is_noted(kind: str, tmp_path: Path) -> None:
    make = folder_of({**files_of(kind), "z.json": '{"some": "settings"}'})
    check(
        kind,
        make,
        Written(rows={"a": [ROW]}, notes=[r"1 \.json files hold no annotations .* first: z\.json"]),
        tmp_path,
    )


def test_nothing_at_all(tmp_path: Path) -> None:
    check(
        "empty", lambda folder: None, Refused(DataNotFound, "expected images and annotations, found an empty"), tmp_path
    )
