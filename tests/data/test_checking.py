"""The checks run together: what is asked for, what is told, and that nothing Ultralytics drops stays unfound."""

from __future__ import annotations

import json
import resource
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import psutil
import pytest

from yolo_tl.data.checking import check, choose_checks
from yolo_tl.data.checks import CHECKS, Severity
from yolo_tl.data.checks.config_file import read_config
from yolo_tl.data.checks.ignored import ignored
from yolo_tl.data.checks.rows import RowReader
from yolo_tl.data.checks.snapshot import scan
from yolo_tl.data.sample import make_sample
from yolo_tl.errors import DataNotFound, UsageError, YoloTLError


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("set") / "data", images=60, size=(96, 128), format="yolo")


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "data"))


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("voc") / "source", images=60, size=(96, 128))


def label(data: Path, index: int = 0) -> Path:
    return sorted((data / "labels/train").glob("*.txt"))[index]


def test_the_report_of_a_clean_set(clean):
    report = check(clean)
    assert (report.format, report.task, report.images) == ("yolo", "detect", 60)
    assert report.splits == {"train": 42, "val": 12, "test": 6}
    assert sum(report.classes.values()) == report.boxes
    assert (report.findings, report.ignored, report.skipped) == ((), 0, ())
    assert not report.failed(strict=True)
    json.dumps(report.to_json())


def test_warnings_fail_if_strict(data):
    label(data).unlink()
    report = check(data)
    assert [finding.severity for finding in report.findings] == [Severity.WARNING]
    assert not report.failed()
    assert report.failed(strict=True)


def test_the_worst_comes_first(data):
    label(data, 0).unlink()
    label(data, 1).write_text("0 0.5 0.5 2 2\n")
    (data / "labels/train.cache").write_bytes(b"")
    ranks = [finding.severity.rank for finding in check(data).findings]
    assert ranks == sorted(ranks)
    assert len(ranks) == 3


def test_the_data_set_is_not_touched(data):
    label(data).write_bytes(b"0 0.5 nan 1 1\r\n")
    before = {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in data.rglob("*")}
    check(data)
    assert before == {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in data.rglob("*")}


def test_only_and_skip():
    assert {item.id.partition(".")[0] for item in choose_checks(["images"])} == {"images"}
    assert [item.id for item in choose_checks(["images"], ["images.tiny"]) if item.id == "images.tiny"] == []
    assert [item.id for item in choose_checks(["labels.syntax"])] == ["labels.syntax"]
    assert len(choose_checks(skip=["images", "splits"])) < len(CHECKS)


@pytest.mark.parametrize("word", ["image", "labels.degenerate", "lables", "images."])
def test_a_check_that_is_none_names_the_nearest(clean, word):
    with pytest.raises(UsageError, match="did you mean"):
        check(clean, only=[word])
    with pytest.raises(UsageError, match="did you mean"):
        check(clean, skip=[word])


def test_fast_decodes_nothing(clean, monkeypatch):
    monkeypatch.setattr("yolo_tl.data.checks.snapshot.thumbs", lambda *_, **__: pytest.fail("an image was decoded"))
    report = check(clean, fast=True)
    assert set(report.skipped) == {id for id, item in CHECKS.items() if item.pixels}


def test_images_are_decoded_once(clean, monkeypatch):
    import yolo_tl.data.checks.snapshot as snapshot

    calls, real = [], snapshot.thumbs
    monkeypatch.setattr(snapshot, "thumbs", lambda *a, **k: calls.append(1) or real(*a, **k))
    check(clean)
    assert calls == [1]


def test_nothing_there(tmp_path):
    with pytest.raises(DataNotFound):
        check(tmp_path / "nowhere")


