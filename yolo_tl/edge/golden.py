"""The golden set of a bundle: a few real images, and what the model found in them where it was verified.

It proves what hashes cannot: that engine, preprocessing and postprocessing of this device compute the same. Images
are PNG files with the pixels that come out of a camera, not what goes into the network, so that the letterbox is
proven, too; large ones are made smaller first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolo_tl.edge import expectation
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.expectation import Deviation, Tolerance
from yolo_tl.edge.golden_choice import choose, traits
from yolo_tl.edge.image import Image, decode_image, read_image
from yolo_tl.edge.manifest import Arithmetic, Precision, thresholds_from_json, thresholds_to_json
from yolo_tl.edge.network import Outputs
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.postprocess import Result
from yolo_tl.edge.preprocess import Geometry
from yolo_tl.errors import BundleError, DataError, ImageError
from yolo_tl.files import write_bytes, write_text

FOLDER = "golden"
FILE = "golden.json"
LIMIT = 2 << 20
"""Bytes of all images together."""

_EFFORT = 3  # of the PNG encoder; the highest takes 17 times as long and saves a tenth

_PRECISE = Tolerance(box=0.05, score=0.001, mask=0.02)
_HALF = Tolerance(box=0.5, score=0.01, mask=0.05)
# One step of rounding in an early layer moves everything after it; engines differ in which way they round.
_COARSE = Tolerance(box=1.0, score=0.03, mask=0.1)
# TensorRT multiplies float32 in TF32 (10 bits) wherever the GPU can.
_TF32 = Tolerance(box=0.2, score=0.005, mask=0.05)


def tolerance_of(*, format: str, precision: Precision, arithmetic: Arithmetic) -> Tolerance:
    """How far a device may be from where the bundle was made, by what it computes in."""
    if precision == "int8" or "bf16" in (precision, arithmetic):
        return _COARSE
    if precision == "fp16" or arithmetic == "f16":
        return _HALF
    return _TF32 if format == "engine" else _PRECISE


@dataclass(frozen=True)
class GoldenSet:
    """What was written.

    Attributes:
        images: number of images.
        detections: found in them.
        unseen: names of classes that none of them shows.
    """

    images: int
    detections: int
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class GoldenResult:
    """How the golden set came out on this device.

    Attributes:
        images: number of images.
        detections: expected in them; of the task classify the images.
        deviation: the worst of all images.
        tolerance: the limits.
        differing: images beyond them.
    """

    images: int
    detections: int
    deviation: Deviation
    tolerance: Tolerance
    differing: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every image is within the limits."""
        return not self.differing

    def describe(self) -> str:
        """One sentence."""
        seen, limit = self.deviation, self.tolerance
        text = (
            f"{self.images} images with {self.detections} detections: {seen.unmatched} unmatched, "
            f"boxes within {seen.box:.2g} px (limit {limit.box:g}), scores within {seen.score:.2g} "
            f"(limit {limit.score:g})"
        )
        if seen.mask:
            text += f", masks within {seen.mask:.2g} of IoU 1 (limit {limit.mask:g})"
        if self.differing:
            text += f"; beyond: {', '.join(self.differing)}"
        if not self.detections:
            text += "; nothing is expected in any of them, so it only proves that nothing is found"
        return text

    def to_json(self) -> dict[str, Any]:
        """Plain values with ``passed``."""
        return {"passed": self.passed, **asdict(self), "differing": list(self.differing)}


def write_golden(
    folder: Path,
    images: Sequence[Path],
    pipeline: Pipeline,
    *,
    thresholds: Thresholds,
    tolerance: Tolerance = _PRECISE,
    count: int = 8,
) -> GoldenSet:
    """Choose golden images, run them, and write both into ``folder/golden``.

    Args:
        folder: the bundle that is being made.
        images: to choose from; some dozens, none of them secret, for they travel with the bundle.
        pipeline: the exported model, verified.
        thresholds: the operating point.
        tolerance: how far a device may be from it, see `tolerance_of`.
        count: most images.

    Raises:
        DataError: there are no images.
        ImageError: an image cannot be decoded.
    """
    if not images:
        raise DataError(f"{folder}: expected images for its golden set, found none")
    pictures, candidates = [], []
    for path in images:
        png, image = _small(read_image(path), LIMIT // count)
        pictures.append((png, image))
        outputs, geometry = _run(pipeline, image)
        candidates.append(traits(outputs, geometry, pipeline.info, thresholds=thresholds, nudge=tolerance.score))
    entries: list[dict[str, Any]] = []
    found, seen = 0, set[int]()
    for number in choose(candidates, count):
        png, image = pictures[number]
        name = f"{len(entries):02d}.png"
        write_bytes(folder / FOLDER / name, png)
        entries.append({"image": name, **_expected(_look(pipeline, image, thresholds))})
        found, seen = found + candidates[number].detections, seen | candidates[number].classes
    names = pipeline.info.names
    content = {
        "tolerance": asdict(tolerance),
        "thresholds": thresholds_to_json(thresholds, names),
        "images": entries,
    }
    write_text(folder / FOLDER / FILE, json.dumps(content, separators=(",", ":")) + "\n")
    unseen = tuple(name for number, name in enumerate(names) if number not in seen)
    return GoldenSet(len(entries), found, unseen)


def has_golden(artifact: Artifact) -> bool:
    """Whether the artifact is a bundle with a golden set."""
    return artifact.manifest is not None and f"{FOLDER}/{FILE}" in artifact.manifest.content["files"]


def golden_images(artifact: Artifact) -> list[Image]:
    """The images of a golden set.

    Raises:
        BundleError: there is none, or it cannot be read.
    """
    golden = _read(artifact)
    return [_image(golden, entry["image"]) for entry in golden.entries]


def check_golden(artifact: Artifact) -> GoldenResult:
    """Run the golden set of a bundle, and compare with what was found where the bundle was made.

    Raises:
        BundleError: there is none, or it cannot be read.
        RuntimeFailure: the network failed or put out NaN.
    """
    golden = _read(artifact)
    worst, differing, detections = Deviation(), [], 0
    for entry in golden.entries:
        try:
            deviation, count = _deviation(entry, golden, artifact)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, BundleError):
                raise
            raise _unfit(golden.folder, f"{entry['image']}: {error!r}") from error
        detections += count
        worst = worst | deviation
        if not deviation.within(golden.tolerance):
            differing.append(entry["image"])
    return GoldenResult(len(golden.entries), detections, worst, golden.tolerance, tuple(differing))


