"""Which classes of a data set the pretrained weights know already, whatever they are called there.

Ultralytics keeps the class rows of a pretrained head for names that are equal but for case. Here a class is also
known by another spelling (``hard_hats``: ``Hard Hat``), through a table of synonyms (``hard-hat``: ``helmet``), or
because the user says so. What is known starts with its rows instead of random ones, and can be scored before training.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from yolo_tl.config import option
from yolo_tl.errors import ConfigError, did_you_mean
from yolo_tl.presets import resolve

How = Literal["same name", "alias", "given"]

SHOWN = 8  # classes listed in a sentence
NO_SINGULAR = frozenset({"glasses", "safetyglasses", "sunglasses", "goods"})  # a pair of glasses is no glass


@dataclass(frozen=True)
class SynonymsConfig:
    """A table of synonyms, as in ``configs/classes/``."""

    groups: list[list[str]] = option((), "lists of names that mean one thing")


@dataclass(frozen=True)
class ClassMatch:
    """Which of our classes are known to the weights.

    Attributes:
        ours: class names of the data set.
        theirs: class names of the weights.
        known: index of ours → index of theirs. Two of ours share one of theirs only where the user says so.
        how: index of ours → how it was found.
        notes: what was left unknown although it looks known, and what to say if it is.
    """

    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    known: Mapping[int, int]
    how: Mapping[int, How]
    notes: tuple[str, ...]

    @property
    def unknown(self) -> tuple[int, ...]:
        """Indices of our classes that the weights do not know."""
        return tuple(index for index in range(len(self.ours)) if index not in self.known)

    @property
    def by_position(self) -> bool:
        """Whether Ultralytics copies all class rows by position: it knows no name, and the counts are equal."""
        return not self.known and len(self.ours) == len(self.theirs) > 0

    def describe(self) -> str:
        """One sentence for people: what is known, as what, and what is not."""
        total = len(self.ours)
        if self.by_position:
            return (
                f"the weights know none of the {total} classes by name; because they have as many, "
                "theirs is the start of ours by position"
            )
        if not self.known:
            return f"the weights know none of the {total} classes: their rows of the head start at random"
        text = f"the weights know {len(self.known)} of {total} classes: "
        text += _listed([self._pair(index) for index in sorted(self.known)])
        if self.unknown:
            text += f"; new: {_listed([self.ours[index] for index in self.unknown])}"
        if all(_says_nothing(self.ours[index]) for index in self.known):
            text += "; the names are bare numbers, so make sure that they mean the same"
        return text

    def _pair(self, index: int) -> str:
        ours, theirs, how = self.ours[index].strip(), self.theirs[self.known[index]].strip(), self.how[index]
        return ours if ours == theirs else f"{ours} = {theirs}" + (f" ({how})" if how != "same name" else "")


def match_classes(
    ours: Sequence[str],
    theirs: Sequence[str],
    aliases: Sequence[str] = (),
    *,
    groups: Sequence[Sequence[str]] | None = None,
    equal_only: bool = False,
) -> ClassMatch:
    """Find the classes of a data set among those of pretrained weights.

    The user's word comes first, then names that are equal but for case and outer spaces (Ultralytics' own rule),
    then those equal but for separators and a plural, then synonyms. A bare number says nothing and is nobody's
    name, unless the two lists are the same from end to end.

    Args:
        ours: class names of the data set.
        theirs: class names of the weights.
        aliases: ``OURS=THEIRS``, each side a class name; several of ours may share one of theirs.
        groups: lists of synonyms; by default the shipped table.
        equal_only: stop after the names that are equal, as Ultralytics does.

    Raises:
        ConfigError: an alias is not of that form, names a class that does not exist, or contradicts another.
    """
    ours, theirs = tuple(map(str, ours)), tuple(map(str, theirs))
    known = _given(aliases, ours, theirs)
    how: dict[int, How] = dict.fromkeys(known, "given")
    notes: dict[int, str] = {}
    if [_plain(name) for name in ours] == [_plain(name) for name in theirs]:
        for index in range(len(ours)):
            how.setdefault(index, "same name")
            known.setdefault(index, index)
        return ClassMatch(ours, theirs, known, how, ())

    def search(way: How, key: Callable[[str], Hashable], taken: set[int]) -> None:
        """Match what is not yet known by equal keys; `taken` are classes of theirs that are not free."""
        for index, name in enumerate(ours):
            if index in known or _says_nothing(name) or (wanted := key(name)) is None:
                continue
            fitting = [t for t, other in enumerate(theirs) if key(other) == wanted]
            free = [t for t in fitting if t not in taken]
            if len(free) == 1:
                known[index], how[index] = free[0], way
                taken.add(free[0])
                notes.pop(index, None)
            elif fitting:
                notes.setdefault(index, _note(name, [theirs[t] for t in free or fitting], free=bool(free)))

    search("same name", _plain, set())
    if not equal_only:
        table = _table(synonyms() if groups is None else groups)
        search("same name", normal_form, set(known.values()))
        search("alias", lambda name: table.get(normal_form(name)), set(known.values()))
    return ClassMatch(ours, theirs, known, how, tuple(notes[index] for index in sorted(notes)))


def names_for_load(match: ClassMatch) -> tuple[dict[int, str], dict[int, str]]:
    """Names under which Ultralytics' ``load`` copies exactly the rows of `match`: for our network, and for the weights.

    They mean nothing else: both networks get their own names back after the load. Ultralytics compares names,
    takes ``0``, ``1``, … for none at all and the last of two equal ones; so each class of the weights gets a name
    of its own, which our class takes over if it is known.
    """
    source = {index: f"theirs {index}" for index in range(len(match.theirs))}
    target = {
        index: source[match.known[index]] if index in match.known else f"ours {index}"
        for index in range(len(match.ours))
    }
    return target, source


def synonyms(table: str = "aliases") -> list[list[str]]:
    """The groups of a table of synonyms: ``configs/classes/<table>.yaml``, or a YAML file.

    Raises:
        ConfigError: the file does not hold lists of names.
        PresetNotFound: there is no such table.
    """
    return list(resolve(SynonymsConfig, kind="classes", preset=table).config.groups)


def normal_form(name: str) -> str:
    """A name without case, separators between its words, and a plain plural.

    >>> normal_form(" Hard_Hats ") == normal_form("hard-hat") == normal_form("hardhat")
    True
    >>> normal_form("A-") == normal_form("A"), normal_form("size 1-2") == normal_form("size 12")
    (False, False)
    """
    numbers_apart = re.sub(r"(?<=\d)[\s_-]+(?=\d)", "/", _plain(name))
    word = re.sub(r"(?<=[^\W_])[\s_-]+(?=[^\W_])", "", numbers_apart)
    if word in NO_SINGULAR or len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word.removesuffix("s")


def _plain(name: str) -> str:
    """As Ultralytics compares names."""
    return name.strip().lower()


def _says_nothing(name: str) -> bool:
    """Whether a name is a number, such as ``7`` or ``class_7``."""
    return re.fullmatch(r"(?:(?:class|cls|category|label|id)[\s_-]*)?\d+", _plain(name)) is not None


def _table(groups: Sequence[Sequence[str]]) -> dict[str, int]:
    """The normal form of every synonym → number of its group."""
    return {normal_form(name): number for number, group in enumerate(groups) for name in group}


def _given(aliases: Sequence[str], ours: tuple[str, ...], theirs: tuple[str, ...]) -> dict[int, int]:
    known: dict[int, int] = {}
    for alias in aliases:
        left, equals, right = alias.partition("=")
        if not equals:
            raise ConfigError(
                f"aliases: expected OURS=THEIRS, found {alias!r}", hint="for example --set 'aliases=[hard-hat=helmet]'"
            )
        index = _index(left, ours, alias, "the data set")
        target = _index(right, theirs, alias, "the weights")
        if known.setdefault(index, target) != target:
            raise ConfigError(
                f"aliases: {ours[index]!r} is said to be {theirs[known[index]]!r} and {theirs[target]!r}",
                hint="name each class of the data set once",
            )
    return known


def _index(text: str, names: tuple[str, ...], alias: str, whose: str) -> int:
    """Where a class name stands in a list; as it is written before as Ultralytics compares it."""
    for candidates, name in ((names, text.strip()), (tuple(_plain(n) for n in names), _plain(text))):
        if name in candidates:
            return candidates.index(name)
    raise ConfigError(
        f"aliases: {alias!r}: no class {text.strip()!r} in {whose}{did_you_mean(text.strip(), names)}",
        hint=f"its classes: {_listed(names, most=30)}" if names else "it has no classes: it is no checkpoint",
    )


def _note(name: str, others: Sequence[str], *, free: bool) -> str:
    if free:
        return f"{name!r} may be {' or '.join(map(repr, others))} of the weights: say which with an alias {name}=…"
    return (
        f"{name!r} is left new: {others[0]!r} of the weights is taken by another class; "
        f"an alias {name}={others[0]} lets both start from it"
    )


def _listed(names: Sequence[str], most: int = SHOWN) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
