"""What lies on a disk and can be run: a bundle, or the file of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.manifest import FILE, Manifest
from yolo_tl.edge.network import Network, NetworkInfo, RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.errors import BundleError


@dataclass(frozen=True)
class Artifact:
    """Something that was opened.

    Attributes:
        path: the bundle or file.
        pipeline: its stages, ready to run.
        thresholds: the operating point; of a bundle the one it was accepted with.
        manifest: of a bundle.
    """

    path: Path
    pipeline: Pipeline
    thresholds: Thresholds = field(default_factory=Thresholds)
    manifest: Manifest | None = None


def open_artifact(path: Path, options: RunOptions | None = None) -> Artifact:
    """Open a bundle folder, or an exported network.

    Raises:
        BundleError: it is missing, damaged, changed, or of a kind that is not run here.
        MissingExtra: what runs it is not installed.
    """
    if not path.exists():
        raise BundleError(f"{path}: expected a bundle folder or an .onnx file, found nothing", hint="check the path")
    if not (path / FILE).is_file() and _opener(path) is not None:
        return Artifact(path, Pipeline(open_network(path, options)))
    if not path.is_dir():
        raise BundleError(
            f"{path}: expected a bundle folder (with {FILE}) or an .onnx file",
            hint="export the checkpoint first: yolo-tl export",
        )
    manifest = Manifest.read(path)
    network = open_network(manifest.model, options)
    _require_agreement(manifest, network.info)
    return Artifact(path, Pipeline(network, manifest.preprocess), manifest.thresholds, manifest)


def open_network(path: Path, options: RunOptions | None = None) -> Network:
    """Load a network with the engine that its file is for.

    Raises:
        BundleError: the file is missing, damaged, or of a kind that is not run here.
        MissingExtra: the engine is not installed.
    """
    opener = _opener(path)
    if opener is None:
        raise BundleError(f"{path}: expected an .onnx file", hint="export the checkpoint first: yolo-tl export")
    return opener(path, options or RunOptions())


def _opener(path: Path) -> Callable[[Path, RunOptions], Network] | None:
    if path.suffix.lower() == ".onnx":
        from yolo_tl.edge.onnx import OnnxNetwork

        return OnnxNetwork
    return None


def _require_agreement(manifest: Manifest, info: NetworkInfo) -> None:
    """A manifest of another model would put wrong names on right boxes."""
    for key, said, found in (
        ("task", manifest.task, info.task),
        ("names", manifest.names, info.names),
        ("head", manifest.head, info.head),
    ):
        if said != found:
            raise BundleError(
                f"{manifest.path}: {key}: the manifest says {said}, {manifest.model.name} says {found}",
                hint="build the bundle again with yolo-tl export",
            )
