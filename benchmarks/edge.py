"""The torch-free runtime beside Ultralytics, on one ONNX file and one image.

    python benchmarks/edge.py MODEL.onnx IMAGE [--repeats 7]

Each contestant runs in fresh processes, in turns. What is compared: processor time from the
start of the interpreter to the first result (user + system, all threads), resident memory
after that result and at its peak, and processor and wall time per image once warm. Both must
return the same boxes to the last bit. The table goes to stdout and to ``edge.md`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from yolo_tl.edge import Detector

OURS = """
from yolo_tl.edge import Detector, read_image
detector = Detector(sys.argv[1])
image = read_image(sys.argv[2])
def detect():
    found = detector(image)
    return [[*map(float, box), float(score), int(number)]
            for box, score, number in zip(found.xyxy, found.confidence, found.class_id)]
"""
THEIRS = """
from ultralytics import YOLO
from ultralytics.utils.patches import imread
model = YOLO(sys.argv[1], task="detect")
image = imread(sys.argv[2])
size = [int(side) for side in sys.argv[3:]]
def detect():
    return model.predict(image, imgsz=size, device="cpu", verbose=False)[0].boxes.data.tolist()
"""
FRAME = """
import json, resource, sys, time
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
def memory(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key))
{setup}
boxes = detect()
first, resident, peak = cpu(), memory("VmRSS"), memory("VmHWM")
for _ in range(5):
    detect()
images, spent, clock = 40, cpu(), time.perf_counter()
for _ in range(images):
    detect()
print(json.dumps({{
    "boxes": boxes, "first": first, "resident": resident, "peak": peak,
    "steady": (cpu() - spent) / images * 1e3, "wall": (time.perf_counter() - clock) / images * 1e3,
}}))
"""
ROWS = (
    ("import + first result, CPU s", "first", "{:.2f}"),
    ("memory after the first result, MB", "resident", "{:.0f}"),
    ("memory at the peak, MB", "peak", "{:.0f}"),
    ("each further image, CPU ms", "steady", "{:.1f}"),
    ("each further image, wall ms", "wall", "{:.1f}"),
)


def measure(setup: str, arguments: Sequence[str], environment: dict[str, str]) -> dict[str, object]:
    """Run one contestant in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", FRAME.format(setup=setup), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"a contestant failed:\n{done.stderr}")
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def table(ours: Sequence[dict], theirs: Sequence[dict], *, model: Path, image: Path) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("ultralytics", "onnxruntime", "torch", "numpy"))
    lines = [
        "# The edge runtime beside Ultralytics",
        "",
        f"`python benchmarks/edge.py {model.name} {image.name} --repeats {len(ours)}`: medians of {len(ours)} fresh "
        f"processes each, in turns; {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, {packages}. Both find the same {len(ours[0]['boxes'])} boxes, bit by bit.",
        "",
        "| | yolo_tl.edge | Ultralytics | ratio (range) |",
        "|---|---:|---:|---:|",
    ]
    for title, key, form in ROWS:
        ratios = [b[key] / a[key] for a, b in zip(ours, theirs, strict=True)]
        lines.append(
            f"| {title} | {form.format(median(r[key] for r in ours))} | {form.format(median(r[key] for r in theirs))} "
            f"| {median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f}) |"
        )
    lines += [
        "",
        "The network itself is the same on both sides. What an image costs once warm depends on how busy the machine "
        "is: Ultralytics lets the threads of ONNX Runtime spin while they wait, the edge lets them sleep. Spinning "
        "has the shorter wall time on an idle machine, sleeping on a busy one.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as settings:
        environment = {**os.environ, "YOLO_CONFIG_DIR": settings, "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0"}
        # Of a dynamic export, Ultralytics would take 640 instead of the size it was made for.
        arguments = [str(options.model), str(options.image), *map(str, Detector(options.model).imgsz)]
        measure(OURS, arguments, environment)  # fills the disk cache
        measure(THEIRS, arguments, environment)
        for _ in range(options.repeats):
            ours.append(measure(OURS, arguments, environment))
            theirs.append(measure(THEIRS, arguments, environment))
    if any(result["boxes"] != ours[0]["boxes"] for result in [*ours, *theirs]):
        sys.exit("the two do not return the same boxes")
    text = table(ours, theirs, model=options.model, image=options.image)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
