"""Archives of annotated images, opened as folders without trusting them."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from yolo_tl.errors import DataError, WriteError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

MAX_FILES = 5_000_000
MAX_GROWTH = 200  # times the size of the archive; annotations shrink 10 to 30 times, images hardly
_FREE = 1 << 30  # growth below this many bytes is never refused
_BLOCK = 1 << 20

_Member = tuple[str, bool, IO[bytes]]


def is_archive(path: Path) -> bool:
    """By its name: one of `SUFFIXES`."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


@contextmanager
def opened(source: Path, *, beside: Path) -> Iterator[Path]:
    """The folder to read: `source` itself, or a temporary one with the files of the archive.

    Args:
        source: a folder, a file, or an archive.
        beside: the output folder. The temporary one is made on its file system, so that images can be
            linked instead of copied again, and under its name, so that what a killed process leaves
            is cleared away (see `yolo_tl.files.staged_folder`).

    Raises:
        DataError: the archive is damaged or encrypted, holds a path that leaves it or a link, or
            grows beyond all measure.
        WriteError: there is no room for its files.
    """
    if not is_archive(source):
        yield source
        return
    parent = beside.resolve().parent
    while not parent.is_dir():
        parent = parent.parent
    try:
        unpacked = TemporaryDirectory(prefix=f".{beside.name}.{os.getpid()}.", suffix=".tmp", dir=parent)
    except OSError as error:
        reason = error.strerror
        raise WriteError(f"{parent}: could not be written: {reason}", hint="choose another output path") from error
    with unpacked as folder:
        _unpack(source, Path(folder))
        yield Path(folder)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        archive.open("rb").close()
    except OSError as error:
        raise DataError(f"{archive}: cannot be read: {error.strerror}", hint="check its permissions") from error
    limit = max(_FREE, MAX_GROWTH * archive.stat().st_size)
    left = limit
    count = 0
    try:
        for name, regular, stream in _members(archive):
            target = _target(archive, name, regular)
            if target is None:
                continue
            count += 1
            if count > MAX_FILES:
                raise DataError(f"{archive}: expected annotated images, found more than {MAX_FILES:,} files")
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as out:
                while block := stream.read(_BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise DataError(
                            f"{archive}: unpacks to more than {limit / 2**30:.1f} GB, {MAX_GROWTH} times its size",
                            hint="unpack it yourself if you trust it, and name the folder",
                        )
                    out.write(block)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        hint = "it is encrypted: unpack it yourself" if "password" in str(error) else "fetch or make it again"
        raise DataError(f"{archive}: cannot be unpacked: {error}", hint=hint) from error
    except FileExistsError as error:
        raise DataError(f"{archive}: holds {Path(str(error.filename)).name} twice") from error
    except (OSError, ValueError) as error:
        if _is_damage(error):
            raise DataError(f"{archive}: is damaged: {error}", hint="fetch or make it again") from error
        raise WriteError(f"{archive}: its files could not be written: {error}", hint="free some space") from error


def _members(archive: Path) -> Iterator[_Member]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as content:
            for info in content.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if not info.is_dir():
                    with content.open(info) as stream:
                        yield info.filename, kind in (0, stat.S_IFREG), stream
        return
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if not member.isdir():
                content_of = tar.extractfile(member) if member.isreg() else None
                yield member.name, member.isreg(), content_of or io.BytesIO()
        while tar.fileobj is not None and tar.fileobj.read(_BLOCK):
            pass  # to the end, where the checksum stands


def _target(archive: Path, name: str, regular: bool) -> PurePosixPath | None:
    """Where a member goes; None for what operating systems add."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\x00" in name:
        raise DataError(f"{archive}: holds {name!r}, a path that leaves it", hint="do not trust this archive")
    if not regular:
        raise DataError(f"{archive}: holds {name!r}, a link or a device", hint="unpack it yourself if you trust it")
    hidden = any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in path.parts)
    return None if hidden else path


def _is_damage(error: OSError | ValueError) -> bool:
    return isinstance(error, ValueError) or error.errno is None
