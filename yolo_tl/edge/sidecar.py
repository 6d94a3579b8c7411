"""Models that are folders: their parts, and the ``metadata.yaml`` beside what cannot hold metadata itself."""

from __future__ import annotations

from pathlib import Path

from yolo_tl.edge.metadata import Metadata
from yolo_tl.errors import BundleError

FILE = "metadata.yaml"

_WHOLE = "copy the whole folder, or export the model again from its checkpoint"


def part(path: Path, suffix: str) -> Path:
    """The one file of a model folder that ends in `suffix`; of a file it is the file itself.

    Raises:
        BundleError: there is none, or more than one.
    """
    if not path.is_dir():
        if not path.is_file():
            raise BundleError(f"{path}: expected a {suffix} file or a folder with one, found nothing", hint=_WHOLE)
        return path
    found = sorted(path.glob(f"*{suffix}"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise BundleError(f"{path}: expected one {suffix} file, found {names}", hint=_WHOLE)
    return found[0]


def weights_of(graph: Path) -> Path:
    """The ``.bin`` file with the weights of a graph, which has its name.

    Raises:
        BundleError: it is missing or empty.
    """
    weights = graph.with_suffix(".bin")
    if not weights.is_file() or not weights.stat().st_size:
        raise BundleError(f"{weights}: expected the weights of {graph.name}, found none", hint=_WHOLE)
    return weights


def read_metadata(graph: Path) -> Metadata:
    """What ``metadata.yaml`` beside `graph` says.

    Raises:
        BundleError: it is missing, no YAML, or not that of an export of Ultralytics.
    """
    import yaml

    path = graph.with_name(FILE)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleError(f"{path}: expected the metadata of an Ultralytics export: {reason}", hint=_WHOLE) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{path}: expected YAML: {reason}", hint=_WHOLE) from error
    if not isinstance(values, dict):
        raise BundleError(f"{path}: expected a YAML mapping, found {type(values).__name__}", hint=_WHOLE)
    return Metadata(path, {str(key): value for key, value in values.items()})
