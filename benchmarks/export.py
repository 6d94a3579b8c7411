"""Exports beside Ultralytics': what flips, how fast 8 bits are, what the gate catches, and how long that takes.

    python benchmarks/export.py CHECKPOINT DATA [--only PART ...]

CHECKPOINT is a detector trained on DATA, a converted data set. Each part writes its lines into ``export.json`` beside
this file, and the table ``export.md`` is made of all that is there; ``--only`` runs parts again. Everything is judged
on the whole test split; quantisation sees only train.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from damaged import damages
from untrained import untrained

import yolo_tl
from yolo_tl.api.verifying import verify
from yolo_tl.config import GateLimits
from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import TASKS, RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.exporting import export_model
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.exporting.gate import choose_samples, judge
from yolo_tl.exporting.opening import open_any
from yolo_tl.exporting.quantisation.calibration import choose_calibration, tensors_of
from yolo_tl.exporting.quantisation.timing import paired_time
from yolo_tl.files import write_json, write_text

HERE = Path(__file__)
NOTHING = GateLimits(None, None, None, None, None, None)  # measured, not judged
PACKAGES = ("yolo-tl", "ultralytics", "torch", "onnxruntime", "openvino", "nncf", "numpy")
GOLDEN = 32


def floats(checkpoint: Path, data: Path, work: Path) -> list[dict[str, Any]]:
    """Float exports against the checkpoint, and what Ultralytics' defaults do."""
    for name in ("onnx", "openvino"):
        yolo_tl.export(checkpoint, data, work / name, preset=name)
    found = []
    for called, artifact, precision in (
        ("ONNX", work / "onnx", "f32"),
        ("OpenVINO", work / "openvino", "f32"),
        ("OpenVINO in bfloat16, which it takes by itself", work / "openvino/model_openvino_model", "bf16"),
    ):
        (gate,) = verify(
            [checkpoint, artifact], data, split="test", images=None, limits=vars(NOTHING), precision=precision
        ).gates
        found.append({"artifact": called, **_gate(gate)})
    ultralytics()
    from ultralytics import YOLO

    images = [str(sample.image) for sample in _samples(data, checkpoint).images]
    model = work / "onnx" / "model.onnx"
    counts = [
        [
            len(YOLO(str(path), task="detect").predict(image, imgsz=_size(checkpoint), verbose=False)[0])
            for image in images
        ]
        for path in (checkpoint, model)
    ]
    changed = sum(a != b for a, b in zip(*counts, strict=True))
    found.append(
        {"artifact": "`yolo predict` with the checkpoint and with its ONNX", "flips": changed, "of": len(images)}
    )
    return found


def eight_bits(checkpoint: Path, data: Path, work: Path) -> list[dict[str, Any]]:
    """8-bit ONNX of ours and of Ultralytics, and OpenVINO's, against float32 ONNX: time, flips, mAP."""
    module, size = load_checkpoint(checkpoint), _size(checkpoint)
    names = tuple(module.names.values())
    plain, theirs = work / "float.onnx", work / "ultralytics.onnx"
    calibration = choose_calibration(data, task="detect", names=names, count=64, seed=0)
    options: dict[str, Any] = {
        "head": "raw",
        "task": "detect",
        "imgsz": size,
        "batch": 1,
        "dynamic": False,
        "simplify": True,
        "opset": None,
        "confidence": 0.25,
        "iou": 0.7,
        "max_det": 300,
    }
    export_model(module, plain, format="onnx", precision="fp32", **options)
    export_model(module, theirs, format="onnx", precision="int8", calibration=calibration.paths, **options)
    contestants = {"Ultralytics' INT8 ONNX, the same 64 images": theirs}
    notes: dict[str, str] = {}
    for called, preset, overrides in (
        ("INT8 ONNX, limit of flips 0.35", "int8", {}),
        ("INT8 ONNX, limit of flips 0.15", "int8", {"limits.flips": 0.15}),
        ("INT8 ONNX, no search", "int8", {"quantisation.search": False, "limits.flips": 1.0, "limits.map_loss": 1.0}),
        ("INT8 OpenVINO by NNCF", "int8", {"format": "openvino", "limits.flips": 1.0, "limits.map_loss": 1.0}),
    ):
        out = work / f"int8-{len(contestants)}"
        try:
            began = time.process_time()
            result = yolo_tl.export(checkpoint, data, out, preset=preset, overrides={"head": "raw", **overrides})
            notes[called] = "; ".join(result.notes) + f"; made in {time.process_time() - began:.0f} CPU-s"
            contestants[called] = next(path for path in out.iterdir() if path.name.startswith("model"))
        except yolo_tl.YoloTLError as error:
            notes[called] = f"refused: {error.message.partition(': ')[2]}"  # without the path
    one = RunOptions(threads=1)
    reference = open_network(plain, one)
    samples, thresholds = _samples(data, checkpoint), Thresholds()
    tensors = tensors_of([sample.image for sample in samples.images[:8]], reference.info)
    peer = open_network(theirs, one)
    found = []
    for called in dict.fromkeys([*contestants, *notes]):
        if called not in contestants:
            found.append({"artifact": called, "notes": notes[called]})
            continue
        network = open_network(contestants[called], one)
        ratio, to_peer = paired_time(reference, network, tensors), paired_time(peer, network, tensors)
        gate = judge(Pipeline(reference), Pipeline(network), samples, limits=NOTHING, thresholds=thresholds)
        found.append(
            {
                "artifact": called,
                "time": ratio.to_json(),
                "to_peer": to_peer.to_json(),
                "notes": notes.get(called, ""),
                **_gate(gate),
            }
        )
    return found


