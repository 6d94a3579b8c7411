from __future__ import annotations

import re
import shutil
from importlib import import_module
from itertools import combinations
from pathlib import Path

import pytest
from support.sources import SOURCES

from yolo_tl.data.detect import choose, detect
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError

NAMES = {
    module: str(getattr(import_module(f"support.sources.{module}"), "FORMAT_NAME", module.replace("_", "-")))
    for module in SOURCES
}
# Formats of which every folder of images, or none but a whole folder, is an example.
WHOLE = {"folders", "masks"}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an example of every format, each in a folder of its own."""
    root = tmp_path_factory.mktemp("examples")
    for module, write in SOURCES.items():
        (root / module).mkdir()
        write(root / module)
    return root


@pytest.mark.parametrize("module", SOURCES)
def test_exactly_one_format_fits(module: str, examples: Path) -> None:
    found = {name: why for name, format in FORMATS.items() if (why := format.sniff(Tree(examples / module)))}
    assert [*found] == [NAMES[module]], found
    assert re.search(r"\d", found[NAMES[module]]), "says nothing in numbers"


@pytest.mark.parametrize("module", SOURCES)
def test_no_format_breaks_on_files_cut_short(module: str, examples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(examples / module, folder)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
    for format in FORMATS.values():
        format.sniff(Tree(folder))


PAIRS = [
    pair
    for pair in combinations(sorted(SOURCES), 2)
    if NAMES[pair[0]] != NAMES[pair[1]] and not WHOLE & {NAMES[module] for module in pair}
]


@pytest.mark.parametrize(("first", "second"), PAIRS[:: max(1, len(PAIRS) // 40)])
def test_two_formats_in_one_folder_are_refused(first: str, second: str, examples: Path, tmp_path: Path) -> None:
    for module in (first, second):
        shutil.copytree(examples / module, tmp_path / module)
    with pytest.raises(FormatError) as caught:
        detect(Tree(tmp_path))
    for module in (first, second):
        assert f"\n  {NAMES[module]}: " in caught.value.message
        assert re.search(rf"\b{NAMES[module]}\b", caught.value.hint)


def put(folder: Path, name: str, text: str) -> Tree:
    (folder / name).write_text(text)
    return Tree(folder)


@pytest.mark.parametrize(
    ("name", "text", "nearest", "found"),
    [
        ("a.json", '{"segments_info": 3}', "coco-panoptic", "a.json: an object with the keys segments_info"),
        ("a.json", '{"images": 3, "b": []}', "coco", "a.json: an object with the keys b, images"),
        ("a.csv", "filename,class,xmin\n", "csv", "a.csv: the first row filename, class, xmin"),
        ("a.csv", "ImageID,LabelName,X\n", "openimages", "a.csv: the first row ImageID, LabelName, X"),
        ("a.xml", "<records><record/></records>", "voc", "a.xml: the root element records"),
        ("a.txt", "one\ntwo", "text", "a.txt: the first line one"),
    ],
)
def test_none_that_fits_names_the_nearest(name: str, text: str, nearest: str, found: str, tmp_path: Path) -> None:
    if nearest not in FORMATS:
        pytest.skip(f"{nearest} is not here")
    with pytest.raises(FormatError) as caught:
        detect(put(tmp_path, name, text))
    assert caught.value.hint.endswith(f"its files: {nearest}")
    assert found in caught.value.message
    assert all(format.looks_for in caught.value.message for format in FORMATS.values())


def test_nothing_that_could_be_annotations(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="found files: 1 .blend") as caught:
        detect(put(tmp_path, "scene.blend", "x"))
    assert caught.value.hint == "check that the annotations are in this folder"


def test_a_format_asked_for_that_finds_nothing_says_what_is_there(examples: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        choose(Tree(examples / "dota"), "kitti")
    assert "expected KITTI" in caught.value.message
    assert "P0001.txt: the first line imagesource:GoogleEarth" in caught.value.message
    assert caught.value.hint.startswith("it looks like dota: 3 text files")
    with pytest.raises(FormatError, match="found none; found files: 1 .txt") as caught:
        choose(put(tmp_path, "a.txt", "one"), "kitti")
    assert "nearest" in caught.value.hint
