"""A log of decisions as JSON lines: rotated, fsynced, and whole but for its last line however a process ends."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from yolo_tl.errors import ConfigError, WriteError
from yolo_tl.files import atomic_path, write_bytes
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.sinks.budget import FileBudget
from yolo_tl.inspection.sinks.lock import FolderLock
from yolo_tl.inspection.sinks.sink import SinkCounters, encode, encode_json

NAME = re.compile(r"decisions-(\d{8,})\.jsonl")
_KEPT = re.compile(r"decisions-(\d{8,})\.(?:jsonl|cut)")


class LogSink:
    """Writes each decision as a line of ``decisions-NUMBER.jsonl``; the first line of every file is the header.

    Each time it is opened a new file begins, which appears whole with its header, so nothing is ever added to what
    another process left. A last line that was cut off is moved to ``decisions-NUMBER.cut``.

    Args:
        folder: of the log; it is made. One process at a time may write there.
        size: bytes after which a new file begins.
        age: seconds after which a new file begins; None is never.
        budget: bytes that all files may take together, the oldest being removed; None keeps everything.
        sync: seconds after which what was written is on the disk at the latest; 0 waits for the disk at every line.
        required: an inspection stops where this fails.

    Raises:
        ConfigError: a value out of range.
    """

    name = "log"

    def __init__(
        self,
        folder: Path | str,
        *,
        size: int = 64 << 20,
        age: float | None = None,
        budget: int | None = 4 << 30,
        sync: float = 1.0,
        required: bool = True,
    ) -> None:
        if size < 1 or not (age is None or age > 0) or not 0 <= sync <= 3600:
            raise ConfigError(f"log: expected size >= 1, age > 0 and sync 0..3600, found {size}, {age} and {sync}")
        if budget is not None and budget < size:
            raise ConfigError(f"log: expected a budget of at least one file of {size} bytes, found {budget}")
        self.folder, self.required = Path(folder), required
        self.size, self.age, self.budget, self.sync = size, age, budget, sync
        self.counters = SinkCounters()
        self._folder_lock = FolderLock(self.folder / ".log.lock")
        self._lock = threading.Lock()  # around the file, which the thread that syncs also uses
        self._path = self.folder
        self._file: int | None = None
        self._written = 0
        self._dirty = False
        self._sync_error: OSError | None = None
        self._ending = threading.Event()
        self._syncer: threading.Thread | None = None

    @property
    def path(self) -> Path:
        """The file that is written now; before it is opened, the folder."""
        return self._path

    def open(self, header: Mapping[str, Any]) -> None:
        """Take the folder, put what a killed process left in order, and begin a file.

        Raises:
            WriteError: another process writes there, or nothing can be written.
        """
        self._header = encode_json(header) + b"\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._failure(error, self.folder) from error
        self._folder_lock.acquire()
        try:
            for left in self.folder.glob(".decisions-*.tmp"):
                left.unlink(missing_ok=True)
            if files := sorted(self.folder.glob("decisions-*.jsonl")):
                mend(files[-1])
            self._files = FileBudget(self.folder, _KEPT, self.budget)
            self._begin()
        except OSError as error:
            self._folder_lock.release()
            raise error if isinstance(error, WriteError) else self._failure(error, self.folder) from error
        self._ending.clear()
        self._dirty, self._sync_error = False, None
        if self.sync:
            self._syncer = threading.Thread(target=self._keep_syncing, name="log sync", daemon=True)
            self._syncer.start()

    def write(self, decision: Decision) -> None:
        """Append one line.

        Raises:
            WriteError: it could not be written (disk full, read-only); what was there before is whole.
        """
        line = encode(decision) + b"\n"
        try:
            with self._lock:
                if self._sync_error is not None:
                    raise self._sync_error
                if self._file is None or self._is_due(len(line)):
                    self._end()
                    self._begin()
                self._append(line)
                if not self.sync:
                    self._fsync()
        except OSError as error:
            failure = error if isinstance(error, WriteError) else self._failure(error, self._path)
            self.counters.fail(self.name, failure)
            raise failure from error
        self.counters.delivered += 1

    def close(self) -> None:
        """Bring everything to the disk, and let the folder go.

        Raises:
            WriteError: the last lines may not be on the disk.
        """
        self._ending.set()
        if self._syncer is not None:
            self._syncer.join()
        try:
            with self._lock:
                self._end()
        except OSError as error:
            raise self._failure(error, self._path) from error
        finally:
            self._folder_lock.release()

    def _is_due(self, more: int) -> bool:
        if self._written + more > self.size:
            return self._lines > 0  # a line larger than a file has a file of its own
        return self.age is not None and self._lines > 0 and time.monotonic() - self._begun > self.age

    def _begin(self) -> None:
        self._files.make_room(max(self.size, len(self._header)))
        self._path = self.folder / f"decisions-{self._files.next_number:08d}.jsonl"
        with atomic_path(self._path) as temporary, temporary.open("wb") as stream:
            stream.write(self._header)
            stream.flush()
            os.fsync(stream.fileno())
        _fsync_folder(self.folder)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self._written, self._lines, self._begun = len(self._header), 0, time.monotonic()
        self._files.set(self._path, self._written)

    def _append(self, line: bytes) -> None:
        assert self._file is not None
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            with suppress(OSError):  # half a line on a full disk: the next one must not be glued to it
                os.ftruncate(self._file, self._written)
            raise
        self._written += len(line)
        self._lines += 1
        self._dirty = True
        self._files.set(self._path, self._written)

    def _end(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if self._dirty:
                os.fsync(file)
            self._dirty = False
        finally:
            os.close(file)

    def _fsync(self) -> None:
        assert self._file is not None
        os.fsync(self._file)
        self._dirty = False

    def _keep_syncing(self) -> None:
        while not self._ending.wait(self.sync):
            with self._lock:
                if self._file is None or not self._dirty:
                    continue
                file, self._dirty = os.dup(self._file), False
            try:
                os.fsync(file)  # outside the lock: a slow card stalls no decision
            except OSError as error:
                self._sync_error = error
            finally:
                os.close(file)

    def _failure(self, error: OSError, path: Path) -> WriteError:
        return WriteError(
            f"{path}: could not be written: {error.strerror or error}",
            hint="free some space, or give the log another folder or a smaller budget",
        )


def mend(path: Path) -> Path | None:
    """Move what follows the last whole line of a log into a file beside it, named ``.cut``.

    A process that was killed leaves half a line; a power cut can also leave zeros.

    Returns:
        The file beside it; None where the log is whole.
    """
    content = path.read_bytes()
    end = len(content)
    while end:
        start = content.rfind(b"\n", 0, end - 1) + 1
        if content[end - 1 : end] == b"\n" and _is_json(content[start:end]):
            break
        end = start
    if end == len(content) and end:
        return None
    aside = path.with_suffix(".cut")
    if not end:
        os.replace(path, aside)
    else:
        write_bytes(aside, content[end:])
        os.truncate(path, end)
    return aside


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # where a folder cannot be opened
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
