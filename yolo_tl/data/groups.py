"""Which images belong together: frames of one video, tiles of one picture, copies of one original.

A group stays on one side of every split. Groups come from file names, folders or a table;
what several sources say is joined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from yolo_tl.data.documents import csv_rows
from yolo_tl.data.duplicates import clusters
from yolo_tl.data.hashes import Pairs
from yolo_tl.errors import ConfigError, DataNotFound

Groups = list[str | None]

_ROBOFLOW = re.compile(r"(.+)\.rf\.[0-9A-Za-z]{8,}")
_TILE = re.compile(r"(.+?)(?:__\d+)?_+(\d+)_+(\d+)")
_FRAME = re.compile(r"(.*?)(\d+)")
_FEWEST_FRAMES = 5
_GAP = 3  # times the usual step between frame numbers: the video has ended

WAYS = "regex:PATTERN, csv:FILE, folder, folder:N, roboflow, tiles, frames or auto"


def groups_of(names: Sequence[str], group_by: str) -> Groups:
    """The group of each image, or None for those that belong to none.

    Args:
        names: the path of each image below its data set, with forward slashes.
        group_by: ``regex:PATTERN`` (what the first group of the pattern matches, or all of it),
            ``csv:FILE`` (image, group), ``folder`` or ``folder:N`` (the folder N levels above the
            image), ``roboflow`` (copies that Roboflow made: ``name_jpg.rf.<hash>.jpg``), ``tiles``
            (``name_0_512.png``), ``frames`` (five or more numbers in a row: ``clip_000123.jpg``),
            or ``auto`` for the last three together.

    Raises:
        ConfigError: no such way, a pattern that is none, or nothing that fits it.
        DataNotFound: the CSV file does not exist.
        ParseError: the CSV file is malformed.
    """
    way, _, argument = group_by.partition(":")
    if way == "auto" and not argument:
        return joined(len(names), [by_name(names) for by_name in _BY_NAME.values()])
    if way in _BY_NAME and not argument:
        return _BY_NAME[way](names)
    if way == "folder":
        return _by_folder(names, argument)
    if way == "regex" and argument:
        return _by_regex(names, argument)
    if way == "csv" and argument:
        return _by_csv(names, Path(argument))
    raise ConfigError(f"group_by: expected {WAYS}, found {group_by!r}")


def joined(count: int, groupings: Iterable[Sequence[str | None]], pairs: Pairs | None = None) -> Groups:
    """Groups of `count` images that hold together what any of the groupings, or a pair, does.

    >>> joined(4, [["a", "a", None, None], [None, "b", "b", None]])
    ['group 0', 'group 0', 'group 0', None]
    """
    links = [] if pairs is None else pairs.tolist()
    for grouping in groupings:
        first: dict[str, int] = {}
        for i, group in enumerate(grouping):
            if group is not None:
                links.append((first.setdefault(group, i), i))
    roots = clusters(count, np.array(links, np.int64).reshape(-1, 2))
    sizes = np.bincount(roots, minlength=count)
    return [f"group {root}" if sizes[root] > 1 else None for root in roots.tolist()]


def _roboflow(names: Sequence[str]) -> Groups:
    found = (_ROBOFLOW.fullmatch(PurePosixPath(name).stem) for name in names)
    return [match.group(1) if match else None for match in found]


def _tiles(names: Sequence[str]) -> Groups:
    """Tiles whose offsets have a step of 16 px or more in common: dates and counters have none."""
    found = [_TILE.fullmatch(PurePosixPath(name).stem) for name in names]
    offsets: dict[str, set[int]] = {}
    for name, match in zip(names, found, strict=True):
        if match:
            offsets.setdefault(_beside(name, match.group(1)), set()).update(map(int, match.groups()[1:]))
    real = {stem for stem, steps in offsets.items() if len(steps) > 1 and np.gcd.reduce(list(steps)) >= 16}
    keys = [_beside(name, match.group(1)) if match else "" for name, match in zip(names, found, strict=True)]
    return [key if key in real else None for key in keys]


def _frames(names: Sequence[str]) -> Groups:
    """Runs of numbers after one prefix, cut where a gap is much larger than the usual step."""
    runs: dict[str, list[tuple[int, int]]] = {}
    for i, name in enumerate(names):
        match = _FRAME.fullmatch(PurePosixPath(name).stem)
        if match:
            runs.setdefault(_beside(name, match.group(1)), []).append((int(match.group(2)), i))
    groups: Groups = [None] * len(names)
    for prefix, frames in runs.items():
        frames.sort()
        numbers = np.array([float(number) for number, _ in frames])
        steps = np.diff(numbers)
        usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
        cuts = np.concatenate([[0], np.flatnonzero(steps > _GAP * usual) + 1, [len(frames)]])
        for start, stop in pairwise(cuts.tolist()):
            if stop - start >= _FEWEST_FRAMES:
                for _, i in frames[start:stop]:
                    groups[i] = f"{prefix}{frames[start][0]}"
    return groups


_BY_NAME: dict[str, Callable[[Sequence[str]], Groups]] = {"roboflow": _roboflow, "tiles": _tiles, "frames": _frames}


def _beside(name: str, stem: str) -> str:
    """A stem together with the folder it lies in."""
    return (PurePosixPath(name).parent / f"{stem}|").as_posix()


def _by_folder(names: Sequence[str], argument: str) -> Groups:
    if argument and not (argument.isdecimal() and 0 < int(argument) < 100):
        raise ConfigError(f"group_by: expected folder:N with N from 1 up, found 'folder:{argument}'")
    level = int(argument or 1)
    parents = [PurePosixPath(name).parents for name in names]
    groups = [p[level - 1].as_posix() if level < len(p) else None for p in parents]
    if not any(groups):
        raise ConfigError(f"group_by: no image lies in a folder of its split, first: {names[0] if names else 'none'}")
    return list(groups)


def _by_regex(names: Sequence[str], pattern: str) -> Groups:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"group_by: {pattern!r} is not a regular expression: {error}") from error
    found = (compiled.search(name) for name in names)
    groups = [match and match.group(1 if compiled.groups else 0) for match in found]
    if not any(groups):
        raise ConfigError(f"group_by: {pattern!r} matches no image, first: {names[0] if names else 'none'}")
    return [group or None for group in groups]


def _by_csv(names: Sequence[str], path: Path) -> Groups:
    if not path.is_file():
        raise DataNotFound(f"{path}: no such file", hint="csv:FILE is a table with the columns image and group")
    table = {
        row[0].strip().replace("\\", "/"): row[1].strip()
        for _, row in csv_rows(path)
        if len(row) > 1 and row[0].strip() and row[1].strip()
    }
    groups: Groups = []
    for name in names:
        inside = PurePosixPath(name)
        groups.append(next((table[key] for key in (name, inside.name, inside.stem) if key in table), None))
    if not any(groups):
        raise ConfigError(f"group_by: {path} names no image of the data set, first: {names[0] if names else 'none'}")
    return groups
