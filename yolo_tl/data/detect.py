"""Which annotation format a source is in, and why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from yolo_tl.data.documents import is_cut_short, load_json, read_bytes
from yolo_tl.data.formats import FORMATS, Format
from yolo_tl.data.reading.label_files import head_lines
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError, UsageError, did_you_mean

_LOOKED_INTO = 20  # files of each kind
_SHOWN = 3  # of those, in an error
# Of these files, a format reads those that look like its own; of others all, and names those it cannot read.
_CHOSEN_BY_CONTENT = frozenset([".json", ".jsonl", ".ndjson", ".manifest", ".csv", ".tsv", ".yaml", ".yml"])
_COMMON = ("coco", "voc", "yolo", "text")  # of formats that are equally near


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
        ParseError: none fits, and a file cannot be read or is cut short.
    """
    matches = _matches(tree)
    if len(matches) == 1:
        return matches[0]
    if matches:
        found = "".join(f"\n  {match.format.name}: {match.why}" for match in matches)
        names = " or ".join(match.format.name for match in matches)
        raise FormatError(f"{tree.source}: several annotation formats fit:{found}", hint=f"say --format {names}")
    _require_whole(tree, *(suffix for format in FORMATS.values() for suffix in format.suffixes))
    looked = "".join(f"\n  {format.looks_for}" for format in FORMATS.values())
    raise FormatError(
        f"{tree.source}: no annotation format fits; looked for:{looked}\n{_found(tree)}", hint=_nearest(tree)
    )


def choose(tree: Tree, name: str | None) -> Match:
    """The format called `name`, or the one that fits where `name` is None.

    Raises:
        UsageError: no format has that name.
        FormatError: see `detect`; or the format of that name finds nothing to read.
        ParseError: a file of a kind that the format reads cannot be read, or is cut short.
    """
    match = _chosen(tree, name)
    _require_whole(tree, *_CHOSEN_BY_CONTENT.intersection(match.format.suffixes))
    return match


def _chosen(tree: Tree, name: str | None) -> Match:
    if name is None:
        return detect(tree)
    if name not in FORMATS:
        close = did_you_mean(name, list(FORMATS))
        raise UsageError(f"no annotation format is called {name!r}{close}", hint=f"known formats: {', '.join(FORMATS)}")
    why = FORMATS[name].sniff(tree)
    if why is None and name != "text":
        others = "".join(f"it looks like {match.format.name}: {match.why}\n" for match in _matches(tree))
        raise FormatError(
            f"{tree.source}: expected {FORMATS[name].looks_for}, found none; {_found(tree)}",
            hint=f"{others}check --format" if others else _nearest(tree),
        )
    return Match(FORMATS[name], why or "as asked for")


def _require_whole(tree: Tree, *suffixes: str) -> None:
    """A file that does not show what it is would be passed over, and what it holds lost without a word."""
    for path in tree.files(*dict.fromkeys(suffixes)):
        if not os.access(path, os.R_OK):
            read_bytes(path)  # which says why
        elif path.suffix.lower() == ".json" and is_cut_short(path):
            load_json(path)


def _matches(tree: Tree) -> list[Match]:
    return [Match(format, why) for format in FORMATS.values() if (why := format.sniff(tree))]


@dataclass(frozen=True)
class _Evidence:
    """What a file that no format knows holds: words that stand for its structure."""

    file: str
    kind: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.words[:8]) + (", ..." if len(self.words) > 8 else "")
        return f"{self.file}: {self.kind} {shown}"


def _evidence(tree: Tree) -> Iterator[_Evidence]:
    for path in tree.files(".json")[:_LOOKED_INTO]:
        kind, keys = tree.json_outline(path)
        words = {"object": "an object with the keys", "array": "a list of objects with the keys"}
        if keys:
            yield _Evidence(tree.relative(path), words[kind], tuple(sorted(keys)))
    for path in tree.files(".xml")[:_LOOKED_INTO]:
        if root := tree.xml_root(path):
            yield _Evidence(tree.relative(path), "the root element", (root,))
    for path in tree.files(".csv", ".tsv")[:_LOOKED_INTO]:
        if header := tree.csv_header(path):
            yield _Evidence(tree.relative(path), "the first row", tuple(cell[:40] for cell in header))
    for path in tree.files(".txt", ".jsonl", ".manifest", ".ndjson")[:_LOOKED_INTO]:
        if lines := head_lines(path):
            yield _Evidence(tree.relative(path), "the first line", (lines[0][:80],))


def _found(tree: Tree) -> str:
    """The files by suffix, and what the first of them hold."""
    present = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in tree.suffixes().most_common(6))
    kinds = {evidence.kind: evidence for evidence in reversed([*_evidence(tree)])}
    return f"found files: {present}" + "".join(f"\n  {evidence}" for evidence in [*kinds.values()][::-1][:_SHOWN])


def _nearest(tree: Tree) -> str:
    """The format that speaks of most of the words found, of those that of most of the files; as a hint."""
    suffixes = tree.suffixes()
    words = {word.lower() for evidence in _evidence(tree) for word in evidence.words}

    def shared(format: Format) -> list[str]:
        return sorted(words & set(re.findall(r"[a-z]\w+", format.looks_for.lower())))

    def nearness(format: Format) -> tuple[int, int, bool]:
        files = sum(suffixes[suffix] for suffix in format.suffixes)
        return len(shared(format)) if files else 0, files, format.name in _COMMON

    nearest = max(FORMATS.values(), key=nearness)
    reasons, files, _ = nearness(nearest)
    if not files:
        return "check that the annotations are in this folder"
    by = f"by {', '.join(shared(nearest))} in" if reasons else "by"
    return f"nearest {by} its files: {nearest.name}"
