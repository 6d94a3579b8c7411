"""Data sets: from any annotations to a checked, split one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolo_tl.data import ConvertReport, convert
from yolo_tl.data.checking import check
from yolo_tl.data.checks.report import CheckReport
from yolo_tl.data.differences import Differences, diff
from yolo_tl.data.fixing import FixReport, fix
from yolo_tl.data.placing import Link
from yolo_tl.data.preview import PreviewReport, preview
from yolo_tl.data.split import Ratios
from yolo_tl.data.splitting import SplitReport
from yolo_tl.data.splitting import split as make_splits
from yolo_tl.errors import UsageError
from yolo_tl.files import PathLike

__all__ = [
    "CheckReport",
    "ConvertReport",
    "Differences",
    "FixReport",
    "PreviewReport",
    "SplitReport",
    "check",
    "convert",
    "diff",
    "fingerprint",
    "fix",
    "preview",
    "split",
]


def fingerprint(data: PathLike, *, files: bool = False) -> str:
    """A name for the content of a data set: equal data have equal ones, wherever they lie.

    Args:
        data: a ``data.yaml`` or the folder that holds it.
        files: of the image files as they are, not of their pixels; much faster.
    """
    from yolo_tl.data.fingerprint import file_fingerprint
    from yolo_tl.data.fingerprint import fingerprint as of_pixels
    from yolo_tl.data.yolo.labelled import read_labelled

    labelled = read_labelled(Path(data))
    return file_fingerprint(labelled) if files else of_pixels(labelled)


def split(
    data: PathLike,
    out: PathLike,
    *,
    ratios: Ratios = (0.8, 0.2, 0.0),
    folds: int | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    weights: PathLike | None = None,
    device: str = "auto",
    keep: Sequence[str] = (),
    seed: int = 0,
    link: Link = "auto",
    workers: int = 1,
    trust: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
) -> SplitReport:
    """Make a new data set folder with other splits; see `yolo_tl.data.splitting.split`.

    With weights, near-duplicates are found that a hash does not see: shifted by more than a few percent, turned
    by any angle, cropped. That takes about 0.1 s of processor time for each image, and the train extra.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified.
        out: the folder to make; not inside the data set.
        ratios: shares of train, val and test.
        folds: number of folds, instead of `ratios`.
        group_by: what belongs together, see `yolo_tl.data.groups.groups_of`; several are joined.
        near_duplicates: look for them, about 1 ms for each image.
        weights: any checkpoint's path or name; its backbone proposes near-duplicates.
        device: device of the checkpoint.
        keep: splits to keep as they are; groups that reach into one join it.
        seed: decides between equally good splits.
        link: how images are placed.
        workers: processes that decode; 0 takes one for each core.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: replace a folder that was made here before.
        dry_run: do everything but write.
    """
    embed = None
    if weights is not None:
        if not near_duplicates:
            raise UsageError("weights: they are for finding near-duplicates, which is switched off")
        from yolo_tl.engine.embedding import embedder

        embed = embedder(weights, device=device, trust=trust)
    return make_splits(
        Path(data),
        Path(out),
        ratios=ratios,
        folds=folds,
        group_by=group_by,
        near_duplicates=near_duplicates,
        keep=keep,
        seed=seed,
        link=link,
        workers=workers,
        embed=embed,
        overwrite=overwrite,
        dry_run=dry_run,
    )
