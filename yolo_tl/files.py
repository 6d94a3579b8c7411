"""Writing that leaves either the old output or the new one, never half of it, and says which form it has."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yolo_tl.errors import DataError, UsageError, WriteError, YoloTLError

PathLike = str | os.PathLike[str]

SCHEMAS: Mapping[str, int] = MappingProxyType(
    {
        "comparison.json": 1,
        "cross_validation.json": 1,
        "data.json": 1,
        "demo.json": 1,
        "environment.json": 1,
        "fixes.json": 1,
        "learning_curve.json": 1,
        "ledger.json": 1,
        "metrics.json": 1,
        "qualification.json": 1,
        "request.json": 1,
        "run.yaml": 1,
        "split.json": 1,
        "verdict.json": 1,
        "verify.json": 1,
    }
)
"""Name of a file → version of its form; it rises when a reader of the one before would read it wrongly."""


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it becomes `path` if the block succeeds.

    Raises:
        WriteError: the file could not be written (disk full, read-only, no such folder).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, YoloTLError):
            raise
        raise _write_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a whole file at once."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write a whole UTF-8 text file at once, with Unix line ends."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file that is no Unicode; escaped it can be written, and read back
        text = json.dumps(value, indent=2)
    write_text(path, text + "\n")


def stamped(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file with the version of its form first.

    Args:
        name: one of `SCHEMAS`.
        content: plain values.
    """
    return {"schema": SCHEMAS[name], **content}


def require_schema(
    name: str, content: Mapping[str, Any], path: Path | str, error: type[YoloTLError] = DataError
) -> None:
    """Refuse a file of a newer form than is known here; one that states no version is of the first.

    Args:
        name: one of `SCHEMAS`.
        content: what was read.
        path: where from, for people.
        error: what is raised.

    Raises:
        YoloTLError: `error`: the version is newer, or none.
    """
    version, newest = content.get("schema", 1), SCHEMAS[name]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise error(f"{path}: schema: expected a version from 1 to {newest}, found {version!r}")
    if version > newest:
        raise error(
            f"{path}: schema {version} is newer than this yolo-tl reads (up to {newest})",
            hint="install the yolo-tl that wrote it, or a later one",
        )


@contextmanager
def staged_folder(target: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `target`; it becomes `target` if the block succeeds.

    Args:
        target: the folder to make; an empty one may already be there.
        overwrite: replace a folder that holds files. The old one is moved aside first
            and removed only once the new one is in place.

    Raises:
        UsageError: `target` is a file, or holds files and `overwrite` is false.
        WriteError: the folder could not be written.
    """
    target = Path(target)
    recover(target)
    require_free(target, overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.{os.getpid()}.", suffix=".tmp", dir=target.parent))
        stage.chmod(0o777 & ~_umask())
    except OSError as error:
        raise _write_error(target, error) from error
    old = stage.with_suffix(".old")
    try:
        yield stage
        if target.exists():
            os.replace(target, old)
        os.replace(stage, target)
    except OSError as error:
        if old.exists() and not target.exists():
            os.replace(old, target)
        if isinstance(error, YoloTLError):
            raise
        raise _write_error(target, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> None:
    """Clear up after processes that were killed while they made `target`.

    A stage is half a folder and goes. A folder that was moved aside and not yet replaced comes back.
    """
    for path in target.parent.glob(f".{glob.escape(target.name)}.*"):
        match = re.fullmatch(r"(\d+)\.\w+\.(tmp|old)", path.name[len(target.name) + 2 :])
        if match is None or _is_running(int(match[1])):
            continue
        if match[2] == "old" and not target.exists():
            os.replace(path, target)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # where asking would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def require_free(target: Path, *, overwrite: bool) -> None:
    """Fail early when `target` cannot become an output folder.

    Raises:
        UsageError: `target` is a file, or holds files and `overwrite` is false.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target}: expected a folder, found a file", hint="choose another output path")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise UsageError(
            f"{target}: the output folder already holds files",
            hint="choose another output path, or say --overwrite to replace it",
        )


def link_or_copy(source: Path, target: Path, how: str = "auto") -> str:
    """Place `source` at `target`: ``hardlink``, ``symlink``, ``copy``, or ``auto`` (the first that works).

    Returns:
        The way that was taken.
    """
    ways: dict[str, Callable[[Path, Path], object]] = {
        "hardlink": _hardlink,
        "symlink": _symlink,
        "copy": shutil.copyfile,
    }
    for way in ways if how == "auto" else [how]:
        try:
            ways[way](source, target)
            return way
        except OSError as error:
            if how != "auto" or way == "copy":
                raise _write_error(target, error) from error
    raise AssertionError("unreachable: copy either works or raises")


def sha256(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _hardlink(source: Path, target: Path) -> None:
    os.link(os.path.realpath(source), target)


def _symlink(source: Path, target: Path) -> None:
    os.symlink(os.path.abspath(source), target)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _write_error(path: Path, error: OSError) -> WriteError:
    reason = error.strerror or str(error)
    return WriteError(f"{path}: could not be written: {reason}", hint="free some space or choose another output path")
