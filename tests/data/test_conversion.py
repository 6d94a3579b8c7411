from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from yolo_tl.data import ConvertReport, ReadOptions, convert, read_dataset
from yolo_tl.data import conversion as module
from yolo_tl.data.formats import Output
from yolo_tl.data.records import replace
from yolo_tl.errors import (
    ConfigError,
    DataError,
    DataNotFound,
    FormatError,
    ImageError,
    ParseError,
    UsageError,
    YoloTLError,
)

Make = Callable[..., Any]
GOOD = ("cat", (10, 10, 30, 40))


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file."""
    return {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def contents(folder: Path) -> dict[str, str]:
    return {name: digest for name, (digest, _) in snapshot(folder).items()}


@pytest.fixture
def source(voc: Make) -> Path:
    return voc({f"image {i}": [GOOD, ("dog", (1 + i, 2, 50, 49))] for i in range(9)} | {"empty": []})


def test_the_folder_that_is_made(source: Path, tmp_path: Path) -> None:
    before = snapshot(source)
    report = convert(source, tmp_path / "out", ratios=(0.6, 0.2, 0.2))
    out = tmp_path / "out"
    assert report.splits == {"train": 6, "val": 2, "test": 2}
    assert (report.images, report.annotations_in, report.annotations_out) == (10, 18, 18)
    content = yaml.safe_load((out / "data.yaml").read_text("utf-8"))
    assert content == {
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": {0: "cat", 1: "dog"},
    }
    images = sorted(p.relative_to(out / "images").with_suffix("").as_posix() for p in out.glob("images/*/*"))
    labels = sorted(p.relative_to(out / "labels").with_suffix("").as_posix() for p in out.glob("labels/*/*"))
    assert images == labels
    assert len(images) == 10
    (empty,) = out.glob("labels/*/empty.txt")
    assert empty.read_bytes() == b""
    (label,) = out.glob("labels/*/image 3.txt")
    assert label.read_text() == "0 0.2 0.5 0.2 0.6\n1 0.27 0.51 0.46 0.94\n"
    assert snapshot(source) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_the_ledger_says_what_the_report_says(voc: Make, tmp_path: Path) -> None:
    source = voc({"a": [GOOD, GOOD, ("cat", (5, 5, 5, 9)), ("cat", (90, 5, 130, 9))], "b": []})
    report = convert(source, tmp_path / "out")
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text("utf-8"))
    assert ledger["schema"] == 1
    annotations = ledger["annotations"]
    assert {reason: tally["count"] for reason, tally in annotations["dropped"].items()} == report.dropped
    assert report.dropped == {"duplicate": 1, "zero_area": 1}
    assert report.repaired == {"clipped": 1}
    assert annotations["in"] == annotations["out"] + sum(report.dropped.values()) == report.annotations_in == 4
    assert annotations["dropped"]["zero_area"]["examples"] == [
        {"file": "Annotations/a.xml", "place": "object 3", "detail": "cat [5, 5, 5, 9]"}
    ]
    assert ledger["images"]["backgrounds"] == 1
    assert ledger["notes"] == report.notes
    assert ledger["classes"] == ["cat"]
    assert ledger["options"]["voc_origin"] == "auto"


def test_the_report_as_json_has_exactly_its_fields(source: Path, tmp_path: Path) -> None:
    plain = convert(source, tmp_path / "out").to_json()
    assert set(plain) == set(ConvertReport.__dataclass_fields__)
    assert plain["data"] == str(tmp_path / "out" / "data.yaml")
    assert json.loads(json.dumps(plain)) == plain


def test_twice_is_the_same(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "one", seed=5)
    convert(source, tmp_path / "two", seed=5)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    convert(source, tmp_path / "three", seed=6)
    assert set(contents(tmp_path / "one")) != set(contents(tmp_path / "three"))


def test_converting_the_result_changes_nothing(source: Path, tmp_path: Path) -> None:
    first = convert(source, tmp_path / "one")
    again = convert(tmp_path / "one", tmp_path / "two")
    assert (again.format, again.splits, again.classes) == ("yolo", first.splits, first.classes)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert {k: v for k, v in one.items() if k != "ledger.json"} == {k: v for k, v in two.items() if k != "ledger.json"}


def test_the_folder_can_be_moved(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(source, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    dataset = read_dataset(tmp_path / "moved")
    assert len(dataset.split("train")) == 8
    assert all(path.is_file() for path in dataset.split("train").images)


def test_a_dry_run_reports_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    planned = convert(source, tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()
    done = convert(source, tmp_path / "out").to_json()
    placed = [note for note in done["notes"] if note.startswith("images placed")]
    assert {**planned.to_json(), "notes": [*planned.notes, *placed]} == done


@pytest.mark.parametrize("link", ["auto", "hardlink", "symlink", "copy"])
def test_how_images_are_placed(link: str, source: Path, tmp_path: Path) -> None:
    report = convert(source, tmp_path / "out", link=link)  # type: ignore[arg-type]
    (image,) = (tmp_path / "out").glob("images/*/empty.jpg")
    original = source / "JPEGImages" / "empty.jpg"
    assert image.read_bytes() == original.read_bytes()
    assert image.is_symlink() == (link == "symlink")
    assert os.path.samefile(image, original) == (link != "copy")
    assert f"10 by {'hardlink' if link == 'auto' else link}" in report.notes[-1]


def test_a_jpeg_that_trainers_would_rewrite_is_copied(source: Path, tmp_path: Path) -> None:
    original = source / "JPEGImages" / "empty.jpg"
    original.write_bytes(original.read_bytes() + b"trailing")
    report = convert(source, tmp_path / "out", link="hardlink")
    (image,) = (tmp_path / "out").glob("images/*/empty.jpg")
    assert not os.path.samefile(image, original)
    assert report.notes[-1] == "images placed: 1 by copy, 9 by hardlink"


def test_images_of_one_name_get_labels_of_their_own(tmp_path: Path, picture: Make, voc_xml: Make) -> None:
    root = tmp_path / "source"
    for i, name in enumerate(["s1/x.jpg", "s2/x.jpg", "s3/X.png", "s4/x.y.jpg"]):
        picture(root / name, 100 + i)
        (root / name).with_suffix(".xml").write_text(voc_xml([("cat", (1, 1, 10 + i, 9))]))
    report = convert(root, tmp_path / "out", ratios=(1, 0, 0))
    images = sorted(path.name for path in (tmp_path / "out" / "images" / "train").iterdir())
    labels = sorted(path.stem for path in (tmp_path / "out" / "labels" / "train").iterdir())
    assert sorted(Path(name).stem for name in images) == labels
    assert len({label.casefold() for label in labels}) == 4
    assert {"x.jpg", "x.y.jpg"} <= set(images)
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["images"]["repaired"]["renamed"]["count"] == 2
    train = read_dataset(report.data).split("train")
    sizes = (train.box_sizes * train.image_sizes[train.image_index]).round().astype(int)
    # Each box kept its own image: the 100 + i px wide one has the 9 + i px wide box.
    assert sorted(zip(train.image_sizes[train.image_index][:, 0].tolist(), sizes[:, 0].tolist(), strict=True)) == [
        (100 + i, 9 + i) for i in range(4)
    ]


def test_names_with_spaces_and_other_letters_survive(voc: Make, tmp_path: Path) -> None:
    names = ["дефект 1", "划痕", "a: b", "yes", "#x"]
    source = voc({"фото №1 'x'": [(n, (1 + i, 1, 20, 20)) for i, n in enumerate(names)]}, folder="quelle ü")
    report = convert(source, tmp_path / "aus gabe")
    assert "划痕" in report.data.read_text("utf-8")
    dataset = read_dataset(report.data)
    assert dataset.names == tuple(sorted(names))
    assert dataset.split("train").instances == (1,) * 5
    assert (tmp_path / "aus gabe" / "labels" / "train" / "фото №1 'x'.txt").is_file()


def test_explicit_names_set_the_order(source: Path, tmp_path: Path) -> None:
    options = ReadOptions(names=["dog", "bird", "cat"])
    report = convert(source, tmp_path / "out", options=options)
    assert report.classes == ["dog", "bird", "cat"]
    assert read_dataset(report.data).split("train").instances == (7, 0, 7)


def test_new_splits_can_be_asked_for(source: Path, tmp_path: Path) -> None:
    first = convert(source, tmp_path / "one", ratios=(0.5, 0.5, 0))
    again = convert(tmp_path / "one", tmp_path / "two", splits="new", ratios=(0.8, 0.1, 0.1))
    assert (first.splits, again.splits) == ({"train": 5, "val": 5}, {"train": 8, "val": 1, "test": 1})


def test_strict_refuses_to_drop(voc: Make, tmp_path: Path) -> None:
    source = voc({"a": [GOOD, ("cat", (5, 5, 5, 9))]})
    with pytest.raises(DataError) as caught:
        convert(source, tmp_path / "out", strict=True)
    assert "zero_area: 1\n    Annotations/a.xml (object 2) cat [5, 5, 5, 9]" in caught.value.message
    assert not (tmp_path / "out").exists()


def _not_xml(source: Path) -> None:
    (source / "Annotations" / "image 1.xml").write_text("<annotation>\n<object></annotation>")


def _no_image(source: Path) -> None:
    (source / "JPEGImages" / "image 1.jpg").unlink()


def _no_picture(source: Path) -> None:
    (source / "JPEGImages" / "image 1.jpg").write_text("not an image")


def _two_formats(source: Path) -> None:
    (source / "instances.json").write_text('{"images": [], "annotations": []}')


def _emptied(source: Path) -> None:
    for path in sorted(source.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (_not_xml, ParseError, r"image 1\.xml:2: malformed XML"),
        (_no_image, ImageError, r"image 1\.jpg: the image is missing"),
        (_no_picture, ImageError, r"image 1\.jpg: expected an image"),
        (_two_formats, FormatError, "several annotation formats fit"),
        (_emptied, DataNotFound, "source: expected images and annotations, found an empty folder"),
    ],
)
def test_bad_input_gives_one_error_and_no_output(
    damage: Callable[[Path], None], error: type[YoloTLError], message: str, source: Path, tmp_path: Path
) -> None:
    damage(source)
    with pytest.raises(error, match=message):
        convert(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_malformed_json_gives_one_error_and_no_output(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.json").write_text('{"images": [],\n"annotations": [')
    with pytest.raises(ParseError, match=r"a\.json:2: malformed JSON"):
        convert(tmp_path / "source", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_class_gives_one_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"objects are of classes not asked for:\n.*image 0\.xml \(object 2\): 'dog'"):
        convert(source, tmp_path / "out", options=ReadOptions(names=["cat"]))
    report = convert(source, tmp_path / "out", options=ReadOptions(names=["cat"], unknown_class="drop"))
    assert report.dropped == {"unknown_class": 9}


def test_missing_images_can_be_left_out(source: Path, tmp_path: Path) -> None:
    _no_image(source)
    report = convert(source, tmp_path / "out", options=ReadOptions(missing_images="drop"))
    assert (report.images, report.dropped) == (9, {"missing_image": 2})


def test_nothing_left_to_write(voc: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found only backgrounds"):
        convert(voc({"a": []}), tmp_path / "out")
    source = voc({"a": [GOOD]})
    (source / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(DataNotFound, match="no image is left to write"):
        convert(source, tmp_path / "out", options=ReadOptions(missing_images="drop"))


@pytest.mark.parametrize("link", ["hardlink", "copy"])
def test_a_full_disk_leaves_nothing(link: str, source: Path, tmp_path: Path) -> None:
    """In a process of its own, no file may grow past 100 bytes: what a full disk looks like to the writer."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from yolo_tl.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "convert", str(source), str(tmp_path / "out"), "--link", link]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "could not be written: File too large" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_failure_keeps_what_was_there(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(source, tmp_path / "out")
    before = snapshot(tmp_path / "out")
    with pytest.raises(UsageError, match="already holds files"):
        convert(source, tmp_path / "out", seed=3)

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "out", overwrite=True, seed=3)
    assert snapshot(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]
    monkeypatch.undo()
    convert(source, tmp_path / "out", overwrite=True, seed=3)
    assert snapshot(tmp_path / "out") != before


