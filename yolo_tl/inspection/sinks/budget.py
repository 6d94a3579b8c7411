"""Numbered files of a folder that together stay within a number of bytes."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from yolo_tl.errors import WriteError


class FileBudget:
    """Files whose names begin with a number that only grows, so that age does not depend on the clock.

    A device without a battery starts in 1970: what it wrote last may have the oldest date.

    Args:
        folder: where they lie.
        name: matches their names; its first group is the number.
        limit: bytes they may take together; None is no limit.

    Attributes:
        total: bytes they take.
        next_number: of the file to come.
    """

    def __init__(self, folder: Path, name: re.Pattern[str], limit: int | None) -> None:
        self.folder, self.limit, self._name = folder, limit, name
        found = {}
        for path in folder.iterdir():
            if (match := name.fullmatch(path.name)) is not None and path.is_file():
                found[path] = int(match[1])
        ordered = sorted(found, key=lambda path: (found[path], path.name))
        self._sizes: dict[Path, int] = {path: path.stat().st_size for path in ordered}
        self.total = sum(self._sizes.values())
        self.next_number = max(found.values(), default=0) + 1

    @property
    def files(self) -> list[Path]:
        """Oldest first."""
        return list(self._sizes)

    def make_room(self, size: int) -> bool:
        """Remove the oldest until `size` more bytes fit; False where they never will, and then nothing is removed.

        Raises:
            WriteError: a file cannot be removed.
        """
        if self.limit is None:
            return True
        if size > self.limit:
            return False
        while self.total + size > self.limit and self._sizes:
            oldest = next(iter(self._sizes))
            try:
                with suppress(FileNotFoundError):
                    oldest.unlink()
            except OSError as error:
                raise WriteError(
                    f"{oldest}: could not be removed to stay within the budget: {error.strerror}"
                ) from error
            self.total -= self._sizes.pop(oldest)
        return True

    def set(self, path: Path, size: int) -> None:
        """Say how large a file is now; a new one is the youngest."""
        self.total += size - self._sizes.get(path, 0)
        self._sizes[path] = size
        if (match := self._name.fullmatch(path.name)) is not None:
            self.next_number = max(self.next_number, int(match[1]) + 1)
