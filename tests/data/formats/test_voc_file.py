from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sources import voc as example

from yolo_tl.data.formats.voc import file as voc_file
from yolo_tl.data.records import Annotation, Dropped
from yolo_tl.errors import ParseError

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("polygon", "parts", "reason"),
    [
        ("<x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3>", ((1, 2, 9, 2, 9, 8),), ""),
        ("<y1>2</y1><x1>1</x1><x3>9</x3><y3>8</y3><x2>9</x2><y2>2</y2>", ((1, 2, 9, 2, 9, 8),), ""),
        (
            "<pt><x>1</x><y>2</y></pt><pt><x>9</x><y>2</y></pt><pt><x>9</x><y>8</y></pt>",
            ((1, 2, 9, 2, 9, 8),),
            "",
        ),
        ("<x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3>", (), "malformed"),
        ("<x1>1</x1><y1>2</y1>", (), "malformed"),
        ("<x1>a</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3>", (), "malformed"),
        ("", (), "malformed"),
    ],
)
def test_polygons(polygon: str, parts: object, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    outline = f"<polygon>{polygon}</polygon>"
    path.write_text(f"<annotation>{example.element('cat', (1, 1, 9, 9), outline)}</annotation>")
    (found,) = voc_file.parse(path).objects
    assert isinstance(found, Annotation)
    assert (found.box, found.parts, found.repair) == ((1, 1, 9, 9), parts, "polygon_malformed" if reason else "")
    path.write_text(f"<annotation>{example.element('cat', None, outline)}</annotation>")
    (found,) = voc_file.parse(path).objects
    assert isinstance(found, Dropped) == bool(reason)
    assert (found.reason if isinstance(found, Dropped) else found.parts) == (reason or parts)


LEAF = st.sampled_from(["1", "0", "12.5", " 7", "-3", "1e3", "x", "", "a b", "é", "&amp;", "]]", "\r\n", "\t", "<i/>"])


@st.composite
def voc_texts(draw: st.DrawFn) -> str:
    """Files of the plain shape, and nearly so: what the fast path reads, and what it must not."""

    def leaf(tag: str, text: str) -> str:
        return f"<{tag}>{text}</{tag}>"

    def some(*tags: str) -> str:
        return "".join(leaf(tag, draw(LEAF)) for tag in tags if draw(st.booleans()))

    number = st.one_of(st.integers(0, 900).map(str), st.floats(0, 900).map(lambda v: f"{v:.2f}"), LEAF)
    space = draw(st.sampled_from(["", "\n\t", " ", "\r\n", "\xa0", "<!-- -->"]))
    objects = ""
    for _ in range(draw(st.integers(0, 3))):
        tags = draw(st.permutations(["xmin", "ymin", "xmax", "ymax"])) if draw(st.booleans()) else voc_file.CORNERS
        box = leaf("bndbox", space.join(leaf(tag, draw(number)) for tag in tags))
        name = leaf("name", draw(st.sampled_from(["cat", " big dog ", "é", "", " ", "a&lt;b", "a]b", "a>b"])))
        rest = [name, some("pose", "truncated", "occluded"), some("difficult"), some("part"), box]
        objects += leaf("object", space.join(rest)) + space
    head = [
        some("folder", "filename", "path"),
        leaf("source", some("database", "annotation", "image", "flickrid")) if draw(st.booleans()) else "",
        leaf("size", leaf("width", draw(number)) + leaf("height", draw(number)) + some("depth")),
        some("segmented"),
    ]
    root = draw(st.sampled_from(["annotation", "annotation", 'annotation verified="yes"', "annotations"]))
    declaration = draw(st.sampled_from(["", "", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8"?>\n']))
    end = draw(st.sampled_from(["", "\n", "x", "<a/>"]))
    return f"{declaration}<{root}>{space}{space.join(head)}{space}{objects}</{root.split()[0]}>{end}"


@given(text=voc_texts())
@settings(max_examples=300, deadline=None)
def test_the_fast_path_reads_what_the_xml_parser_reads(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fast path.xml"
    path.write_bytes(text.encode())
    fast = voc_file.parse_plain(path)
    if fast is not None:
        assert fast == voc_file.parse_any(path)


@pytest.mark.parametrize("size", ["<size><width>100</width><height>50</height><depth>3</depth></size>", ""])
def test_the_fast_path_is_taken(size: str, voc: Make) -> None:
    source = voc({"a": [("cat", (1, 1, 9, 9)), ("dog", ("1.5", 1, 9, 9))], "b": []}, size=size)
    for path in (source / "Annotations").iterdir():
        assert voc_file.parse_plain(path) == voc_file.parse_any(path)
        assert voc_file.parse_plain(path) is not None


@pytest.mark.parametrize(
    "text", [*"\x00\x0b\x0c\x1f\x7f\x85\xa0\u2028\ufffe\uffff\r\t<&", "]]>", "a\r\nb", "&#65;", "a>b"]
)
def test_the_fast_path_leaves_odd_characters_to_the_parser(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for tag in ("folder", "filename", "name", "pose"):
        content = example.HEAD.format(name="a", segmented=0) + example.element("cat", (1, 2, 3, 4), "<pose>up</pose>")
        content = content.replace(f"</{tag}>", f"x{text}y</{tag}>") + "</annotation>"
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        fast = voc_file.parse_plain(path)
        try:
            assert fast in (None, voc_file.parse_any(path))
        except ParseError:
            assert fast is None
