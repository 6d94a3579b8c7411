"""Converting a COCO-size instances file and 20,000 VOC files, beside the peers that are installed.

    python benchmarks/convert.py [--python PEERS/bin/python] [--folder FOLDER] [--repeats 3] [--scale 1.0]

Contestants run in turns, each in a fresh process, on the same files; processor time is user + system
of that process and its children, memory its highest resident size. Ours reads the header of every
image, links every image into the new data set, cleans, and keeps a ledger; the peers write label files
only. No val is set aside, as the peers set none aside. ``--python`` names an interpreter that has the
peers: panlabel, labelformat, globox, datumaro, supervision; those it does not have are left out. The
table goes to stdout and to ``convert.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import cv2
import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import coco_file
import voc_files

OURS = """
import sys
from yolo_tl.data import ReadOptions, convert
options = ReadOptions(task=sys.argv[3], workers=int(sys.argv[4]))
report = convert(sys.argv[1], sys.argv[2], options=options, ratios=(1.0, 0.0, 0.0))
print(report.images, report.annotations_in, report.annotations_out)
"""
AGAIN = OURS + "assert report.unchanged\n"
CHECK = """
import sys
from yolo_tl.data.checking import check
print(len(check(sys.argv[2], fast=True).findings), "findings")
"""
FLOOR = """
import os, sys, msgspec
class Image(msgspec.Struct, gc=False):
    id: int
    width: int
    height: int
    file_name: str