@dataclass(frozen=True)
class _Written:
    folder: Path
    tolerance: Tolerance
    thresholds: Thresholds
    entries: list[dict[str, Any]]
    hashes: Mapping[str, str]


def _deviation(entry: dict[str, Any], golden: _Written, artifact: Artifact) -> tuple[Deviation, int]:
    """How far one image is off, and how many detections are expected in it."""
    image = _image(golden, entry["image"])
    found = _look(artifact.pipeline, image, artifact.thresholds)
    if isinstance(found, Classification):
        return Deviation(score=float(np.abs(found.probabilities - np.array(entry["probabilities"])).max())), 1
    (height, width), canvas = image.shape[:2], artifact.pipeline.info.imgsz
    wanted = expectation.from_json(entry, height=height, width=width)
    deviation = expectation.compare(
        wanted,
        found,
        thresholds=(golden.thresholds, artifact.thresholds),
        tolerance=golden.tolerance,
        gain=min(canvas[0] / height, canvas[1] / width),
    )
    return deviation, len(wanted)


def _expected(found: Result) -> dict[str, Any]:
    if isinstance(found, Classification):
        return {"probabilities": found.probabilities.astype(np.float64).round(6).tolist()}
    return expectation.to_json(found)


def _look(pipeline: Pipeline, image: Image, thresholds: Thresholds) -> Result:
    (found,) = pipeline([image], thresholds=thresholds)
    return found


def _run(pipeline: Pipeline, image: Image) -> tuple[Outputs, Geometry]:
    """Outputs without the batch axis."""
    tensor, geometries = pipeline.preprocess([image], pipeline.info)
    return tuple(output[0] for output in pipeline.network.run(tensor)), geometries[0]


def _small(image: Image, limit: int) -> tuple[bytes, Image]:
    """The PNG of an image, made smaller until it has at most `limit` bytes, and its pixels."""
    while True:
        _, encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, _EFFORT])
        if len(encoded) <= limit or max(image.shape[:2]) <= 32:
            return encoded.tobytes(), image
        shrink = min(0.95, 0.97 * (limit / len(encoded)) ** 0.5)
        size = [max(round(side * shrink), 1) for side in image.shape[1::-1]]
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read(artifact: Artifact) -> _Written:
    if artifact.manifest is None or not has_golden(artifact):
        raise BundleError(f"{artifact.path}: expected a bundle with a golden set", hint="export it again to make one")
    folder = artifact.manifest.path.parent / FOLDER
    try:
        content = json.loads(_content(folder, FILE, artifact.manifest.content["files"]))
        tolerance = Tolerance(**{key: float(value) for key, value in content["tolerance"].items()})
        thresholds = thresholds_from_json(content["thresholds"], artifact.manifest.names)
        entries = content["images"]
        names = [entry["image"] for entry in entries]
        if not names or not all(f"{FOLDER}/{name}" in artifact.manifest.content["files"] for name in names):
            raise ValueError("images that are not in the manifest, or none")
    except BundleError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unfit(folder, repr(error)) from error
    return _Written(folder, tolerance, thresholds, entries, artifact.manifest.content["files"])


def _image(golden: _Written, name: str) -> Image:
    try:
        content = _content(golden.folder, name, golden.hashes)
    except OSError as error:
        raise ImageError(f"{golden.folder / name}: expected an image file: {error.strerror}") from error
    return decode_image(content)


def _content(folder: Path, name: str, hashes: Mapping[str, str]) -> bytes:
    """A file of the golden set, which belongs to the model that is open and to no other."""
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != hashes[f"{FOLDER}/{name}"]:
        raise BundleError(
            f"{folder / name}: changed since the bundle was opened",
            hint="the model that is open is the one before; open the bundle again",
        )
    return content


def _unfit(folder: Path, found: str) -> BundleError:
    return BundleError(
        f"{folder / FILE}: expected a golden set as yolo-tl export writes it, found {found}", hint="export it again"
    )
