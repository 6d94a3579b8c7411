"""From a float32 ONNX file to an 8-bit one that is worth having: close enough to it, and faster."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yolo_tl.config import GateLimits, QuantisationConfig
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import RunOptions, Task
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.exporting.gate import Samples, choose_samples
from yolo_tl.exporting.gate.samples import spread
from yolo_tl.exporting.quantisation.calibration import Calibration
from yolo_tl.exporting.quantisation.quantiser import Quantiser
from yolo_tl.exporting.quantisation.recipes import RECIPES
from yolo_tl.exporting.quantisation.sensitivity import Search, Sensitivity, Verdict
from yolo_tl.exporting.quantisation.timing import TimeRatio, paired_time, require_faster
from yolo_tl.files import atomic_path

SEARCHED_ON = 64  # images of the search
_FEWEST = 8  # of them that were not calibrated on, else all of the train split are taken
_TIMED_ON = 4
_MACHINES = {"x86_64": "x86", "amd64": "x86", "i686": "x86", "aarch64": "arm", "arm64": "arm"}


@dataclass(frozen=True)
class QuantisedFile:
    """A quantised file that was written.

    Attributes:
        floats: convolutions in float, of the recipe and of the search.
        verdicts: of each network that the search tried, the written one's last; empty without a search.
        ratio: its CPU time over that in float; None where it is for another processor.
        notes: what was decided, for people.
    """

    floats: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    ratio: TimeRatio | None
    notes: tuple[str, ...]


def quantise_onnx(
    source: Path,
    target: Path,
    *,
    calibration: Calibration,
    probe: Samples,
    config: QuantisationConfig,
    limits: GateLimits,
    thresholds: Thresholds,
) -> QuantisedFile:
    """Quantise a file for a processor.

    Args:
        source: a float32 ONNX file of fixed size with the metadata of Ultralytics, with any head: what comes after the
            last convolutions, NMS and the choice of the best included, stays in float.
        target: the file to write; its metadata are those of `source` and an entry ``quantisation``.
        calibration: images that ranges are measured on.
        probe: images that the search judges on; see `probe_samples`.
        config: the processor, and whether to search.
        limits: flips and loss of mAP that the search is to reach.
        thresholds: the operating point.

    Raises:
        ExportError: the file cannot be quantised, or is slower than in float on the processor it is for.
        ImageError: an image cannot be read.
        MissingExtra: onnx or onnxruntime is not installed.
    """
    quantiser = Quantiser(source, calibration, RECIPES[config.target])
    timed = _MACHINES.get(platform.machine().lower()) == config.target
    if config.search:
        found = Sensitivity(quantiser, probe, limits=limits, thresholds=thresholds, timed=timed).search()
    else:
        found = Search(quantiser.quantise(), ())
    searched = [verdict.to_json() for verdict in found.verdicts]
    ratio = None
    with atomic_path(target) as temporary:
        quantiser.write(found.quantised, temporary, search=searched)
        if timed:
            network = OnnxNetwork(temporary, RunOptions(threads=1))
            ratio = paired_time(quantiser.network, network, quantiser.images[:_TIMED_ON])
            if not config.slower:
                require_faster(ratio, source.name)
    floats = tuple(sorted(set(quantiser.graph.convs) - found.quantised.placement.quantised))
    return QuantisedFile(floats, found.verdicts, ratio, _notes(config, quantiser, floats, found.verdicts, ratio))


def probe_samples(data: Path, calibration: Calibration, *, task: Task, names: Sequence[str]) -> Samples:
    """Images of the train split for the search: never those that a gate judges, which are of val or test.

    They are none that ranges were measured on, as long as there are others.

    Args:
        data: as of `choose_calibration`.
        calibration: what it chose.
        task: what the network does.
        names: the classes it knows.
    """
    found = choose_samples(data, task=task, names=names, split="train")
    known = set(calibration.paths)
    other = tuple(sample for sample in found.images if sample.image not in known)
    images = other if len(other) >= _FEWEST else found.images
    return replace(found, images=tuple(images[i] for i in spread(len(images), SEARCHED_ON)))


def _notes(
    config: QuantisationConfig,
    quantiser: Quantiser,
    floats: Sequence[str],
    verdicts: Sequence[Verdict],
    ratio: TimeRatio | None,
) -> tuple[str, ...]:
    notes = [
        f"{len(floats)} of {len(quantiser.graph.convs)} convolutions in float, the others in 8 bits for {config.target}"
    ]
    if verdicts:
        last = verdicts[-1]
        loss = "" if last.map_loss is None else f", loss of accuracy {last.map_loss:.4f}"
        end = "" if last.held else "; the limits were not reached"
        notes.append(f"search on train images: {last.flips:.3f} of them flip{loss}{end}")
    notes.append(f"not timed: it is for {config.target}" if ratio is None else ratio.describe())
    return tuple(notes)
