"""Pages, read: their tags and words, and that nothing in them is left open."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path


class Reader(HTMLParser):
    """Collects tags and text, and fails on tags that are not closed in order."""

    VOID = frozenset(("meta", "input", "img", "br"))
    UNSEEN = frozenset(("style", "script"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.UNSEEN & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str) -> int:
        """How many elements of a kind there are."""
        return [name for name, _ in self.tags].count(tag)


def read(page: Path | str) -> Reader:
    """A page, from its file or its text."""
    reader = Reader()
    reader.feed(page.read_text("utf-8") if isinstance(page, Path) else page)
    reader.close()
    assert reader.open == []
    return reader


def assert_nothing_is_fetched(page: Path | str) -> None:
    """By its own policy, and because it names nothing that could be."""
    text = page.read_text("utf-8") if isinstance(page, Path) else page
    reader = read(text)
    assert any("default-src 'none'" in (attributes.get("content") or "") for _, attributes in reader.tags)
    for tag, attributes in reader.tags:
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    assert not re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", text)
