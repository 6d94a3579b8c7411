"""What lies on a disk and can be run: a bundle, or the file of a network."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from yolo_tl.edge.archive import is_archive, opened
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.manifest import FILE, Manifest
from yolo_tl.edge.network import Engine, Network, NetworkInfo, RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.errors import BundleError, UsageError
from yolo_tl.files import sha256

ACCEPTED = (
    "a network: an .onnx, .tflite or .engine file, or the folder of OpenVINO (with an .xml) or NCNN (with a .param)"
)


@dataclass(frozen=True)
class Artifact:
    """Something that was opened.

    Attributes:
        path: the bundle or file.
        pipeline: its stages, ready to run.
        thresholds: the operating point; of a bundle the one it was accepted with.
        manifest: of a bundle.
        sha256: of the manifest's file, or of the network's; empty for a network of several files.
    """

    path: Path
    pipeline: Pipeline
    thresholds: Thresholds = field(default_factory=Thresholds)
    manifest: Manifest | None = None
    sha256: str = ""


def open_artifact(path: Path, options: RunOptions | None = None) -> Artifact:
    """Open a bundle, which is a folder or a ``.zip`` file, or an exported network.

    What was opened goes on as it is, whatever becomes of its files.

    Raises:
        BundleError: it is missing, damaged, changed (also while it is being opened), or of a kind that is not run here.
        MissingExtra: what runs it is not installed.
    """
    if not path.exists():
        raise BundleError(f"{path}: expected a bundle or {ACCEPTED}, found nothing", hint="check the path")
    if is_archive(path):
        with ExitStack() as stack:
            artifact = open_artifact(stack.enter_context(opened(path)), options)
            # An engine may go on reading its file, and the golden set lies beside it.
            weakref.finalize(artifact.pipeline.network, stack.pop_all().close)
        return replace(artifact, path=path)
    before = _state(path)
    if not (path / FILE).is_file() and _opener(path) is not None:
        network = open_network(path, options)
        digest = sha256(path) if path.is_file() else ""
        _require_state(path, before)
        return Artifact(path, Pipeline(network), sha256=digest)
    if not path.is_dir():
        raise BundleError(
            f"{path}: expected a bundle (with {FILE}) or {ACCEPTED}",
            hint="export the checkpoint first: yolo-tl export",
        )
    manifest = Manifest.read(path)
    network = open_network(manifest.model, manifest.run_options(options))
    _require_agreement(manifest, network.info)
    digest = sha256(manifest.path)
    _require_state(path, before)
    return Artifact(path, Pipeline(network, manifest.preprocess), manifest.thresholds, manifest, digest)


def open_network(path: Path, options: RunOptions | None = None) -> Network:
    """Load a network with the engine that its file is for, or with the one that is asked for.

    Raises:
        BundleError: the file is missing, damaged, or of a kind that is not run here.
        MissingExtra: the engine is not installed.
        UsageError: the engine that is asked for does not read such files.
    """
    opener = _opener(path)
    if options is not None and options.engine != "auto":
        opener = _opener(path, options.engine)
        if opener is None:
            raise UsageError(
                f"{path}: expected a file that {options.engine} reads, found another",
                hint="leave the choice to auto, or export the model for that engine",
            )
    if opener is None:
        raise BundleError(f"{path}: expected {ACCEPTED}", hint="export the checkpoint first: yolo-tl export")
    return opener(path, options or RunOptions())


def _opener(path: Path, engine: Engine = "auto") -> Callable[[Path, RunOptions], Network] | None:
    """What loads a file or folder, with any engine or with that one; each is imported only where it is needed."""
    if _is(path, ".onnx") and engine != "openvino":
        from yolo_tl.edge.onnx import OnnxNetwork

        return OnnxNetwork
    if engine in ("auto", "openvino") and (_is(path, ".xml") or _is(path, ".onnx")):
        from yolo_tl.edge.openvino import OpenVinoNetwork

        return OpenVinoNetwork
    if engine != "auto":
        return None
    if _is(path, ".param"):
        from yolo_tl.edge.ncnn import NcnnNetwork

        return NcnnNetwork
    if _is(path, ".tflite"):
        from yolo_tl.edge.litert import LiteRtNetwork

        return LiteRtNetwork
    if _is(path, ".engine") or _is(path, ".plan"):
        from yolo_tl.edge.tensorrt import TensorRtNetwork

        return TensorRtNetwork
    return None


def _is(path: Path, suffix: str) -> bool:
    """Whether a file is of a kind, or a folder is a model of the kinds that are folders."""
    if path.is_dir():
        return suffix in (".xml", ".param") and any(path.glob(f"*{suffix}"))
    return path.suffix.lower() == suffix


def _state(path: Path) -> list[tuple[str, int, int, int, int]]:
    """What changes when a file is replaced or written to."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = []
    with suppress(OSError):  # a file that goes is a change, too
        for file in files:
            status = file.stat()
            found.append((str(file), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return found


def _require_state(path: Path, before: list[tuple[str, int, int, int, int]]) -> None:
    """What was verified is what the engine has read."""
    if _state(path) != before:
        raise BundleError(
            f"{path}: changed while it was being opened", hint="wait until it is written, and open it again"
        )


def _require_agreement(manifest: Manifest, info: NetworkInfo) -> None:
    """A manifest of another model would put wrong names on right boxes."""
    for key, said, found in (
        ("task", manifest.task, info.task),
        ("names", manifest.names, info.names),
        ("head", manifest.head, info.head),
        ("keypoints", manifest.keypoints, info.keypoints),
        ("input.imgsz", manifest.imgsz, info.imgsz),
    ):
        if said != found:
            raise BundleError(
                f"{manifest.path}: {key}: the manifest says {said}, {manifest.model.name} says {found}",
                hint="build the bundle again with yolo-tl export",
            )
