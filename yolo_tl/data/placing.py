"""Putting the images of a data set in their places: names that do not collide, links where they are safe."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Literal

from yolo_tl.data.ledger import Ledger
from yolo_tl.data.records import ImageRecord
from yolo_tl.files import link_or_copy

Link = Literal["auto", "hardlink", "symlink", "copy"]


def places(records: Sequence[ImageRecord], ledger: Ledger, *, task: str = "detect") -> list[PurePosixPath]:
    """Where each image goes: ``images/<split>/<name>``, or ``<split>/<class>/<name>`` to classify.

    No two names in one folder share a stem, in any case or Unicode form: ``x.jpg`` and
    ``x.png`` would share one label file. Of several the first by path keeps its name; the
    others get a piece of the hash of their path. A name that is no Unicode (of an old archive, say)
    is read as Latin-1.
    """
    classes = _class_folders(records, ledger) if task == "classify" else {}
    folders = [_folder(record, classes) for record in records]
    names = [os.path.basename(record.path) for record in records]
    if not all(map(str.isascii, names)):
        _as_unicode(records, names, ledger)
    keys = [(folder, _folded(os.path.splitext(name)[0])) for folder, name in zip(folders, names, strict=True)]
    taken = set(keys)
    if len(taken) < len(keys):
        _rename(records, folders, names, keys, ledger)
    return [PurePosixPath(f"{folder}/{name}") for folder, name in zip(folders, names, strict=True)]


def _as_unicode(records: Sequence[ImageRecord], names: list[str], ledger: Ledger) -> None:
    """Change those `names` that no text file can hold."""
    for i, name in enumerate(names):
        try:
            name.encode()
        except UnicodeEncodeError:
            names[i] = os.fsencode(name).decode("latin-1")
            ledger.repair_image("renamed", records[i].path, f"{names[i]}: its name is no Unicode")


def _rename(
    records: Sequence[ImageRecord], folders: list[str], names: list[str], keys: list[tuple[str, str]], ledger: Ledger
) -> None:
    """Change those `names` that collide."""
    paths = [ledger.name(record.path) for record in records]
    taken: set[tuple[str, str]] = set()
    for i in sorted(range(len(records)), key=paths.__getitem__):
        (stem, suffix), length, key = os.path.splitext(names[i]), 8, keys[i]
        while key in taken:
            digest = hashlib.sha256(paths[i].encode("utf-8", "surrogateescape")).hexdigest()[:length]
            names[i], key, length = f"{stem}-{digest}{suffix}", (folders[i], _folded(f"{stem}-{digest}")), length + 1
        taken.add(key)
        if key != keys[i]:
            ledger.repair_image("renamed", records[i].path, f"{names[i]}: another image has the same name")


def place_images(
    folder: Path,
    records: Sequence[ImageRecord],
    targets: Sequence[PurePosixPath],
    *,
    link: Link = "auto",
    unfinished: Collection[Path] = (),
    temporary: bool = False,
) -> Counter[str]:
    """Put the image of each record at its target below `folder`.

    Links share their content with the user's file, so what a training tool would write anew is
    copied whatever `link` says.

    Args:
        folder: where the targets lie.
        records: whose images are placed.
        targets: one for each record.
        link: how; auto is the first of hardlink, symlink and copy that works.
        unfinished: images that a training tool would write anew.
        temporary: the images go away afterwards (those of an archive): auto never makes a symlink.

    Returns:
        How many were placed in which way.

    Raises:
        WriteError: an image could not be placed.
        OSError: a folder could not be made.
    """
    for parent in {target.parent for target in targets}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    ways: Counter[str] = Counter()
    base = os.fspath(folder)
    for record, target in zip(records, targets, strict=True):
        path = f"{base}/{target}"
        way = "copy" if unfinished and record.path in unfinished else link
        if way == "auto" and not os.path.islink(record.path):
            # The common case without pathlib, which would take three times as long as the link.
            with suppress(OSError):
                os.link(record.path, path)
                ways["hardlink"] += 1
                continue
            way = "copy" if temporary else way
        ways[link_or_copy(record.path, Path(path), way)] += 1
    return ways


def _folder(record: ImageRecord, classes: Mapping[str, str]) -> str:
    if not classes:
        return f"images/{record.split}"
    return f"{record.split}/{classes[record.annotations[0].name]}"


def _class_folders(records: Sequence[ImageRecord], ledger: Ledger) -> dict[str, str]:
    """The folder of each class; no two share one, though different names may make one name of a folder."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted({record.annotations[0].name for record in records}):
        folder = _file_name(name)
        if _folded(folder) in taken:
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
            folder = f"{folder}-{digest[:8]}"
            ledger.note(f"the folder of class {name!r} is called {folder}: another class has that name")
        taken.add(_folded(folder))
        folders[name] = folder
    return folders


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()


def _file_name(name: str) -> str:
    """A class name as the name of a folder, on any system."""
    clean = "".join(
        "_" if char in '<>:"/\\|?*' or ord(char) < 32 or "\ud800" <= char <= "\udfff" else char for char in name
    ).strip(" .")
    return clean or "_"
