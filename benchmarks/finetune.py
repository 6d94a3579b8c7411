"""Fine-tuning on few images: our presets beside plain `yolo train`, in one run, in CPU-seconds.

    python benchmarks/finetune.py DATA WEIGHTS [--seeds 0 1 2] [--epochs 20] [--imgsz 320] [--batch 16]

DATA is a converted data set, WEIGHTS a COCO-pretrained checkpoint. Every run is a process of its own, and the
contestants take turns seed by seed. `yolo train` is Ultralytics itself, on a copy of the data, with its defaults.
The table goes to benchmarks/finetune.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

PEER = "yolo train"
PRESETS = ("plain", "small-data")

OURS = """
    import json, sys
    import yolo_tl
    data, weights, out, preset, options = sys.argv[1:]
    result = yolo_tl.train(data, weights, out=out, preset=preset, overrides=json.loads(options))
    test = yolo_tl.evaluate(result.weights, data, split="test") if "test" in result.plan.data.images else None
    val = result.to_json()["metrics"]
    print(json.dumps({"cpu": result.cpu_seconds, "steps": result.plan.budget.steps, "val": val,
                      "test": test.to_json() if test else None}))
"""

THEIRS = """
    import json, sys, time
    import yolo_tl
    from yolo_tl.engine.hermetic import ultralytics, use_threads
    data, weights, out, _, options = sys.argv[1:]
    package = ultralytics()
    options = json.loads(options)
    use_threads(options.pop("threads"))
    began = time.process_time()
    model = package.YOLO(weights)
    model.train(data=data + "/data.yaml", project=out, name="run", plots=False, device="cpu", amp=False, **options)
    cpu = time.process_time() - began
    best = out + "/run/weights/best.pt"
    val, test = (yolo_tl.evaluate(best, data, split=split).to_json() for split in ("val", "test"))
    print(json.dumps({"cpu": cpu, "steps": None, "val": val, "test": test}))
"""


def run(name: str, data: Path, weights: str, options: dict[str, Any]) -> dict[str, Any]:
    """Train once in a fresh process and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        shutil.copytree(data, copy)
        code = textwrap.dedent(THEIRS if name == PEER else OURS)
        arguments = [sys.executable, "-c", code, str(copy), weights, f"{folder}/out", name, json.dumps(options)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return figures


def main() -> None:
    """Run every contestant for every seed and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()

    contestants = (PEER, *PRESETS)
    figures: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for seed in asked.seeds:
        for name in contestants:
            options = {
                "epochs": asked.epochs,
                "imgsz": asked.imgsz,
                "batch": asked.batch,
                "seed": seed,
                "threads": asked.threads,
            }
            found = run(name, asked.data.resolve(), str(Path(asked.weights).resolve()), options)
            figures[name].append(found)
            print(f"{name} seed {seed}: val {found['val']['map50_95']:.3f}, {found['cpu']:.0f} CPU-s", flush=True)

    base = statistics.median(f["cpu"] for f in figures["plain"])
    facts = [
        f"{asked.data.name}, {Path(asked.weights).name}, imgsz {asked.imgsz}, batch {asked.batch}",
        f"{asked.epochs} epochs, seeds {', '.join(map(str, asked.seeds))}",
        f"CPU with {asked.threads} threads, not run on GPU",
    ]
    lines = [
        "# Fine-tuning on few images",
        "",
        f"{', '.join(facts)}.",
        "Medians over seeds; the interval is the image bootstrap of the first seed.",
        "Written by `benchmarks/finetune.py`.",
        "",
        "| run | optimizer steps | val mAP50 | val mAP50-95 | 95 % interval | test mAP50-95 | CPU-s | ratio to plain |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in figures.items():
        low, high = runs[0]["val"]["ci95"]
        cpu = statistics.median(f["cpu"] for f in runs)
        test = [f["test"]["map50_95"] for f in runs if f["test"]]
        lines.append(
            f"| {name} | {runs[0]['steps'] or ''} "
            f"| {statistics.median(f['val']['map50'] for f in runs):.3f} "
            f"| {statistics.median(f['val']['map50_95'] for f in runs):.3f} | [{low:.3f}, {high:.3f}] "
            f"| {statistics.median(test):.3f} | {cpu:.0f} | {cpu / base:.2f} |"
        )
    table = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
