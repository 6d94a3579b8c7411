"""The torch-free runtime beside Ultralytics on the same ONNX files: overhead, start, size, and the same numbers.

    python benchmarks/edge.py [--only overhead,start,install,parity] [--data FOLDER] [--model TRAINED.onnx]

The networks are YOLO26n with random weights (``edge_networks.py``). Each contestant runs in processes of its own, in
turns, with one engine thread; figures are processor time of all threads, medians, and ratios paired by round:

- overhead: what a call costs in all, over ``session.run`` on a tensor that is ready, in the same process;
- start: from the start of the interpreter to what is imported, and to the first result;
- install: ``pip install`` of the project with the extra ``edge`` in an empty environment;
- parity: the same numbers on generated images, and on those of a folder (``edge_parity.py``).

Parts that are not asked for keep their last figures in ``edge.json``; the table is ``edge.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from edge_table import table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "edge.json"
SEED = 4  # of the picture: a few objects, as on a line

OURS = """
from yolo_tl.edge import Detector, read_image
imported = cpu()
detector = Detector(sys.argv[1], threads=1)
found = detector(read_image(sys.argv[2]))
boxes = [[*map(float, box), float(score), int(number)]
         for box, score, number in zip(found.xyxy, found.confidence, found.class_id)]
"""
THEIRS = """
from ultralytics import YOLO
from ultralytics.utils.patches import imread
imported = cpu()
model = YOLO(sys.argv[1], task="detect")
boxes = model.predict(imread(sys.argv[2]), imgsz=640, device="cpu", verbose=False)[0].boxes.data.tolist()
"""
START = """
import json, resource, sys
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
{setup}
first = cpu()
with open("/proc/self/status") as status:
    resident = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
print(json.dumps({{"boxes": boxes, "imported": imported, "first": first, "resident": resident}}))
"""


def overhead(networks: dict[str, Path], rounds: int, environment: dict[str, str]) -> dict[str, Any]:
    """Both contestants of each network, in turns."""
    told = {}
    for name, path in networks.items():
        side = name.split(" ")[0]
        workers = {
            who: subprocess.Popen(
                [sys.executable, str(HERE / "edge_contestants.py"), who, str(path), side, str(SEED)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
            for who in ("ours", "theirs")
        }
        spent: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            for who, worker in workers.items():
                assert worker.stdin is not None
                assert worker.stdout is not None
                print(10 if side == "640" else 30, file=worker.stdin, flush=True)
                answer = json.loads(worker.stdout.readline())
                for call, value in answer.items():
                    spent[f"{who} {call}"].append(value)
                    spent[f"{who} {call} ratio"].append(value / answer["bare"])
        for worker in workers.values():
            worker.communicate()
        told[name] = {key: median(values) for key, values in spent.items()}
    return told


def start(model: Path, image: Path, repeats: int, environment: dict[str, str]) -> dict[str, Any]:
    """Fresh processes, in turns; both must find the same."""
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
    for turn in range(repeats + 1):  # the first fills the disk cache
        for who, setup in (("ours", OURS), ("theirs", THEIRS)):
            done = subprocess.run(
                [sys.executable, "-c", START.format(setup=setup), str(model), str(image)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(f"a contestant failed:\n{done.stderr}")
            if turn:
                runs[who].append(json.loads(done.stdout.splitlines()[-1]))
    if any(run["boxes"] != runs["ours"][0]["boxes"] for run in [*runs["ours"], *runs["theirs"]]):
        sys.exit("the two do not return the same boxes")
    keys = ("imported", "first", "resident")
    return {who: {key: median(run[key] for run in told) for key in keys} for who, told in runs.items()}


def install() -> dict[str, Any]:
    """MB of each package in the site-packages of an environment that holds nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(python.parents[1])], check=True)
        root = HERE.parent
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
        subprocess.run([*pip, "--constraint", root / "constraints.txt", f"{root}[edge]"], check=True)
        (packages,) = (python.parents[1] / "lib").glob("python*/site-packages")
        sizes = {path.name: size(path) for path in packages.iterdir()}
    large = {name: value for name, value in sizes.items() if value >= 1}
    return {"total": sum(sizes.values()), "packages": dict(sorted(large.items(), key=lambda item: -item[1]))}


def size(path: Path) -> float:
    """MB of a file, or of all below a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def parity(networks: Path, options: argparse.Namespace, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Every task, in one process."""
    more = [] if options.data is None else ["--data", str(options.data)]
    more += [] if options.model is None else ["--model", str(options.model)]
    command = [
        sys.executable,
        str(HERE / "edge_parity.py"),
        str(networks),
        "--generated",
        str(options.generated),
        *more,
    ]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="overhead,start,install,parity")
    parser.add_argument("--networks", type=Path, help="where the networks are, or are made")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--generated", type=int, default=2000)
    parser.add_argument("--data", type=Path, help="a folder of images for parity, searched with its subfolders")
    parser.add_argument("--model", type=Path, help="a trained detector for parity, beside networks nobody trained")
    options = parser.parse_args()
    wanted = options.only.split(",")
    told: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.networks or Path(scratch)
        one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        settings = {"YOLO_CONFIG_DIR": scratch, "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0"}
        environment = {**os.environ, **one, **settings, "PYTHONPATH": str(HERE.parent)}
        if {"overhead", "start"} & set(wanted):
            import cv2
            from edge_contestants import SHAPE
            from edge_networks import picture, write_network

            heads = ("raw", "nms-free")
            networks = {
                f"{side} {head}": write_network(folder, "detect", imgsz=side, head=head)  # type: ignore[arg-type]
                for side in (640, 320)
                for head in heads
            }
            image = Path(scratch) / "image.png"
            cv2.imwrite(str(image), picture(*SHAPE, seed=SEED))
            if "overhead" in wanted:
                told["overhead"] = overhead(networks, options.rounds, environment)
            if "start" in wanted:
                told["start"] = start(networks["640 raw"], image, options.starts, environment)
        if "install" in wanted:
            told["install"] = install()
        if "parity" in wanted:
            told["parity"] = parity(folder, options, environment)
    packages = {name: version(name) for name in ("ultralytics", "onnxruntime", "torch", "numpy", "opencv-python")}
    told["where"] = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **packages,
    }
    RESULTS.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    text = table(told)
    RESULTS.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
