"""A guide as a list of steps: its commands, its Python, the files it tells to write, and what it says is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).resolve().parents[2] / "docs"
KINDS = {"": "sh", "sh": "sh", "python": "python", "yaml": "yaml", "text": "text", "json": "json"}
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w*)(?P<title>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.M
)
_COMMAND = re.compile(r"(yolo-tl|python|pip|make|curl) ")
_FILE = re.compile(r"# ([\w./-]+\.ya?ml)\b")


@dataclass(frozen=True)
class Block:
    """A code block of a guide.

    Attributes:
        guide: name of the file.
        line: of the fence, counted from 1.
        kind: sh, python, yaml, text or json.
        title: what the fence says after the kind.
        text: the content, without the indentation of the fence.
        end: offset of its end in the guide.
        start: offset of its start.
    """

    guide: str
    line: int
    kind: str
    title: str
    text: str
    start: int
    end: int

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"docs/{self.guide}:{self.line}"

    @property
    def file(self) -> str:
        """The file that a block of YAML is to be written to: its first line says so in a comment."""
        named = _FILE.match(self.text)
        return named[1] if self.kind == "yaml" and named else ""

    def commands(self) -> list[str]:
        """The lines of the shell, without comments; a line that ends in a backslash goes on in the next."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in (line.partition(" #")[0].strip() for line in lines) if line and line[0] != "#"]


def guides() -> list[str]:
    """The names of all guides."""
    return sorted(path.name for path in DOCS.glob("*.md"))


def read(guide: str) -> str:
    """The text of a guide."""
    return (DOCS / guide).read_text("utf-8")


def blocks(guide: str) -> list[Block]:
    """Its code blocks, in their order.

    Raises:
        KeyError: a kind of block that nobody runs; say `text` for what is not to be run.
    """
    text = read(guide)
    return [
        Block(
            guide,
            text.count("\n", 0, found.start()) + 1,
            _kind(found["kind"], dedent(found["text"])),
            found["title"].strip(),
            dedent(found["text"]),
            found.start(),
            found.end(),
        )
        for found in _FENCE.finditer(text)
    ]


def _kind(said: str, text: str) -> str:
    """What a block is; one without a kind is commands if it begins with one, and else a drawing."""
    return KINDS[said] if said or _COMMAND.match(text) else "text"


def commands() -> Iterator[tuple[Block, str]]:
    """Every command of every guide, with its block."""
    for guide in guides():
        for block in blocks(guide):
            if block.kind == "sh":
                yield from ((block, line) for line in block.commands())


def shown_after(block: Block, following: Block | None) -> str:
    """What a guide says that a block of commands prints: the text that follows it within its section.

    Text with a title (``text title="BCCD"``) is of another run, which the title names, and is not compared.
    """
    if following is None or following.kind != "text" or following.title:
        return ""
    between = read(block.guide)[block.end : following.start]
    return "" if re.search(r"^#", between, re.M) else following.text
