"""A folder into which another program writes images."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from yolo_tl.edge.image import read_image
from yolo_tl.edge.stream import IMAGES
from yolo_tl.errors import ImageError, UsageError
from yolo_tl.streams.source import Picture, Policy

Version = tuple[int, int, int]
"""Inode, time of the last change in ns and size of a file: another file of that name has another one."""


@dataclass(frozen=True)
class _Found:
    version: Version
    since: float


class WatchSource:
    """Images that appear in a folder, each once, oldest first.

    A file counts when its name ends like an image's and neither its size nor its time has changed for `settle`
    seconds: what is still being written waits. One that is replaced counts again. Files that were there before are
    passed over, unless read ones are moved away: then what is left was not read yet.

    Args:
        folder: what is watched, without its subfolders; it need not exist yet.
        settle: s for which a file must stay as it is. 0 for writers that rename a whole file into the folder.
        poll: s between two looks.
        move_to: where files go once they are read; None leaves them where they are.

    Raises:
        UsageError: files would be moved into the folder that is watched.
    """

    live = True
    rests = True
    policy: Policy = "block"

    def __init__(
        self, folder: Path | str, *, settle: float = 0.5, poll: float = 0.1, move_to: Path | str | None = None
    ) -> None:
        self.folder = Path(folder)
        self.name = str(folder)
        self.settle = settle
        self.poll = poll
        self.move_to = None if move_to is None else Path(move_to)
        if self.move_to is not None and self.move_to.resolve() == self.folder.resolve():
            raise UsageError(f"{folder}: expected another folder to move files to")
        self._read: dict[str, Version] | None = None

    def open(self) -> WatchFeed:
        """Look into the folder.

        Raises:
            OSError: it is not there.
        """
        present = versions(self.folder)
        if self._read is None:
            self._read = {} if self.move_to is not None else present
        return WatchFeed(self, self._read)


class WatchFeed:
    """Looks again and again for files that are new and whole."""

    def __init__(self, source: WatchSource, read: dict[str, Version]) -> None:
        self._source = source
        self._read = read
        self._changing: dict[str, _Found] = {}
        self._ready: list[tuple[str, Version]] = []
        self._handed: tuple[str, Version] | None = None

    def read(self, timeout: float) -> Picture | None:
        """The next picture.

        Raises:
            TimeoutError: no file has settled within `timeout` s.
            OSError: the folder is gone.
        """
        self._settle_last()
        end = time.monotonic() + timeout
        while True:
            while self._ready:
                name, version = self._ready.pop(0)
                picture = self._picture(name, version)
                if picture is not None:
                    return picture
            began = time.monotonic()
            self._look()
            if not self._ready:
                now = time.monotonic()
                if now >= end:
                    raise TimeoutError
                # A folder of very many files takes long to look through, which must not become all that is done.
                time.sleep(max(self._source.poll, min(9 * (now - began), 1.0)))

    def close(self) -> None:
        """Nothing to let go."""

    def _settle_last(self) -> None:
        # Only now is it sure that the picture was taken over: whoever hangs or stops before reads it again.
        if self._handed is None:
            return
        (name, version), self._handed = self._handed, None
        self._read[name] = version
        if self._source.move_to is not None:
            _move(self._source.folder / name, self._source.move_to)

    def _look(self) -> None:
        present = versions(self._source.folder)
        for name in self._read.keys() - present.keys():
            del self._read[name]
        now = time.monotonic()
        new = {name: version for name, version in present.items() if self._read.get(name) != version}
        self._changing = {
            name: old if (old := self._changing.get(name)) and old.version == version else _Found(version, now)
            for name, version in new.items()
        }
        whole = [name for name, found in self._changing.items() if now - found.since >= self._source.settle]
        self._ready = [(name, new[name]) for name in sorted(whole, key=lambda name: (new[name][1], name))]

    def _picture(self, name: str, version: Version) -> Picture | None:
        """The file, or None if it went or changed while it was read; then it is found again."""
        path, image, problem = self._source.folder / name, None, ""
        try:
            image = read_image(path)
        except ImageError as error:
            problem = str(error)
        try:
            if _version(os.stat(path)) != version:
                return None
        except FileNotFoundError:
            return None
        self._handed = (name, version)
        return Picture(image, str(path), version[1] / 1e9, problem=problem)


def versions(folder: Path) -> dict[str, Version]:
    """The image files of a folder, hidden ones passed over."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or os.path.splitext(entry.name)[1].lower() not in IMAGES:
                continue
            try:
                if entry.is_file():
                    found[entry.name] = _version(entry.stat())
            except FileNotFoundError:  # it went meanwhile
                continue
    return found


def _version(status: os.stat_result) -> Version:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _move(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / file.name, 0
    while target.exists():
        number += 1
        target = folder / f"{file.stem}-{number}{file.suffix}"
    try:
        shutil.move(file, target)
    except FileNotFoundError:  # somebody else has taken it away
        return
