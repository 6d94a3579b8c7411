"""Where a new data set may be made: beside what it is made from, and over nothing but one made here before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from yolo_tl.errors import UsageError
from yolo_tl.files import require_free


def require_apart(out: Path, folders: Iterable[Path]) -> None:
    """Refuse a target that touches the data it is made from.

    Raises:
        UsageError: `out` is one of the folders, lies in one, or holds one.
    """
    target = out.resolve()
    for folder in (path.resolve() for path in folders):
        if target == folder or folder in target.parents:
            raise UsageError(
                f"{out}: lies in the source, which is never modified", hint="choose an output path outside it"
            )
        if target in folder.parents:
            raise UsageError(f"{out}: holds the source", hint="choose another output path")


def require_replaceable(out: Path, *, mark: str, overwrite: bool) -> None:
    """Refuse a target that holds files, unless it was made here and may be overwritten.

    Args:
        out: the target.
        mark: the file that each data set made by this command holds.
        overwrite: it may be.

    Raises:
        UsageError: `out` is a file, holds files, or was not made here.
    """
    if overwrite and out.is_dir() and any(out.iterdir()) and not (out / mark).is_file():
        raise UsageError(f"{out}: expected a data set made here ({mark}), found other files", hint="remove it yourself")
    require_free(out, overwrite=overwrite)
