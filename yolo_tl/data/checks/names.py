"""Checks of the class names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import combinations

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.config_file import shown
from yolo_tl.data.checks.finding import EXAMPLES, Example, Finding, Severity
from yolo_tl.data.checks.snapshot import Snapshot

_PLACEHOLDER = re.compile(r"(class|label|object|category|item)?[ _-]?\d+", re.IGNORECASE)
_TWIN_LENGTH = 5  # shorter words differ by a letter without being the same


def _found(snapshot: Snapshot, message: str, details: list[str]) -> Finding:
    file = snapshot.config.file.name if snapshot.config else "names"
    return Finding(message, len(details), tuple(Example(file, None, detail) for detail in details[:EXAMPLES]))


def _alike(snapshot: Snapshot, key: Callable[[str], str]) -> list[str]:
    """Names that differ but have one key, told."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(snapshot.names):
        groups.setdefault(key(name), []).append(name)
    return [" / ".join(group) for group in groups.values() if len(group) > 1]


@check(
    "names.case_twins",
    severity=Severity.WARNING,
    hint="merge them: convert with --names 'Car=car,car=car'",
    ultralytics="trains them as two classes that compete for the same objects",
)
def case_twins(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two class names differ in case, or in spaces and hyphens, only."""
    found = _alike(
        snapshot, lambda name: re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name).casefold()).strip()
    )
    if found:
        yield _found(snapshot, f"class names that differ in case or spacing only: {listed(found)}", found)


@check(
    "names.whitespace",
    severity=Severity.WARNING,
    hint="correct the name in the data.yaml",
)
def whitespace(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class name is empty, or begins or ends with a space, or holds control characters."""
    found = [
        f"{i}: {name!r}"
        for i, name in enumerate(snapshot.names)
        if name != name.strip() or not name or "  " in name or any(unicodedata.category(c) == "Cc" for c in name)
    ]
    if found:
        yield _found(snapshot, f"{amount(len(found), 'class name')} with odd spaces: {listed(found)}", found)


@check(
    "names.near_twins",
    severity=Severity.INFO,
    hint="if one is a misspelling or a plural of the other, merge the two",
)
def near_twins(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two class names differ by one letter."""
    words = [name for name in dict.fromkeys(snapshot.names) if len(name) >= _TWIN_LENGTH]
    found = [f"{a} / {b}" for a, b in combinations(words[:2000], 2) if _one_letter_apart(a.casefold(), b.casefold())]
    if found:
        yield _found(snapshot, f"class names that differ by one letter: {listed(found)}", found)


@check(
    "names.numeric",
    severity=Severity.WARNING,
    hint="give the classes their names",
    ultralytics="the names are stored in the model and shown on every picture",
)
def numeric(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Class names are numbers or placeholders."""
    if snapshot.config and not snapshot.config.content.get("names"):
        return  # config.missing_names says it
    given = snapshot.config.content["names"] if snapshot.config else snapshot.names
    items = given.values() if isinstance(given, dict) else given
    # What is said and not filled in by us. Lists are no names, and aliases make their text grow without bound.
    said = {str(name) for name in items if not isinstance(name, (dict, list))}
    found = [f"{i}: {n}" for i, n in enumerate(snapshot.names) if n in said and _PLACEHOLDER.fullmatch(n.strip())]
    if found:
        yield _found(snapshot, f"{amount(len(found), 'class name')} that say nothing: {listed(found)}", found)


@check(
    "names.non_nfc",
    severity=Severity.WARNING,
    hint="write the name anew; it looks the same and compares equal again",
)
def non_nfc(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class name is not in Unicode's composed form (NFC)."""
    found = [f"{i}: {n}" for i, n in enumerate(snapshot.names) if unicodedata.normalize("NFC", n) != n]
    if found:
        yield _found(snapshot, f"{amount(len(found), 'class name')} in decomposed Unicode: {listed(found)}", found)


@check(
    "names.not_text",
    severity=Severity.WARNING,
    hint="put the name in quotes: YAML reads no, off and null as something else than words",
    ultralytics="calls the class False, True or None",
)
def not_text(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A class name is not text."""
    names = snapshot.config.content.get("names") if snapshot.config else None
    items = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else ())
    found = [f"{shown(i)}: {shown(name)}" for i, name in items if name is None or isinstance(name, (bool, dict, list))]
    if found:
        yield _found(snapshot, f"{amount(len(found), 'class name')} not a word: {listed(found)}", found)


def _one_letter_apart(a: str, b: str) -> bool:
    """One letter is changed, added or left out; a digit is no letter: numbered names are meant to differ."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if len(a) == len(b):
        return a[start + 1 :] == b[start + 1 :] and a[start].isalpha() and b[start].isalpha()
    short, long = sorted((a, b), key=len)
    return short[start:] == long[start + 1 :] and long[start].isalpha()