def test_another_format(voc, tmp_path):
    source = Path(shutil.copytree(voc, tmp_path / "source"))
    xml = sorted((source / "Annotations").glob("*.xml"))
    text = xml[0].read_text()
    start, stop = text.index("<xmax>") + 6, text.index("</xmax>")
    low = text[text.index("<xmin>") + 6 : text.index("</xmin>")]
    xml[0].write_text(text[:start] + low + text[stop:])
    (source / "JPEGImages" / f"{xml[1].stem}.jpg").unlink()
    found = {finding.id: finding for finding in check(source).findings}
    assert set(found) == {"convert.zero_area", "convert.missing_image"}
    assert found["convert.missing_image"].severity is Severity.ERROR
    assert found["convert.zero_area"].examples[0].path == f"Annotations/{xml[0].name}"
    assert {finding.id for finding in check(source, only=["convert"]).findings} == set(found)
    assert check(source, only=["images"]).findings == ()
    assert {finding.id for finding in check(source, skip=["convert.zero_area"]).findings} == {"convert.missing_image"}


def test_one_annotation_file_for_many_images_is_no_fault(tmp_path):
    import_module("support.sources.coco").write(tmp_path)
    report = check(tmp_path, only=["files", "labels"])
    assert report.format.startswith("coco")
    assert not report.findings


def test_a_clean_set_of_another_format_and_of_an_archive(voc, tmp_path):
    report = check(voc)
    assert (report.findings, report.splits) == ((), {"train": 42, "val": 12, "test": 6})
    archive = tmp_path / "source.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(voc.rglob("*.*")):
            packed.write(path, path.relative_to(voc))
    inside = check(archive)
    assert (inside.findings, inside.boxes) == ((), report.boxes)


TOKENS = [
    *("0", "1", "2", "3", "-1", "1.0", "0.5", "1e0", "nan", "inf", "1e999", "-0.004", "1.005", "1.02", "-0.02"),
    *("0.25", "0.4", "0.6", "0.9", "", ",", "disc", "0,5", "0x1", "1_0", "٣"),
]


def fuzzed(rng: np.random.Generator, *, width: int) -> bytes:
    """The content of a label file: mostly sound rows, and some that are not."""
    lines = []
    for _ in range(rng.integers(0, 4)):
        numbers = [str(rng.integers(3)), *(f"{v:.3f}" for v in rng.uniform(0.1, 0.6, width - 1))]
        if rng.random() < 0.5:
            numbers[rng.integers(len(numbers))] = str(rng.choice(TOKENS))
        if rng.random() < 0.2:
            numbers = numbers[: rng.integers(1, len(numbers) + 1)]
        if rng.random() < 0.1:
            numbers.append("0.5")
        lines.append(" ".join(numbers))
        if rng.random() < 0.2:
            lines.append(lines[-1])
    text = "\n".join(lines)
    if rng.random() < 0.1:
        return text.encode(str(rng.choice(["utf-16", "utf-8-sig", "utf-16-be"])))
    return text.encode() + bytes(rng.choice([b"", b"\n", b"\r\n", b"\xff", b"\0"], p=[0.3, 0.3, 0.2, 0.1, 0.1]))


@pytest.mark.parametrize(("width", "keypoints"), [(5, None), (9, None), (7, None), (14, [3, 3]), (9, [2, 2])])
def test_every_image_that_ultralytics_leaves_out_is_known(data, ultralytics, width, keypoints):
    from ultralytics.data.utils import verify_image_label

    rng = np.random.default_rng(width)
    if keypoints:
        with (data / "data.yaml").open("a") as stream:
            stream.write(f"kpt_shape: {keypoints}\n")
    names = sorted((data / "labels").rglob("*.txt"))
    count, dim = keypoints or (0, 0)
    for _ in range(8):
        for path in names:
            path.write_bytes(fuzzed(rng, width=width))
        snapshot = scan(read_config(data / "data.yaml"))
        ours = ignored(snapshot)
        for i, (image, text) in enumerate(zip(snapshot.images, snapshot.labels, strict=True)):
            with np.errstate(all="ignore"):
                theirs = verify_image_label((image, text, "", bool(keypoints), 3, count, dim, False))
            assert (theirs[0] is None) == ours[i], (Path(text).read_bytes(), theirs[-1])
        report = check(data, fast=True)
        assert report.ignored == ours.sum()
        assert not ours.any() or report.failed()