class Item(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
class File(msgspec.Struct):
    images: list[Image]
    annotations: list[Item]
document = msgspec.json.decode(open(sys.argv[1] + "/annotations/instances_train2017.json", "rb").read(), type=File)
rows = {image.id: [] for image in document.images}
for item in document.annotations:
    rows[item.image_id].append(item)
os.makedirs(sys.argv[2])
for image in document.images:
    w, h = image.width, image.height
    text = "".join("%d %.6g %.6g %.6g %.6g\\n" % (i.category_id, (i.bbox[0] + i.bbox[2] / 2) / w,
        (i.bbox[1] + i.bbox[3] / 2) / h, i.bbox[2] / w, i.bbox[3] / h) for i in rows[image.id])
    with open(f"{sys.argv[2]}/{image.file_name[:-4]}.txt", "w") as out:
        out.write(text)
"""
ULTRALYTICS = """
import sys
from ultralytics.data.converter import convert_coco
convert_coco(sys.argv[1] + "/annotations", sys.argv[2], use_segments=sys.argv[3] == "segment", cls91to80=False)
"""
LABELFORMAT = """
import sys
from pathlib import Path
from labelformat.formats import {0}, YOLOv8ObjectDetectionOutput
YOLOv8ObjectDetectionOutput(output_file=Path(sys.argv[2]) / "data.yaml", output_split="train").save(label_input={1})
"""
LABELFORMAT_COCO = LABELFORMAT.format(
    "COCOObjectDetectionInput",
    'COCOObjectDetectionInput(input_file=Path(sys.argv[1]) / "annotations/instances_train2017.json")',
)
LABELFORMAT_VOC = LABELFORMAT.format(
    "PascalVOCObjectDetectionInput",
    'PascalVOCObjectDetectionInput(input_folder=Path(sys.argv[1]) / "Annotations", category_names="'
    + ",".join(voc_files.CLASSES)
    + '")',
)
GLOBOX = """
import sys
from globox import AnnotationSet
found = AnnotationSet.{0}
names = sorted({{box.label for annotation in found for box in annotation.boxes}})
found.save_yolo_v5(sys.argv[2], label_to_id={{name: i for i, name in enumerate(names)}})
"""
DATUMARO = """
import sys
import datumaro as dm
dm.Dataset.import_from(sys.argv[1], "coco").export(sys.argv[2], "yolo", save_media=False)
"""
SUPERVISION = """
import sys
import supervision as sv
found = sv.DetectionDataset.from_pascal_voc(sys.argv[1] + "/JPEGImages", sys.argv[1] + "/Annotations")
found.as_yolo(annotations_directory_path=sys.argv[2])
"""
PANLABEL = "panlabel"


_WHAT = (
    "Ours reads the header of every image and links every image into the new data set; the peers write label files "
    "only. *The same again* is a second run over unchanged input, *check* looks at the result of the run before."
)


@dataclass
class Runner:
    """One contestant in one discipline.

    Attributes:
        case: the column.
        name: the row.
        code: a program; argv is source, target and `arguments`.
        ours: it runs in this interpreter.
        goes_on: the target of the contestant before is left in place.
    """

    case: str
    name: str
    code: str
    arguments: tuple[str, ...] = ()
    ours: bool = False
    goes_on: bool = False
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    failed: str = ""


def runners() -> Iterator[Runner]:
    """Every contestant."""
    for case, task in (("COCO boxes", "detect"), ("COCO polygons", "segment")):
        yield Runner(case, "yolo_tl", OURS, (task, "1"), ours=True)
        if task == "detect":
            yield Runner(case, "yolo_tl, the same again", AGAIN, (task, "1"), ours=True, goes_on=True)
            yield Runner(case, "yolo_tl check --fast", CHECK, ours=True, goes_on=True)
        yield Runner(case, "yolo_tl, 2 processes", OURS, (task, "2"), ours=True)
        yield Runner(case, "Ultralytics", ULTRALYTICS, (task,), ours=True)
    yield Runner("COCO boxes", "floor: parse + write", FLOOR, ours=True)
    yield Runner("COCO boxes", "panlabel", PANLABEL, ("coco",))
    yield Runner("COCO boxes", "labelformat", LABELFORMAT_COCO)
    yield Runner(
        "COCO boxes", "globox", GLOBOX.format('from_coco(sys.argv[1] + "/annotations/instances_train2017.json")')
    )
    yield Runner("COCO boxes", "datumaro", DATUMARO)
    yield Runner("VOC 20k", "yolo_tl", OURS, ("detect", "1"), ours=True)
    yield Runner("VOC 20k", "yolo_tl, 2 processes", OURS, ("detect", "2"), ours=True)
    yield Runner("VOC 20k", "panlabel", PANLABEL, ("voc",))
    yield Runner("VOC 20k", "labelformat", LABELFORMAT_VOC)
    yield Runner("VOC 20k", "globox", GLOBOX.format('from_pascal_voc(sys.argv[1] + "/Annotations")'))
    yield Runner("VOC 20k", "supervision", SUPERVISION)


def make_sources(folder: Path, scale: float) -> dict[str, Path]:
    """The sources of each case, made once."""
    coco, voc = folder / f"coco_{scale:g}", folder / f"voc_{scale:g}"
    if not coco.is_dir():
        draft = coco.with_suffix(".tmp")
        (draft / "images").mkdir(parents=True)
        (draft / "annotations").mkdir()
        coco_file.write(draft / "annotations/instances_train2017.json", round(118287 * scale), round(860001 * scale))
        place_images(draft)
        draft.rename(coco)
    if not voc.is_dir():
        draft = voc.with_suffix(".tmp")
        voc_files.write(draft, round(20_000 * scale))
        draft.rename(voc)
    return {"COCO boxes": coco, "COCO polygons": coco, "VOC 20k": voc}


class Image(msgspec.Struct):
    """An image of the instances file."""

    file_name: str
    width: int
    height: int


class File(msgspec.Struct):
    """The part of the instances file that is read here."""

    images: list[Image]


def place_images(coco: Path) -> None:
    """A JPEG for each image of the file: hard links to a few, of the size that the file declares."""
    document = msgspec.json.decode((coco / "annotations/instances_train2017.json").read_bytes(), type=File)
    originals: dict[tuple[int, int, int], Path] = {}
    for i, image in enumerate(document.images):
        key = image.width, image.height, i // 50_000  # a file system allows so many links to one file
        target = coco / "images" / image.file_name
        if key in originals:
            os.link(originals[key], target)
            continue
        noise = np.random.default_rng(0).integers(0, 256, (image.height // 8, image.width // 8, 3), np.uint8)
        pixels = cv2.resize(noise, (image.width, image.height), interpolation=cv2.INTER_CUBIC)
        target.write_bytes(cv2.imencode(".jpg", pixels)[1].tobytes())
        originals[key] = target


def run(runner: Runner, source: Path, out: Path, python: Path | None) -> None:
    """One repeat; the measurements are kept in the runner."""
    if not runner.goes_on:
        shutil.rmtree(out, ignore_errors=True)
    if runner.code == PANLABEL:
        kind = runner.arguments[0]
        at = source / "annotations/instances_train2017.json" if kind == "coco" else source
        command = ["convert", "--from", kind, "--to", "yolo", "-i", at, "-o", out, "--allow-lossy"]
        command = [(python or Path()).with_name("panlabel"), *command]
    else:
        interpreter = sys.executable if runner.ours else python
        command = [interpreter, "-c", runner.code, source, out, *runner.arguments]
    before = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = process.stdout.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        runner.failed = (said.strip().splitlines() or ["no output"])[-1][:100]
        return
    runner.wall.append(time.perf_counter() - before)
    runner.cpu.append(usage.ru_utime + usage.ru_stime)
    runner.peak.append(usage.ru_maxrss / 2**20)


def table(all_runners: list[Runner]) -> str:
    """The medians, and how much faster we are."""
    lines = ["| case | tool | CPU-s | wall s | peak GB | CPU, us = 1 |", "|---|---|---|---|---|---|"]
    ours = {r.case: median(r.cpu) for r in all_runners if r.name == "yolo_tl" and r.cpu}
    for r in all_runners:
        if r.cpu:
            ratio = f"{median(r.cpu) / ours[r.case]:.2f}" if r.case in ours else ""
            figures = f"{median(r.cpu):.1f} | {median(r.wall):.1f} | {median(r.peak):.2f} | {ratio}"
        else:
            figures = f"failed: {r.failed} | | |"
        lines.append(f"| {r.case} | {r.name} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="an interpreter that has the peers")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "yolo_tl_convert")
    parser.add_argument("--out", type=Path, help="where data sets are written; a memory file system if there is one")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--only", default="", help="run the contestants whose case or name holds this")
    arguments = parser.parse_args()
    sources = make_sources(arguments.folder, arguments.scale)
    out = (arguments.out or arguments.folder) / "out"
    chosen = [r for r in runners() if arguments.only in f"{r.case} {r.name}" and (r.ours or arguments.python)]
    for _ in range(arguments.repeats):
        for runner in chosen:
            if not runner.failed:
                run(runner, sources[runner.case], out, arguments.python)
                print(f"{runner.case}, {runner.name}: {runner.failed or f'{runner.cpu[-1]:.1f} CPU-s'}", flush=True)
    shutil.rmtree(out, ignore_errors=True)
    text = table(chosen)
    print(text)
    if not arguments.only:
        python = platform.python_version()
        head = f"Scale {arguments.scale:g}, medians of {arguments.repeats}, in turns; Python {python}."
        Path(__file__).with_suffix(".md").write_text(f"# Conversion\n\n{head} {_WHAT}\n\n{text}\n", "utf-8")


if __name__ == "__main__":
    main()
