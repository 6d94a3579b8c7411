from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data.formats.text import Columns
from yolo_tl.errors import ConfigError, DataError, DataNotFound, ImageError, ParseError

Make = Callable[..., Any]


@pytest.fixture
def text(tmp_path: Path, picture: Make) -> Make:
    def make(rows: str, *, image: str = "a.jpg", labels: str = "a.txt") -> Path:
        picture(tmp_path / image)
        (tmp_path / labels).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / labels).write_text(rows, "utf-8")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("x1 y1 x2 y2 class", "10 20 30 40 cat"),
        ("xmin,ymin,xmax,ymax,label", "10, 20, 30, 40, cat"),
        ("class left top width height", "cat 10 20 20 20"),
        ("class cx cy w h", "cat 20 30 20 20"),
        ("class x1 y1 w h", "cat\t10\t20\t20\t20"),
        ("_ class x1 x2 y1 y2 _", "7;cat;10;30;20;40;0.9"),
        ("cx w y1 y2 class", "20 20 20 40 cat"),
    ],
)
def test_columns(columns: str, row: str, text: Make, ingest: Make, boxes: Make) -> None:
    cleaned, _ = ingest("text", text(f"# a comment\n{row}\n"), columns=columns)
    assert boxes(cleaned) == {"a.jpg": [("cat", (10, 20, 30, 40))]}


def test_shares_and_a_heading(text: Make, ingest: Make, boxes: Make) -> None:
    source = text("class,xmin,ymin,xmax,ymax\ncat,0.1,0.2,0.3,0.4\n")
    cleaned, ledger = ingest("text", source, columns="class x1 y1 x2 y2", normalized=True)
    assert boxes(cleaned)["a.jpg"][0][1] == pytest.approx((10, 10, 30, 20))
    assert ledger.annotations_in == 1


@pytest.mark.parametrize(
    "columns",
    [
        "x1 y1 x2 y2",
        "x1 y1 x2 y2 class class",
        "x1 y1 x2 w class",
        "x1 x2 w y1 class",
        "a b c d class",
        "cx y1 x2 y2 class",
    ],
)
def test_columns_that_make_no_box(columns: str) -> None:
    with pytest.raises(ConfigError, match="columns"):
        Columns.parse(columns)


def test_undescribed_columns_are_asked_for(text: Make, ingest: Make) -> None:
    with pytest.raises(ConfigError, match="columns are not described"):
        ingest("text", text("1 2 3 4 0"))


@pytest.mark.parametrize(
    ("tokens", "names", "options", "found"),
    [
        ("01", ["a", "b"], {}, ["a", "b"]),
        ("12", ["a", "b"], {}, ["a", "b"]),
        ("1", ["a", "b"], {"class_base": "0"}, ["b"]),
        ("1", ["a", "b", "c"], {"class_base": "1"}, ["a"]),
        ("12", {"1": "b", "2": "a"}, {}, ["b", "a"]),
        ("12", {"1": "a", "2": "a"}, {}, ["a", "a"]),
        ("12", None, {}, ["1", "2"]),
        ("xy", ["y", "x"], {}, ["x", "y"]),
    ],
)
def test_class_tokens(
    tokens: str, names: Any, options: dict[str, str], found: list[str], text: Make, ingest: Make, boxes: Make
) -> None:
    rows = "".join(f"{i} 1 {9 + i} 9 {token}\n" for i, token in enumerate(tokens))
    cleaned, _ = ingest("text", text(rows), columns="x1 y1 x2 y2 class", names=names, **options)
    assert [name for name, _ in boxes(cleaned)["a.jpg"]] == found


def test_numbers_that_do_not_tell_their_base(text: Make, ingest: Make) -> None:
    with pytest.raises(DataError, match="do not tell whether the first class is number 0 or 1"):
        ingest("text", text("1 1 9 9 1"), columns="x1 y1 x2 y2 class", names=["a", "b", "c"])


def test_a_number_beyond_the_names_is_an_unknown_class(text: Make, ingest: Make) -> None:
    source = text("1 1 9 9 0\n1 1 9 9 5\n")
    with pytest.raises(DataError, match=r"a\.txt \(line 2\): '5' is not among the names"):
        ingest("text", source, columns="x1 y1 x2 y2 class", names=["a", "b"])
    _, ledger = ingest("text", source, columns="x1 y1 x2 y2 class", names=["a", "b"], unknown_class="drop")
    assert ledger.dropped.counts == {"unknown_class": 1}


