"""The documents as a forge shows them: every relative link leads to a file, every anchor to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md"), *ROOT.glob("*/README.md")]
)
FENCE = re.compile(r"^ *(`{3,}).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
slug = slugify(case="lower")


def headings(path: Path) -> set[str]:
    """The anchors that headings of a document get, as a forge and the site make them."""
    text = FENCE.sub("", path.read_text("utf-8"))
    found: set[str] = set()
    for title in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        anchor = name = slug(re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title), "-")
        again = 0
        while anchor in found:
            again += 1
            anchor = f"{name}-{again}"
        found.add(anchor)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text("utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.is_file(), f"{document}: {link}"
        assert target.is_relative_to(ROOT), f"{document}: {link}"
        assert not anchor or anchor in headings(target), f"{document}: {link}; its headings are {headings(target)}"
