"""A report as one HTML file: header, facts and sections in one look, light and dark; nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from yolo_tl import __version__
from yolo_tl.data.pictures.html import HEAD
from yolo_tl.files import write_text

TONES = ("good", "fair", "bad", "plain")


@dataclass(frozen=True)
class Page:
    """What a report says.

    Attributes:
        title: of the window; text.
        name: the heading; text.
        about: a line below it; text.
        tone: ``good``, ``fair``, ``bad`` or ``plain``: the colour of the verdict.
        verdict: the sentence to remember; text.
        facts: numbers and what they count; text.
        sections: markup, in order; see `yolo_tl.reporting.markup`.
        scripts: JavaScript files of this package that the sections need.
    """

    title: str
    name: str
    about: str
    tone: str
    verdict: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[str]
    scripts: Sequence[str] = ()

    def text(self) -> str:
        """The whole file; its own policy forbids to load anything."""
        parts = {
            "TITLE": escape(self.title),
            "STYLE": shipped("page.css"),
            "NAME": escape(self.name),
            "ABOUT": escape(self.about),
            "TONE": self.tone,
            "VERDICT": escape(self.verdict),
            "FACTS": "".join(f"<div><b>{escape(n)}</b><span>{escape(what)}</span></div>" for n, what in self.facts),
            "SECTIONS": "\n".join(section for section in self.sections if section),
            "VERSION": escape(__version__),
            "SCRIPTS": "".join(f"<script>\n{shipped(name)}</script>\n" for name in self.scripts),
        }
        text = re.sub("%([A-Z]+)%", lambda match: parts[match.group(1)], _PAGE)  # once: values may hold such names
        return text.encode("utf-8", "replace").decode()  # file names may hold what is no text

    def write(self, path: Path) -> Path:
        """Write the file and return its path.

        Raises:
            WriteError: it could not be written.
        """
        write_text(path, self.text())
        return path


@cache
def shipped(name: str) -> str:
    """The text of a file of this package."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_PAGE = (
    HEAD
    + """<header>
<h1>%NAME%</h1><p>%ABOUT%</p>
<p class="verdict %TONE%">%VERDICT%</p>
<div class="facts">%FACTS%</div>
</header>
<main>
%SECTIONS%
</main>
<footer>yolo-tl %VERSION%</footer>
%SCRIPTS%</body>
</html>
"""
)
