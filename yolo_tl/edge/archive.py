"""A bundle as one ``.zip`` file, and the way back to a folder without trusting the file."""

from __future__ import annotations

import errno
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolo_tl.edge.manifest import FILE, SIGNATURE, Manifest, files_of
from yolo_tl.errors import BundleError, WriteError
from yolo_tl.files import atomic_path, staged_folder

SUFFIX = ".zip"
MAX_FILES = 10_000
MAX_GROWTH = 20  # times the size of the archive; weights shrink by a tenth, pictures not at all
_FREE = 64 << 20  # growth below this many bytes is never refused
_BLOCK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold


def is_archive(path: Path) -> bool:
    """By its name, and by being a file."""
    return path.suffix.lower() == SUFFIX and path.is_file()


def pack(folder: Path, target: Path, *, compress: bool = False) -> None:
    """Write a bundle folder as one file; the same bundle always makes the same bytes.

    Args:
        folder: the bundle, which is checked first.
        target: the ``.zip`` file; an existing one is replaced.
        compress: deflate; then the bytes also depend on the zlib of this machine, and little is saved.

    Raises:
        BundleError: the folder is no whole bundle.
        WriteError: the file could not be written.
    """
    Manifest.read(folder)
    signature = [SIGNATURE] if (folder / SIGNATURE).is_file() else []
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in [FILE, *signature, *files_of(folder)]:
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system = 3  # Unix, wherever it is written
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            member.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            with (folder / name).open("rb") as source, archive.open(member, "w") as stream:
                shutil.copyfileobj(source, stream, _BLOCK)


def unpack(archive: Path, folder: Path, *, overwrite: bool = False) -> None:
    """Make a bundle folder of a ``.zip`` file; nothing is left where it is not a whole bundle.

    Raises:
        BundleError: the archive is damaged, encrypted or hostile, or what it holds is no whole bundle.
        UsageError: `folder` is a file, or holds files and `overwrite` is false.
        WriteError: there is no room for its files.
    """
    with staged_folder(folder, overwrite=overwrite) as stage, _named(archive, stage):
        _extract(archive, stage)
        Manifest.read(stage)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of a bundle: `path` itself, or a temporary one with the files of a ``.zip``.

    Raises:
        BundleError: the archive is damaged, encrypted or hostile.
        WriteError: there is no room for its files.
    """
    if not is_archive(path):
        yield path
        return
    folder = _temporary(path)
    try:
        with _named(path, folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary(archive: Path) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="yolo-tl-"))
    except OSError as error:
        raise WriteError(f"no temporary folder can be made: {error.strerror}", hint="free some space") from error
    try:
        _extract(archive, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


@contextmanager
def _named(archive: Path, folder: Path) -> Iterator[None]:
    """Let errors speak of the archive, not of the folder that will be gone."""
    try:
        yield
    except BundleError as error:
        raise BundleError(error.message.replace(str(folder), str(archive)), hint=error.hint) from error


def _extract(archive: Path, folder: Path) -> None:
    try:
        limit = max(_FREE, MAX_GROWTH * archive.stat().st_size)
        with zipfile.ZipFile(archive) as content:
            members = [member for member in content.infolist() if not member.is_dir()]
            if len(members) > MAX_FILES:
                raise _hostile(archive, f"{len(members):,} files")
            left = limit
            for member in members:
                left -= _copy(content, member, folder / _target(archive, member), left)
                if left < 0:
                    raise _hostile(archive, f"more than {limit >> 20} MB when unpacked")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        hint = "it is encrypted: unpack it yourself" if "password" in str(error) else "copy or pack it again"
        raise BundleError(f"{archive}: cannot be unpacked: {error}", hint=hint) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise BundleError(f"{archive}: holds {Path(str(error.filename)).name} twice") from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # what zipfile says of a damaged file, or a place before its start
            raise BundleError(f"{archive}: is damaged: {error}", hint="copy or pack it again") from error
        raise WriteError(
            f"{archive}: could not be unpacked: {error.strerror or error}", hint="check its permissions and free space"
        ) from error
    except ValueError as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{archive}: is damaged: {error}", hint="copy or pack it again") from error


def _copy(content: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, limit: int) -> int:
    """Bytes written, as they come and not as the header says; it stops once they are more than `limit`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with content.open(member) as stream, target.open("xb") as out:
        while written <= limit and (block := stream.read(_BLOCK)):
            written += out.write(block)
    return written


def _target(archive: Path, member: zipfile.ZipInfo) -> str:
    name = member.filename
    parts = name.split("/")
    if {"", ".", ".."} & set(parts) or any(letter in name for letter in "\\:\x00"):
        raise _hostile(archive, f"{name!r}, a path that leaves it")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise _hostile(archive, f"{name!r}, a link or a device")
    return name


def _hostile(archive: Path, what: str) -> BundleError:
    return BundleError(f"{archive}: expected a bundle, found {what}", hint="do not trust this archive")