def tasks(checkpoint: Path, data: Path, work: Path) -> list[dict[str, Any]]:
    """YOLO26n of every task and head: export, gate, self-test. Nobody trained them."""
    images = [sample.image for sample in _samples(data, checkpoint).images[:8]]
    found = []
    for task in TASKS:
        weights = untrained(task, work, images, imgsz=160)
        for head in ("raw",) if task == "classify" else ("raw", "nms-free"):
            out = work / f"{task}-{head}"
            options = {"head": head, "images": 8, "max_det": 50}
            try:
                result = yolo_tl.export(weights, images[0].parent, out, overrides=options)
                tested = yolo_tl.selftest(out, repeat=2)
            except yolo_tl.YoloTLError as error:
                found.append({"task": task, "head": head, "gate": error.message})
                continue
            assert result.gate is not None
            assert result.golden is not None
            matched = result.gate.matched
            found.append(
                {
                    "task": task,
                    "head": head,
                    "gate": "passed",
                    "golden": result.golden.detections,
                    "box": matched.box,
                    "score": matched.score,
                    "detections": matched.detections,
                    "selftest": "passed" if tested.passed else "failed",
                }
            )
    return found


def caught(checkpoint: Path, data: Path, work: Path) -> list[dict[str, Any]]:
    """Damaged exports, which the gate has to refuse and to place."""
    yolo_tl.export(checkpoint, data, work / "bundle", overrides={"head": "raw"})
    model = work / "bundle" / "model.onnx"
    reference = open_any(checkpoint, head="raw", imgsz=_size(checkpoint)).pipeline
    samples = _samples(data, checkpoint, count=GOLDEN)
    found = []
    for called, stage, pipeline in damages(model, work):
        gate = judge(reference, pipeline, samples, limits=GateLimits(), thresholds=Thresholds())
        found.append({"damage": called, "expected": stage, "stages": list(gate.culprits), **_gate(gate)})
    return found


def speed(checkpoint: Path, data: Path, work: Path) -> list[dict[str, Any]]:
    """`verify` of golden images over three backends beside the checkpoint."""
    for name in ("onnx", "openvino"):
        yolo_tl.export(checkpoint, data, work / name, preset=name)
    yolo_tl.export(checkpoint, data, work / "torchscript", overrides={"format": "torchscript"})
    models = [work / "onnx", work / "openvino", work / "torchscript/model.torchscript"]
    began, clock = time.process_time(), time.perf_counter()
    verify([checkpoint, *models], data, split="test", images=GOLDEN)
    return [{"images": GOLDEN, "cpu": time.process_time() - began, "wall": time.perf_counter() - clock}]


PARTS: dict[str, Callable[[Path, Path, Path], list[dict[str, Any]]]] = {
    "floats": floats,
    "eight_bits": eight_bits,
    "tasks": tasks,
    "caught": caught,
    "speed": speed,
}


def _gate(gate: Any) -> dict[str, Any]:
    scores = gate.scores
    interval = None if scores.low is None else [scores.low, scores.high]
    return {
        "flips": gate.share.flipped,
        "of": gate.share.units,
        "low": gate.share.low,
        "high": gate.share.high,
        "at_threshold": gate.at_threshold,
        "unmatched": gate.matched.unmatched,
        "loss": scores.loss,
        "box": gate.matched.box,
        "score": gate.matched.score,
        "interval": interval,
    }


def _samples(data: Path, checkpoint: Path, count: int | None = None) -> Any:
    names = tuple(load_checkpoint(checkpoint).names.values())
    return choose_samples(data, task="detect", names=names, split="test", count=count)


def _size(checkpoint: Path) -> int:
    return int(open_any(checkpoint).pipeline.info.imgsz[0])


def main() -> None:
    """Run what is asked for and write the table."""
    from exporting_table import page

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--table", action="store_true", help="only write the table")
    asked = parser.parse_args()
    file = HERE.with_suffix(".json")
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not asked.table:
        if asked.checkpoint is None or asked.data is None:
            parser.error("expected CHECKPOINT and DATA, or --table")
        for part in asked.only:
            with tempfile.TemporaryDirectory() as name:
                kept[part] = PARTS[part](asked.checkpoint, asked.data, Path(name))
            kept["versions"] = {package: metadata.version(package) for package in PACKAGES}
            write_json(file, kept)
            print(f"{part}: done", flush=True)
    write_text(HERE.with_suffix(".md"), page(kept))


if __name__ == "__main__":
    main()