def test_bad_rows_go_alone(text: Make, ingest: Make) -> None:
    source = text("1 1 9 9 a\n1 1 9 9\n1 1 9 9 a b\nx 1 9 9 a\n1,1,9,9,\n")
    cleaned, ledger = ingest("text", source, columns="x1 y1 x2 y2 class")
    assert ledger.dropped.counts == {"malformed": 3, "no_class": 1}
    assert ledger.annotations_in == 5
    assert len(cleaned.records[0].annotations) == 1


def test_lists_give_pairs_and_splits(tmp_path: Path, picture: Make, text: Make, ingest: Make) -> None:
    for stem in ("a", "b c"):
        text("1 1 9 9 x\n", image=f"im/{stem}_test.jpg", labels=f"an/{stem}.txt")
    (tmp_path / "trainval.txt").write_text("im/a.jpg an/a.txt\n\n")
    (tmp_path / "test.txt").write_text("im/b c.jpg an/b c.txt\n")
    pattern = {"image_pattern": "{dir}/{stem}_test{ext}"}
    cleaned, _ = ingest("text", tmp_path, columns="x1 y1 x2 y2 class", **pattern)
    assert {r.path.name: r.split for r in cleaned.records} == {"b c_test.jpg": "test", "a_test.jpg": "train"}
    only, _ = ingest("text", tmp_path, columns="x1 y1 x2 y2 class", pairs=["test.txt"], **pattern)
    assert [r.path.name for r in only.records] == ["b c_test.jpg"]
    with pytest.raises(ImageError, match="images are missing"):
        ingest("text", tmp_path, columns="x1 y1 x2 y2 class")
    with pytest.raises(DataNotFound, match="none.txt: no such list"):
        ingest("text", tmp_path, columns="x1 y1 x2 y2 class", pairs=["none.txt"])
    (tmp_path / "test.txt").write_text("im/b c.jpg an/b c.txt\nim/a.jpg an/gone.txt\n")
    with pytest.raises(ParseError, match=r"test\.txt:2: expected IMAGE ANNOTATION"):
        ingest("text", tmp_path, columns="x1 y1 x2 y2 class", **pattern)


def test_a_pattern_pairs_without_lists(text: Make, ingest: Make) -> None:
    source = text("1 1 9 9 x\n", image="train/im/a.jpg", labels="gt/gt_a.txt")
    cleaned, _ = ingest("text", source, columns="x1 y1 x2 y2 class", label_pattern="gt/gt_{stem}.txt")
    assert [(r.path.name, r.split, len(r.annotations)) for r in cleaned.records] == [("a.jpg", "train", 1)]
    with pytest.raises(DataNotFound, match="expected text files that belong to images"):
        ingest("text", source, columns="x1 y1 x2 y2 class")
    with pytest.raises(ConfigError, match=r"label_pattern: .* cannot be filled in"):
        ingest("text", source, columns="x1 y1 x2 y2 class", label_pattern="{folder}.txt")


@pytest.mark.parametrize("text_file", ["../outside/a.txt", "{root}/../outside/a.txt"])
def test_no_list_leads_out_of_the_source(text_file: str, tmp_path: Path, picture: Make, ingest: Make) -> None:
    picture(tmp_path / "outside" / "a.jpg")
    (tmp_path / "outside" / "a.txt").write_text("1 1 9 9 x\n")
    source = tmp_path / "source"
    picture(source / "a.jpg")
    (source / "a.txt").write_text("1 1 9 9 x\n")
    (source / "train.txt").write_text("../outside/a.jpg a.txt\n/far/a.jpg a.txt\n")
    cleaned, _ = ingest("text", source, columns="x1 y1 x2 y2 class")
    assert {record.path for record in cleaned.records} == {source / "a.jpg"}
    (source / "val.txt").write_text(f"a.jpg {text_file.format(root=source)}\n")
    with pytest.raises(ParseError, match=r"val\.txt:1: expected IMAGE ANNOTATION with a text file that exists"):
        ingest("text", source, columns="x1 y1 x2 y2 class", pairs=["val.txt"])


@pytest.mark.parametrize("line", ["a " * 100_000, "a" * 100_000, "a.jpg a\0.txt", f"a.jpg {'x' * 5000}.txt"])
def test_absurd_lines_of_a_list(line: str, text: Make, ingest: Make) -> None:
    source = text("1 1 9 9 x\n")
    (source / "list.txt").write_text(line)
    with pytest.raises(ParseError, match=r"list\.txt:1: expected IMAGE ANNOTATION"):
        ingest("text", source, columns="x1 y1 x2 y2 class", pairs=["list.txt"])
