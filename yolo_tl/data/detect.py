"""Which annotation format a source is in, and why."""

from __future__ import annotations

from dataclasses import dataclass

from yolo_tl.data.formats import FORMATS, Format
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError, UsageError


@dataclass(frozen=True)
class Match:
    """A format that fits.

    Attributes:
        format: the format.
        why: what was found that speaks for it.
    """

    format: Format
    why: str


def detect(tree: Tree) -> Match:
    """The one format that fits.

    Raises:
        FormatError: none fits, or several do. It is never guessed.
    """
    matches = [Match(format, why) for format in FORMATS.values() if (why := format.sniff(tree))]
    if len(matches) == 1:
        return matches[0]
    if matches:
        found = "".join(f"\n  {match.format.name}: {match.why}" for match in matches)
        names = " or ".join(match.format.name for match in matches)
        raise FormatError(f"{tree.source}: several annotation formats fit:{found}", hint=f"say --format {names}")
    suffixes = tree.suffixes()
    present = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in suffixes.most_common(6))
    looked = "".join(f"\n  {format.looks_for}" for format in FORMATS.values())
    nearest = max(FORMATS.values(), key=lambda format: sum(suffixes[suffix] for suffix in format.suffixes))
    near = any(suffixes[suffix] for suffix in nearest.suffixes)
    raise FormatError(
        f"{tree.source}: no annotation format fits; looked for:{looked}\nfound files: {present}",
        hint=f"nearest by its files: {nearest.name}" if near else "check that the annotations are in this folder",
    )


def choose(tree: Tree, name: str | None) -> Match:
    """The format called `name`, or the one that fits where `name` is None.

    Raises:
        UsageError: no format has that name.
        FormatError: see `detect`; or the format of that name finds nothing to read.
    """
    if name is None:
        return detect(tree)
    if name not in FORMATS:
        raise UsageError(f"no annotation format is called {name!r}", hint=f"known formats: {', '.join(FORMATS)}")
    why = FORMATS[name].sniff(tree)
    if why is None and name != "text":
        raise FormatError(f"{tree.source}: expected {FORMATS[name].looks_for}, found none", hint="check --format")
    return Match(FORMATS[name], why or "as asked for")
