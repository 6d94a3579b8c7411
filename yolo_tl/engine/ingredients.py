"""Which checkpoints are to be averaged, and on which data they were trained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from yolo_tl.engine.runs import kept_plan
from yolo_tl.engine.weights import find_weights
from yolo_tl.errors import ResumeError, UsageError, WeightsNotFound


def find_ingredients(sources: Sequence[Path], *, last: int | None = None, start: float | None = None) -> list[Path]:
    """The checkpoints that a request means.

    Args:
        sources: run folders and checkpoints; of a run its ``weights/best.pt`` is meant.
        last: of the one run, the weights of its last epochs, so many; oldest first.
        start: of the one run, the network it started from, then its best.

    Raises:
        UsageError: the request makes no sense.
        WeightsNotFound: a run lacks the checkpoint, or there is no such file.
    """
    if last is not None and start is not None:
        raise UsageError("expected either the last epochs or a share of the start, found both")
    if last is None and start is None:
        if len(sources) < 2:
            raise UsageError(
                f"expected two or more runs or checkpoints to average, found {len(sources)}",
                hint="for one run say --last K (its last epochs) or --start SHARE (between its start and its best)",
            )
        paths = [_checkpoint(source) for source in sources]
        if len({path.resolve() for path in paths}) < len(paths):
            raise UsageError("expected different checkpoints, found one named twice")
        return paths
    if len(sources) != 1 or not sources[0].is_dir():
        found = ", ".join(map(str, sources)) or "none"
        raise UsageError(f"expected one run folder for its last epochs or its start, found {found}")
    if last is not None:
        return _kept(sources[0], last)
    begin = sources[0] / "state" / "start.pt"
    if not begin.is_file():
        raise WeightsNotFound(f"{begin}: no such checkpoint", hint="was the run made by `yolo-tl train`?")
    return [begin, _checkpoint(sources[0])]


def find_data(sources: Sequence[Path]) -> Path:
    """The data set that the runs of `sources` were trained on.

    Args:
        sources: run folders, and checkpoints in the ``weights`` of one.

    Raises:
        UsageError: none of them says, or they were trained on different ones.
    """
    runs = [source if source.is_dir() else source.resolve().parent.parent for source in sources]
    found = sorted({path for run in runs if (path := _data_of(run))})
    if len(found) != 1:
        known = f"{len(found)} different ones: {', '.join(found)}" if found else "no run that says which it was"
        raise UsageError(f"expected the data set of the runs, found {known}", hint="name the data set, --data DATA")
    return Path(found[0])


def require_target(out: Path, *, overwrite: bool) -> None:
    """Fail before the work when the result could not be written to `out`.

    Raises:
        UsageError: it is no ``.pt`` file, or is there and `overwrite` is false.
    """
    if out.suffix != ".pt":
        raise UsageError(f"{out}: expected a name that ends in .pt")
    if out.is_dir() or (out.exists() and not overwrite):
        raise UsageError(f"{out}: is there already", hint="choose another name, or say --overwrite to replace it")


def _data_of(run: Path) -> str | None:
    try:
        data = kept_plan(run).get("data")
    except ResumeError:
        return None
    path = data.get("path") if isinstance(data, dict) else None
    return path if isinstance(path, str) else None


def _checkpoint(source: Path) -> Path:
    if not source.is_dir():
        return find_weights(str(source))
    best = source / "weights" / "best.pt"
    if not best.is_file():
        raise WeightsNotFound(f"{best}: no such checkpoint", hint="expected the folder of a finished run")
    return best


def _kept(run: Path, last: int) -> list[Path]:
    """The checkpoints of the last epochs of a run, oldest first."""
    if last < 2:
        raise UsageError(f"last: expected at least 2 epochs, found {last}")
    numbered = {
        int(match[1]): path
        for path in (run / "weights").glob("epoch*.pt")
        if (match := re.fullmatch(r"epoch(\d+)", path.stem))
    }
    if len(numbered) < last:
        raise WeightsNotFound(
            f"{run}: expected the weights of {last} epochs, found {len(numbered)}",
            hint=f"train with --keep {last}" + (f", or say --last {len(numbered)}" if len(numbered) > 1 else ""),
        )
    return [numbered[epoch] for epoch in sorted(numbered)[-last:]]
