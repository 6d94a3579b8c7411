"""The README: its commands and its Python run as they stand, its figures are the measured ones, its pictures exist."""

from __future__ import annotations

import re
import shlex
import shutil
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner

import yolo_tl
from yolo_tl.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = ["--epochs", "1", "--imgsz", "64", "--batch", "8", "--threads", "1", "--device", "cpu"]
FORMATS = ("voc", "coco", "labelme")
IMAGES = 24


def block(kind: str) -> str:
    """The one code block of a kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return found


def commands() -> list[list[str]]:
    """The ten lines, as argument lists without ``yolo-tl``."""
    lines = block("sh").splitlines()
    assert all(line.startswith("yolo-tl ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


def run(arguments: list[str]) -> str:
    """Run a command in this process; what it printed."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, f"{arguments}\n{done.output}\n{done.exception!r}"
    return done.output


def drawn(folder: Path, format: str) -> Path:
    """A folder ``my-parts`` with annotated pictures.

    COCO has a file of annotations for each split. Of the others all files lie beside each other, without splits, as
    annotation tools leave them.
    """
    source = folder / "my-parts"
    yolo_tl.sample(source if format == "coco" else folder / "drawn", format=format, images=IMAGES, size=240)
    if format != "coco":
        source.mkdir()
        for path in (folder / "drawn").rglob("*"):
            if path.suffix in (".jpg", ".json", ".xml"):
                shutil.move(path, source / path.name)
    return source


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_exit_codes_are_those_of_the_errors():
    from yolo_tl import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.YoloTLError)]
    start = README.index("Exit codes: ")
    told = {int(code) for code in re.findall(r"(?:: |· )(\d+) ", README[start : README.index("\n\n", start)])}
    results = {10, 11, 12}  # of `inspect` and `replay`, which are no errors
    assert told == {0, *results, *(kind.exit_code for kind in kinds if kind is not errors.YoloTLError)}


def test_what_is_told_of_the_demo_is_so():
    from yolo_tl.api.demonstration.settings import DemoSettings

    assert f"draws {DemoSettings().images} pictures" in README
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    told = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"demo", "test", "test-all"} <= told <= set(targets)


def test_it_fits_a_first_page():
    assert len(README.splitlines()) <= 200


PICTURES = re.findall(r"^!\[[^\]]+\]\(([^)]+)\)$|(?:src|srcset)=\"([^\"]+)\"", README, re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_somewhere(link):
    assert link.startswith("https://github.com/ultralytics/") or (ROOT / link).is_file()


@pytest.mark.parametrize("picture", ["".join(either) for either in PICTURES])
def test_pictures_are_small_enough_and_of_a_size_to_read(picture):
    content = (ROOT / picture).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) <= 250_000
    width, height = struct.unpack(">II", content[16:24])
    assert 600 <= width <= 1300
    assert height <= 1300
    assert f'"{Path(picture).name}"' in (ROOT / "docs/screenshots/take.py").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """The rows of the table of what was measured: what, the figures, the links."""
    start = README.index("| | measured |")
    table = README[start : README.index("\n\n", start)].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


@pytest.mark.parametrize("what, measured, links", rows())
def test_the_figures_are_those_of_the_benchmarks(what, measured, links):
    table, script = re.findall(r"\]\((benchmarks/[^)]+)\)", links)
    text = (ROOT / table).read_text(encoding="utf-8")
    figures = re.findall(r"(?<![\w.,-])\d[\d.,]*\d%?|(?<![\w.,-])\d%?(?![\w.])", measured)
    assert figures
    for figure in figures:
        assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d%]|[.,]\d)", text), (
            f"{what}: {figure} is not in {table}"
        )
    assert (ROOT / script).is_file()
    assert Path(script).stem == Path(table).stem


def test_the_missed_targets_are_those_of_the_benchmarks():
    start = README.index("**Targets that were missed:**")
    told = README[start : README.index("\n- ", start)]
    text = "".join((ROOT / "benchmarks" / name).read_text() for name in ("edge.md", "serve.md", "finetune.md"))
    figures = re.findall(r"\d+\.\d+%?|\d{3}", told)
    assert len(figures) >= 8
    for figure in figures:
        assert figure in text, figure


def test_both_columns_take_the_same_steps():
    called = re.findall(r"yolo_tl\.(\w+)\(", block("python"))
    assert [words[0] for words in commands()] == called
    table = README[README.index("| line | what it leaves |") :]
    assert re.findall(r"^\| (\w+) \|", table, re.MULTILINE)[: 1 + len(called)] == ["line", *called]


@pytest.mark.parametrize("format", FORMATS)
def test_annotations_become_a_checked_data_set(format, tmp_path, monkeypatch):
    source = drawn(tmp_path, format)
    before = contents(source)
    monkeypatch.chdir(tmp_path)
    for arguments in commands()[:3]:
        run(arguments)
    images = [len(list((tmp_path / "datasets/parts/images" / split).iterdir())) for split in ("train", "val", "test")]
    assert sum(images) == IMAGES
    assert min(images) >= 3
    assert contents(source) == before


@pytest.fixture(scope="module")
def weights(tmp_path_factory, ultralytics) -> Path:
    """A folder with an untrained checkpoint under the name of a release."""
    folder = tmp_path_factory.mktemp("weights")
    ultralytics.YOLO("yolo26n.yaml", verbose=False).save(folder / "yolo26n.pt")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_from_annotations_to_an_inspection(format, tmp_path, weights, monkeypatch):
    drawn(tmp_path, format)
    (tmp_path / "weights").symlink_to(weights)
    monkeypatch.chdir(tmp_path)
    printed = {}
    for arguments in commands():
        if arguments[0] == "train":
            arguments = [*arguments[: arguments.index("--epochs")], *SHORT]
        printed[arguments[0]] = run(arguments)
    made = tmp_path / "runs" / "parts"
    count = len(list((tmp_path / "datasets/parts/images/test").iterdir()))
    assert f"in {count} images" in printed["predict"]
    assert f"{count} frames: PASS " in printed["inspect"]
    assert len((made / "log/decisions-00000001.jsonl").read_text().splitlines()) >= 1 + count


@pytest.mark.slow
def test_the_python_block(tmp_path, weights, monkeypatch):
    drawn(tmp_path, "voc")
    (tmp_path / "weights").symlink_to(weights)
    short = '{"epochs": 1, "imgsz": 64, "batch": 8, "threads": 1, "device": "cpu"}'
    code = block("python").replace('{"epochs": 50}', short)
    assert short in code
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["verdicts"]) == len(names["detections"]) >= 3
