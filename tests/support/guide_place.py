"""The folder that the guides are read in: everything they name and do not make themselves, under the names they use.

==================  ===========================================================================================
`VOC_FOLDER`        Pascal VOC: 40 small pictures of discs, squares and triangles, under the class names of BCCD
`datasets/cells`    the same as a data set; `datasets/cells-without-test`: with train and val alone
`data`              a data set of two pictures; `photos`, `UNLABELLED`: pictures without labels
`weights/`          yolo26n.pt: an untrained YOLO26n whose classes have the names of COCO's
`runs/`             cells, a, b, old, new: short runs on such pictures; `a.npz`, `b.npz`, `c.npz`: their predictions
`bundle`            a bundle of a network that finds something at once; `models`: two more, first and second
`damaged`           the same bundle, cut off
`model.onnx`        its network, alone
`belt`, `images`    pictures for it; `part.jpg`, `a.jpg`, `b.jpg` are one each
`line-3.yaml`       rules
`labelimg` …        what each annotation tool leaves: the rows of `EXPORTS` and `ARCHIVES`
==================  ===========================================================================================
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2

from support.bundles import draw_pictures, toy_bundle
from support.datasets import dataset
from support.sources import SOURCES
from support.toys import toy_network
from yolo_tl.data import convert, make_sample
from yolo_tl.data.scenes import make_scenes

CELLS = {"disc": "WBC", "square": "RBC", "triangle": "Platelets"}
EXPORTS = {  # name in the guides → source of `support.sources`
    "coco": "coco",
    "label-studio": "label_studio",
    "via": "via",
    "supervisely": "supervisely",
    "kitti": "kitti",
    "dota": "dota",
    "csv": "csv_boxes",
    "vott": "vott",
    "sagemaker": "sagemaker",
    "createml": "createml",
    "darknet": "darknet",
    "openimages": "openimages",
    "datumaro": "datumaro",
}
ARCHIVES = {"cvat.zip": "cvat", "cvat-video.zip": "cvat_video"}
RUNS = ("cells", "a", "b", "old", "new")


def cells(folder: Path, images: int = 40) -> Path:
    """A Pascal VOC folder with the class names of BCCD, in lots of ten pictures that their names tell."""
    make_sample(folder, images=images, size=(96, 96))
    for file in [*folder.rglob("*.xml"), *folder.rglob("*.txt")]:
        text = _with_lot(file.read_text("utf-8"))
        for shape, name in CELLS.items():
            text = text.replace(f"<name>{shape}</name>", f"<name>{name}</name>")
        file.write_text(text, "utf-8")
    for file in [*folder.rglob("sample_*")]:
        file.rename(file.with_name(_with_lot(file.name)))
    return folder


def _with_lot(text: str) -> str:
    return re.sub(r"sample_(\d{3})(\d)", r"lot\1_\1\2", text)


def place_for(folder: Path, text: str, *, weights: Path | None = None, run: Path | None = None) -> set[Path]:
    """Lay what a text names into a folder.

    Args:
        folder: an empty folder.
        text: the commands and the code of a guide.
        weights: the checkpoint that is laid as yolo26n.pt.
        run: the run that is laid under the names of all runs; its data set is `data` beside it.

    Returns:
        What was laid: a guide that makes one of these itself is to find it missing.
    """
    laid: set[Path] = set()
    for name, make in _makers(weights, run).items():
        if re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w-])", text):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
            laid.add(path)
    return laid


def _makers(weights: Path | None, run: Path | None) -> dict[str, Callable[[Path], object]]:
    makers: dict[str, Callable[[Path], object]] = {
        "VOC_FOLDER": cells,
        "datasets/cells": _data_set,
        "datasets/cells-without-test": _without_test,
        "photos": _photos,
        "damaged": _damaged,
        "model.onnx": lambda path: toy_network(path),
        "data": _two_pictures,
        "UNLABELLED": lambda path: draw_pictures(path, 12),
        "bundle": toy_bundle,
        "models": lambda path: [toy_bundle(path / name, seed=seed) for seed, name in enumerate(("first", "second"), 1)],
        "belt": draw_pictures,
        "images": draw_pictures,
        "line-3.yaml": lambda path: path.write_text("rules:\n  - {name: few, max: 3}\n"),
        "labelimg": lambda path: make_scenes(str(path), format="voc", images=12, size=160),
        "labelme": lambda path: make_scenes(str(path), format="labelme", images=12, size=160),
        "yolo": lambda path: make_scenes(str(path), format="yolo", images=12, size=160),
        "roboflow.zip": _roboflow,
    }
    makers |= dict.fromkeys(("part.jpg", "a.jpg", "b.jpg"), _picture)
    makers |= {name: _source(source) for name, source in EXPORTS.items()}
    makers |= {name: _archive(source) for name, source in ARCHIVES.items()}
    if weights:
        makers["yolo26n.pt"] = lambda path: _copy(weights, path.with_name("weights") / path.name)
    if run:
        makers["datasets/cells"] = lambda path: path.symlink_to(run.parent / "data")  # predictions name their images
        makers |= {f"runs/{name}": lambda path: shutil.copytree(run, path) for name in RUNS}
        makers |= {f"{name}.npz": lambda path: _copy(run / "predictions.npz", path) for name in "abc"}
    return makers


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copy(source, target)


def _data_set(folder: Path) -> None:
    source = cells(folder.with_name(f"{folder.name} source"))
    convert(source, folder, link="copy")
    shutil.rmtree(source)


def _without_test(folder: Path) -> None:
    _data_set(folder)
    for kind in ("images", "labels"):
        shutil.rmtree(folder / kind / "test")
    file = folder / "data.yaml"
    file.write_text(file.read_text("utf-8").replace("test: images/test\n", ""), "utf-8")


def _photos(folder: Path) -> None:
    """Two images that nobody labelled."""
    folder.mkdir()
    for number in range(2):
        _picture(folder / f"{number}.jpg")


def _damaged(folder: Path) -> None:
    """A bundle that lost the end of its model on the way."""
    model = toy_bundle(folder) / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])


def _two_pictures(folder: Path) -> None:
    pictures = draw_pictures(folder.with_name("two pictures"), 2)
    rows = {f"val/{path.name}": (cv2.imread(str(path)), ["0 0.5 0.5 0.5 0.5"]) for path in pictures}
    dataset(folder, rows, names=[f"class {i}" for i in range(3)])
    shutil.rmtree(folder.with_name("two pictures"))


def _picture(path: Path) -> None:
    (drawn,) = draw_pictures(path.with_name("one picture"), 1)
    cv2.imwrite(str(path), cv2.imread(str(drawn)))
    shutil.rmtree(drawn.parent)


def _source(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        folder.mkdir()
        SOURCES[name](folder)

    return make


def _archive(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        folder = path.with_suffix("")
        _source(name)(folder)
        shutil.make_archive(str(folder), "zip", folder)
        shutil.rmtree(folder)

    return make


def _roboflow(path: Path) -> None:
    """A data set as Roboflow exports it: two augmented copies of each picture, train and valid, paths with `../`."""
    folder = path.with_suffix("")
    scenes = path.with_name("scenes")
    make_scenes(str(scenes), format="yolo", images=12, size=160)
    for split, theirs in (("train", "train"), ("val", "valid")):
        for copy in "ab":
            for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
                for file in (scenes / kind / split).glob(f"*{suffix}"):
                    target = folder / theirs / kind / f"{file.stem}_jpg.rf.{copy * 8}{suffix}"
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)
    names = "names: [scratch, dent, missing, stain]\nnc: 4\n"
    (folder / "data.yaml").write_text(f"train: ../train/images\nval: ../valid/images\n{names}")
    shutil.make_archive(str(folder), "zip", folder)
    shutil.rmtree(folder)
    shutil.rmtree(scenes)
