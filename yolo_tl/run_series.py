"""Several training runs in one folder that answer one request, and go on where they were stopped."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yolo_tl.config import to_mapping
from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import DataError, UsageError
from yolo_tl.files import require_free, require_schema, sha256, stamped, write_json
from yolo_tl.presets import flatten
from yolo_tl.transfer.progress import Listener

REQUEST = "request.json"

_FREE = frozenset(["device", "threads", "workers", "state_every"])  # how a run is carried out, not what it learns


def learnt_from(config: Any) -> dict[str, Any]:
    """The dotted keys and values of a configuration that decide what a run learns."""
    return {key: value for key, value in flatten(to_mapping(config)).items() if key not in _FREE}


def weights_digest(weights: str) -> str:
    """What the weights are called: the SHA-256 of a checkpoint, the name of an architecture."""
    from yolo_tl.engine.weights import find_weights, is_architecture

    return weights if is_architecture(weights) else sha256(find_weights(weights))


def require_scorable(dataset: Dataset) -> None:
    """Make sure that runs can be told apart on val.

    Raises:
        DataError: val has fewer than two images, or no object.
    """
    val = dataset.split("val")
    if len(val) < 2 or not len(val.class_ids):
        raise DataError(
            f"{dataset.data}: expected 2 or more val images with objects, found {len(val)} images "
            f"and {len(val.class_ids)} objects",
            hint="the runs are scored on val: yolo-tl split",
        )


def open_series(out: Path, request: Mapping[str, Any], *, what: str, made: str, overwrite: bool) -> None:
    """Make sure that what `out` holds answers the same request; with `overwrite`, clear it.

    Args:
        out: the folder.
        request: what decides the result, as values that JSON can hold.
        what: what the runs are together, for people.
        made: a regular expression of the names in `out` that such a series makes.
        overwrite: begin anew.

    Raises:
        UsageError: it holds other files, or answers another request; what differs is named.
        DataError: it was made by a newer version of this package.
    """
    file = out / REQUEST
    asked = json.loads(json.dumps(stamped(REQUEST, request)))
    if not file.is_file():
        require_free(out, overwrite=False)
        write_json(file, asked)
        return
    before = json.loads(file.read_text("utf-8"))
    require_schema(REQUEST, before, file)
    before = stamped(REQUEST, before)
    if before == asked and not overwrite:
        return
    if not overwrite:
        keys = [key for key in asked if before.get(key) != asked[key]] or sorted(before.keys() - asked.keys())
        shown = ", ".join(f"{key} was {_short(before.get(key))}, is {_short(asked.get(key))}" for key in keys)
        raise UsageError(
            f"{out}: holds {what} of something else: {shown}",
            hint="choose another output folder, or say --overwrite to begin anew",
        )
    for path in list(out.iterdir()):
        if re.fullmatch(made, path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_json(file, asked)


def finish_run(
    run: Path, title: str, *, train: Callable[[], Any], resume: Callable[[], Any], listener: Listener
) -> None:
    """Train a run, go on with it, or leave it as it is, and say which; then it is finished.

    Args:
        run: its folder.
        title: what it is called, for people.
        train: begins it.
        resume: goes on with it.
        listener: told in a note.

    Raises:
        DataError: it was trained by a newer version of this package.
    """
    if (run / "metrics.json").is_file():
        require_schema("metrics.json", json.loads((run / "metrics.json").read_text("utf-8")), run / "metrics.json")
        listener.note(f"{title} is trained already")
    elif (run / "state" / "last.pt").is_file():
        listener.note(f"{title} goes on")
        resume()
    else:
        shutil.rmtree(run, ignore_errors=True)
        listener.note(title)
        train()


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 12 else f"{text[:8]}…"
