"""A model of any task, opened as what it is."""

from __future__ import annotations

from pathlib import Path

from yolo_tl.edge.artifact import open_artifact
from yolo_tl.edge.classifier import Classifier
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.network import RunOptions
from yolo_tl.files import PathLike


def open_model(path: PathLike, options: RunOptions) -> Detector | Classifier:
    """A detector or a classifier, by what the model was trained for.

    Raises:
        BundleError: the model is missing, damaged, changed, or of a kind that is not run here.
        MissingExtra: what runs it is not installed.
    """
    artifact = open_artifact(Path(path), options)
    return Classifier(artifact) if artifact.pipeline.info.task == "classify" else Detector(artifact)