@pytest.mark.parametrize("seed", range(6))
def test_no_bytes_make_it_fail(data, seed):
    """Mutations of every text file end in findings, or in an error of ours."""
    rng = np.random.default_rng(seed)
    texts, images = sorted((data / "labels").rglob("*.txt")), sorted((data / "images/val").iterdir())
    files = [data / "data.yaml", *texts[:6], *images[:6]]
    originals = {path: path.read_bytes() for path in files}
    for _ in range(60):
        for path, content in originals.items():
            mutated = bytearray(content)
            for _ in range(rng.integers(0, 4)):
                at = int(rng.integers(0, len(mutated) + 1))
                piece = [bytes(rng.integers(0, 256, 3, np.uint8)), b"", b"1e999", b"nan", b"[[", b"\n", b": ", b"-"]
                mutated[at : at + int(rng.integers(0, 5))] = piece[int(rng.integers(len(piece)))]
            path.write_bytes(mutated)
        with suppress(YoloTLError):
            json.dumps(check(data, fast=bool(seed % 2)).to_json())


YAMLS = {
    "aliases that grow without bound": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "names: [*i, *i]\nkpt_shape: *i\nflip_idx: *i\ntest: *i\nnc: *i\n",
    "names by odd keys": "names: {.inf: a, ²: b, --1: c, 1.5: d, null: e}\n",
    "a huge number": f"names: [a, b]\nnc: {'9' * 5000}\n",
    "a huge key": f"names: {{0: a, {'9' * 30}: b}}\n",
    "keypoints without number": "names: [a]\nkpt_shape: [99999999999999999999999999, 3]\n",
    "no text": 'names: ["\\ud800", b]\n',
    "flip_idx of text": 'names: [a]\nkpt_shape: [2, 3]\nflip_idx: ["1", "0"]\n',
}


@contextmanager
def memory(more: int) -> Iterator[None]:
    """Let this process have some bytes more than it has now, and no more."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("content", YAMLS.values(), ids=YAMLS)
def test_odd_yamls(data, content, tmp_path):
    (data / "data.yaml").write_text(f"train: images/train\nval: images/val\n{content}", "utf-8")
    with memory(500_000_000), suppress(YoloTLError):
        report = check(data, html=tmp_path / "page.html")
        assert report.of(Severity.ERROR) or report.of(Severity.WARNING)
        json.dumps(report.to_json(), ensure_ascii=False).encode("utf-8")


def test_names_of_files_that_are_no_text(data):
    image = next((data / "images/train").iterdir())
    try:
        image.rename(image.with_name("gr\udcfcn.jpg"))
    except (OSError, UnicodeEncodeError):
        pytest.skip("a file system that knows text only")
    text = json.dumps(check(data).to_json(), ensure_ascii=False)
    assert "gr?n.jpg" in text
    text.encode("utf-8")


def test_rows_of_plain_and_odd_files_stay_in_order():
    reader = RowReader(["cat"])
    for content in (b"0 1 2 3 4\n\n1 1 1 1 1", b"cat 5 6 7 8", b"", b"2 1 1 1 1\n", b"x\n3,1,1,1,1"):
        reader.add(content)
    rows = reader.rows()
    assert rows.image.tolist() == [0, 0, 1, 3, 4]
    assert rows.line.tolist() == [1, 3, 1, 1, 2]
    assert rows.class_id.tolist() == [0, 1, 0, 2, 3]
    assert rows.numbers(2).tolist() == [5, 6, 7, 8]
    assert [bad[:2] for bad in reader.bad] == [(4, 1)]
