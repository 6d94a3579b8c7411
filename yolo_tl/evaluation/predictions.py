"""What a model said about a split, as a value and as a file: every statistic starts from it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError, DataNotFound
from yolo_tl.evaluation.records import ImageResult
from yolo_tl.files import write_bytes

SUFFIX = ".npz"
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Predictions:
    """The detections of one model on one split, beside the truths.

    Attributes:
        results: one entry for each image, in the order of the data set.
        names: class names by index.
        split: the split, such as ``val``.
        model: the checkpoint, for people.
        data: the ``data.yaml``, for people.
    """

    results: tuple[ImageResult, ...]
    names: tuple[str, ...]
    split: str
    model: str
    data: str

    def write(self, path: Path) -> None:
        """Write one ``.npz`` file, whole or not at all.

        Raises:
            WriteError: it could not be written.
        """
        found = [result.detections for result in self.results]
        about = {"version": _VERSION, "names": self.names, "split": self.split, "model": self.model, "data": self.data}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            about=np.array(json.dumps(about)),
            images=np.array([result.image for result in self.results], dtype=np.str_),
            ratio=np.array([result.ratio for result in self.results], np.float64),
            pad=np.array([result.pad for result in self.results], np.float64).reshape(-1, 2),
            detected=np.array([len(one) for one in found], np.int64),
            xyxy=np.concatenate([np.zeros((0, 4), np.float32), *(one.xyxy for one in found)]),
            confidence=np.concatenate([np.zeros(0, np.float32), *(one.confidence for one in found)]),
            class_id=np.concatenate([np.zeros(0, np.int64), *(one.class_id for one in found)]),
            truths=np.array([len(result.truth_class) for result in self.results], np.int64),
            truth_xyxy=np.concatenate([np.zeros((0, 4), np.float32), *(r.truth_xyxy for r in self.results)]),
            truth_class=np.concatenate([np.zeros(0, np.int64), *(r.truth_class for r in self.results)]),
        )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read what `write` wrote.

        Raises:
            DataNotFound: there is no such file.
            DataError: it is damaged, or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                if about["version"] != _VERSION:
                    raise DataError(f"{path}: expected version {_VERSION} of predictions, found {about['version']}")
                return cls(
                    results=_results({key: file[key] for key in file.files}),
                    names=tuple(about["names"]),
                    split=about["split"],
                    model=about["model"],
                    data=about["data"],
                )
        except FileNotFoundError as error:
            raise DataNotFound(f"{path}: there is no such file") from error
        except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path}: expected predictions, as `evaluate` writes them: {error}", hint="write the file again"
            ) from error


def _results(columns: dict[str, np.ndarray]) -> tuple[ImageResult, ...]:
    """Cut the columns into images."""
    found = np.cumsum(columns["detected"])[:-1]
    true = np.cumsum(columns["truths"])[:-1]
    detections = zip(*(np.split(columns[key], found) for key in ("xyxy", "confidence", "class_id")), strict=True)
    truths = zip(*(np.split(columns[key], true) for key in ("truth_xyxy", "truth_class")), strict=True)
    frames = zip(columns["images"].tolist(), columns["ratio"].tolist(), columns["pad"].tolist(), strict=True)
    return tuple(
        ImageResult(image, Detections(*said), boxes, classes, ratio=ratio, pad=(pad[0], pad[1]))
        for (image, ratio, pad), said, (boxes, classes) in zip(frames, detections, truths, strict=True)
    )
