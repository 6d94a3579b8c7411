"""A folder that one process at a time writes into."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from yolo_tl.errors import WriteError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderLock:
    """An advisory lock on a file, which the system frees when its holder ends, however it ends.

    Args:
        path: the lock file; it is made, holds the number of the process, and stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            WriteError: another process has it, or the file cannot be made.
        """
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise WriteError(f"{self.path}: could not be written: {error.strerror}", hint="check the folder") from error
        try:
            _lock(file)
        except OSError as error:
            holder = os.read(file, 20).decode("ascii", "replace").strip()
            os.close(file)
            raise WriteError(
                f"{self.path.parent}: expected to be its only writer, found process {holder or 'unknown'} at it",
                hint="stop that process, or give each inspection a folder of its own",
            ) from error
        self._file = file
        with suppress(OSError):  # of a full disk: the lock holds all the same
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let it go; nothing happens if it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, 1 << 30, os.SEEK_SET)  # what is locked there cannot be read
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
