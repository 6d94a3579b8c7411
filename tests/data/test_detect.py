from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data.detect import choose, detect
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError, UsageError

Make = Callable[..., Any]


def test_the_one_that_fits_says_why(voc: Make) -> None:
    match = detect(Tree(voc({"a": []})))
    assert (match.format.name, match.why) == ("voc", "1 XML files with <annotation>, 1 images matched")


def test_two_that_fit_are_both_listed(voc: Make) -> None:
    source = voc({"a": []})
    (source / "data.yaml").write_text("train: JPEGImages\nnames: [a]\n")
    with pytest.raises(FormatError) as caught:
        detect(Tree(source))
    assert "voc: 1 XML files" in caught.value.message
    assert "yolo: data.yaml" in caught.value.message
    assert caught.value.hint == "say --format voc or yolo"
    assert choose(Tree(source), "voc").format.name == "voc"
    assert choose(Tree(source / "data.yaml"), None).format.name == "yolo"


@pytest.mark.parametrize(("name", "nearest"), [("a.json", "coco"), ("a.txt", "text"), ("a.xml", "voc")])
def test_none_that_fits_names_the_nearest(name: str, nearest: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(FormatError) as caught:
        detect(Tree(tmp_path))
    assert "COCO: .json files" in caught.value.message
    assert f"found files: 1 {Path(name).suffix}" in caught.value.message
    assert caught.value.hint.endswith(nearest)


def test_a_format_asked_for_must_exist_and_fit(voc: Make) -> None:
    tree = Tree(voc({"a": []}))
    with pytest.raises(UsageError, match="no annotation format is called 'vco'"):
        choose(tree, "vco")
    with pytest.raises(FormatError, match="expected COCO"):
        choose(tree, "coco")