def test_a_row_lost_by_the_writer_is_noticed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.FORMATS["yolo"]

    def careless(output: Output) -> int:
        assert real.write is not None
        short = [*output.records[:-1], replace(output.records[-1], annotations=())]
        return real.write(dataclasses.replace(output, records=short))

    monkeypatch.setitem(module.FORMATS, "yolo", dataclasses.replace(real, write=careless))
    with pytest.raises(AssertionError, match="the ledger does not add up"):
        convert(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_second_run_rewrites_nothing(source: Path, tmp_path: Path) -> None:
    first = convert(source, tmp_path / "out")

    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}

    before = times()
    second = convert(source, tmp_path / "out")
    assert second == dataclasses.replace(first, unchanged=True)
    assert times() == before
    (label, *_) = (tmp_path / "out").glob("labels/*/*.txt")
    label.write_text("touched")
    with pytest.raises(UsageError, match="already holds files"):
        convert(source, tmp_path / "out")
    convert(source, tmp_path / "out", overwrite=True)
    label.unlink()
    with pytest.raises(UsageError, match="already holds files"):
        convert(source, tmp_path / "out")


def test_a_changed_source_is_noticed(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out")
    (xml, *_) = source.rglob("*.xml")
    xml.write_text(xml.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(UsageError, match="already holds files"):
        convert(source, tmp_path / "out")


def test_the_source_and_foreign_folders_are_safe(source: Path, tmp_path: Path) -> None:
    for out in (source, source / "yolo", source / "JPEGImages" / ".." / "x"):
        with pytest.raises(UsageError, match="lies in the source"):
            convert(source, out, overwrite=True)
    with pytest.raises(UsageError, match="holds the source"):
        convert(source, tmp_path, overwrite=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").touch()
    with pytest.raises(UsageError, match=r"expected a data set made here .*, found other files"):
        convert(source, tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "mine.jpg").is_file()


def test_bad_arguments(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="splits: expected keep or new"):
        convert(source, tmp_path / "out", splits="some")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="add up to 1"):
        convert(source, tmp_path / "out", ratios=(1, 1, 1))
    with pytest.raises(DataNotFound, match="no such file"):
        convert(tmp_path / "nowhere", tmp_path / "out")
