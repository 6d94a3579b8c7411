"""Images that belong together, and so are one unit of evidence: by their names, and because they look alike."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from yolo_tl.data.duplicates import near_duplicates as find_near_duplicates
from yolo_tl.data.groups import Groups, groups_of, joined


def cluster_labels(
    images: Sequence[Path | str],
    *,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    workers: int = 1,
) -> Groups:
    """A label for each image, None for one that belongs to no other; for `bootstrap.resample`.

    Args:
        images: the image files.
        group_by: what belongs together, see `yolo_tl.data.groups.groups_of`; several are joined. Names count from
            the folder that all images lie in.
        near_duplicates: look for them, about 1 ms for each image; a file that is not there is alike to none.
        workers: processes that decode; 0 takes one for each core.

    Raises:
        ConfigError: no such way to group, or nothing that fits it.
        DataNotFound: the CSV file of groups does not exist.
    """
    paths = [Path(os.path.abspath(image)) for image in images]
    if not paths:
        return []
    base = os.path.commonpath([path.parent for path in paths])
    names = [path.relative_to(base).as_posix() for path in paths]
    pairs = find_near_duplicates(paths, workers=workers).pairs if near_duplicates else None
    return joined(len(paths), [groups_of(names, way) for way in group_by], pairs)


def count_units(groups: Sequence[str | None]) -> int:
    """Groups, and images that belong to none.

    >>> count_units(["a", None, "a", None])
    3
    """
    return len({group for group in groups if group is not None}) + sum(group is None for group in groups)
