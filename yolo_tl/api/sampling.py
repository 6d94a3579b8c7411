"""Pictures to try everything on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.data.scenes import SampleReport


def sample(
    out: PathLike,
    *,
    format: str = "voc",
    images: int = 120,
    size: int = 640,
    seed: int = 0,
    overwrite: bool = False,
    drawn: Callable[[int, int], None] = lambda done, total: None,
) -> SampleReport:
    """Draw a data set of inspection pictures: metal caps, printed boards and labels, some of them with defects.

    The classes are scratch, dent, missing and stain; boxes and polygons are exact. See
    `yolo_tl.data.scenes.make_scenes`.

    Args:
        out: the folder to make.
        format: voc, coco, labelme or cvat, with polygons; or yolo, with boxes, ready to train on.
        images: how many, 9 or more; fewer are the first of more.
        size: longer side of the pictures, px.
        seed: of everything that is drawn.
        overwrite: replace a folder that was made here before.
        drawn: called after each picture with how many there are, and how many there will be.

    Raises:
        ConfigError: `images`, `size` or `seed` is out of range.
        UsageError: there is no such format, or `out` cannot be used.
        WriteError: the folder could not be written; nothing is left of it.
    """
    from yolo_tl.data.scenes import make_scenes

    return make_scenes(str(out), format=format, images=images, size=size, seed=seed, overwrite=overwrite, drawn=drawn)
