from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.errors import DataError, DataNotFound, ParseError


def test_hidden_files_and_loops_are_left_out(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "a" / "x.jpg")
    picture(tmp_path / ".cache" / "y.jpg")
    (tmp_path / "a" / ".z.jpg").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert Tree(tmp_path).images == (tmp_path / "a" / "x.jpg",)


@pytest.mark.parametrize(
    "name", ["sub/x.jpg", "sub\\x.jpg", "C:\\data\\sub\\x.jpg", "https://host/sub/x.jpg?v=1", "X.JPG"]
)
def test_an_image_is_found_however_it_is_written(name: str, tmp_path: Path, picture: Callable[..., Path]) -> None:
    image = picture(tmp_path / "sub" / "x.jpg")
    assert Tree(tmp_path).find_image(name, near=tmp_path / "a.json") == image


def test_names_are_compared_composed(tmp_path: Path, picture: Callable[..., Path]) -> None:
    image = picture(tmp_path / "u\u0308ber.jpg")
    assert Tree(tmp_path).find_image("\u00fcber.jpg", near=tmp_path / "a.json") == image


def test_nothing_outside_the_source_is_found(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "secret.jpg")
    picture(tmp_path / "source" / "x.jpg")
    assert Tree(tmp_path / "source").find_image("../secret.jpg", near=tmp_path / "source" / "a.json") is None


def test_of_several_the_nearest_wins(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for folder in ("train2017", "val2017", "valid"):
        picture(tmp_path / folder / "x.jpg")
    tree = Tree(tmp_path)
    assert tree.find_image("x.jpg", near=tmp_path / "valid" / "a.json") == tmp_path / "valid" / "x.jpg"
    assert tree.find_image("train2017/x.jpg", near=tmp_path / "a.json") == tmp_path / "train2017" / "x.jpg"
    found = tree.find_image("x.jpg", near=tmp_path / "annotations" / "a.json", split="train")
    assert found == tmp_path / "train2017" / "x.jpg"
    with pytest.raises(DataError, match="fits several images equally well"):
        tree.find_image("x.jpg", near=tmp_path / "annotations" / "a.json", split="val")


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="nowhere: no such file"):
        Tree(tmp_path / "nowhere")
    with pytest.raises(DataNotFound, match="empty folder"):
        Tree(tmp_path)


def test_text_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\xff\n")
    with pytest.raises(ParseError, match=r"a\.txt:3: expected UTF-8"):
        read_lines(path)
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    assert read_lines(path) == ["one", "two"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    os.mkfifo(tmp_path / "b.json")
    (tmp_path / "c.json").symlink_to(tmp_path / "nowhere")
    assert [path.name for path in Tree(tmp_path).all_files] == ["a.json", "c.json"]
