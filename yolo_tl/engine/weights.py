"""From the name of a checkpoint to a file: an existing path, known folders, then one announced download."""

from __future__ import annotations

import difflib
import logging
import os
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.hermetic import home, ultralytics
from yolo_tl.errors import ModelError, WeightsNotFound
from yolo_tl.files import PathLike, atomic_path

log = logging.getLogger(__name__)

SOURCE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"


def folders() -> list[Path]:
    """Where checkpoints are looked for, in order: those of `own_folders`, then the one that came with the package."""
    package = Path(__file__).parents[1]
    shipped = package / "weights" if (package / "weights").is_dir() else package.parent / "weights"
    own = own_folders()
    return own if shipped.resolve() in {folder.resolve() for folder in own} else [*own, shipped]


def own_folders() -> list[Path]:
    """Those that are the user's: ``weights/``, ``$YOLO_TL_WEIGHTS``, and the folder for what was fetched."""
    named = os.environ.get("YOLO_TL_WEIGHTS")
    return [Path("weights"), *([Path(named).expanduser()] if named else []), home() / "weights"]


def is_architecture(name: str) -> bool:
    """Whether `name` is an architecture YAML, that is, training from scratch."""
    return name.endswith((".yaml", ".yml"))


def checkpoint_of(model: PathLike) -> PathLike:
    """The ``best.pt`` of a run folder; anything else is what it is."""
    run = Path(model)
    return run / "weights" / "best.pt" if (run / "run.yaml").is_file() else model


def find_weights(name: str) -> Path:
    """The file behind a checkpoint name; fetched if it is an Ultralytics release and nowhere here.

    Args:
        name: a path, or a release name such as ``yolo26n.pt``, ``yolo11s.pt``, ``yolov8n.pt``, ``yolov5nu.pt``.

    Raises:
        WeightsNotFound: nowhere to be found, or the download failed.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.name != name or path.suffix != ".pt":
        raise WeightsNotFound(f"{name}: no such checkpoint", hint=_where_to_put(path.name))
    for folder in folders():
        if (folder / name).is_file():
            return folder / name
    return _download(_release_name(name))


def _release_name(name: str) -> str:
    ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    renamed = re.sub(r"^(yolov5[nsmlx]6?)\.pt$", r"\1u.pt", name)  # v5 is released with the newer head, as yolov5nu
    if renamed not in GITHUB_ASSETS_NAMES:
        close = difflib.get_close_matches(name, sorted(GITHUB_ASSETS_NAMES), n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise WeightsNotFound(f"{name}: no such file and no such Ultralytics release{guess}", hint=_where_to_put(name))
    return renamed


def release_url(name: str) -> str:
    """Where a release is fetched from; ``$YOLO_TL_WEIGHTS_URL`` names another server."""
    return f"{os.environ.get('YOLO_TL_WEIGHTS_URL', SOURCE).rstrip('/')}/{name}"


def _download(name: str) -> Path:
    """Fetch a release into the first folder that is the user's, checked before it gets its name."""
    own = own_folders()
    folder = next((f for f in own[:-1] if f.is_dir()), own[-1])
    url = release_url(name)
    log.warning("fetching %s from %s into %s", name, url, folder)
    try:
        with urllib.request.urlopen(url, timeout=30) as response, atomic_path(folder / name) as temporary:
            expected = response.headers.get("Content-Length")
            with temporary.open("wb") as stream:
                shutil.copyfileobj(response, stream)
            size = temporary.stat().st_size
            if expected is not None and size != int(expected):
                raise WeightsNotFound(f"{url}: expected {expected} bytes, received {size}", hint=_where_to_put(name))
            checked = temporary.with_name(f"{temporary.name}.pt")  # the loader insists on the suffix
            os.link(temporary, checked)
            try:
                load_checkpoint(checked)
            finally:
                checked.unlink()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise WeightsNotFound(
            f"{name}: not here, and {url} could not be reached: {reason}", hint=_where_to_put(name)
        ) from error
    except ModelError as error:
        if isinstance(error, WeightsNotFound):
            raise
        raise WeightsNotFound(f"{url}: what was received is not a checkpoint", hint=_where_to_put(name)) from error
    return folder / name


def _where_to_put(name: str) -> str:
    return f"give a path, or put {name} into one of: {', '.join(str(folder) for folder in own_folders())}"
