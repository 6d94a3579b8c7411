"""Every picture of the documents, taken from one finished run.

``python docs/screenshots/take.py runs/demo`` runs commands in a terminal, opens pages in Chromium, draws what the
bundle finds, and writes the pictures into ``docs/``. The folder holds a run (``report.html`` beside ``run.yaml``), a
bundle (``manifest.json``) and a data set (``data.yaml`` beside ``ledger.json``), in any of its folders; that of a demo
(``demo.json``) also gives a picture of how the demo ends.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests")]

import terminal  # noqa: E402
from small_png import save  # noqa: E402
from support.browser import Browser, Tab, browser  # noqa: E402

import yolo_tl  # noqa: E402
from yolo_tl.edge import Detector, Frame, read_image  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TILES, _TILE_WIDTH, _GAP = (2, 3), 380, 6  # rows and columns of the picture of detections; px


class Folder:
    """What a finished run left: its report, its bundle, its data set."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.run = _holding(folder, "run.yaml", "report.html")
        self.bundle = _holding(folder, "manifest.json")
        self.data = _holding(folder, "data.yaml", "ledger.json")
        self.split = "test" if (self.data / "images" / "test").is_dir() else "val"
        self.images = self.data / "images" / self.split


def _holding(folder: Path, *names: str) -> Path:
    """The first folder, the least deep one, that holds files of these names."""
    found = [path.parent for path in folder.rglob(names[0]) if all((path.parent / name).is_file() for name in names)]
    if not found:
        raise SystemExit(f"{folder}: no folder in it holds {' and '.join(names)}")
    return min(found, key=lambda path: (len(path.parts), path))


def _spread(paths: Iterable[Path], count: int) -> list[Path]:
    """So many of the sorted paths, at even distances; not chosen by what is found in them."""
    found = sorted(paths)
    return [found[i] for i in dict.fromkeys(np.linspace(0, len(found) - 1, count).round().astype(int).tolist())]


def detections(folder: Folder) -> NDArray[np.uint8]:
    """Test pictures at even distances, with what the bundle finds in them."""
    detector = Detector(folder.bundle)
    rows, columns = _TILES
    tiles = []
    for path in _spread(folder.images.iterdir(), rows * columns):
        drawn = detector.observe(Frame(read_image(path), source=path.name, number=0)).draw()
        scale = _TILE_WIDTH / drawn.shape[1]
        tiles.append(cv2.resize(drawn, (_TILE_WIDTH, round(drawn.shape[0] * scale)), interpolation=cv2.INTER_AREA))
    height = max(tile.shape[0] for tile in tiles)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (_TILE_WIDTH + _GAP) - _GAP, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * (height + _GAP) + (height - len(tile)) // 2, number % columns * (_TILE_WIDTH + _GAP)
        sheet[y : y + len(tile), x : x + _TILE_WIDTH] = tile
    return sheet


def photograph(tab: Tab, size: tuple[int, int] | None = None) -> bytes:
    """The upper left of a page as PNG, of this width and height in px; without them as large as its content."""
    box = "document.body.getBoundingClientRect()"
    width, height = size or (int(tab.value(f"Math.ceil({box}.{side})")) for side in ("width", "height"))
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    tab.call("Emulation.setDeviceMetricsOverride", **metrics)
    return tab.screenshot()


def with_faults(data: Path, copy: Path) -> None:
    """A copy of a data set with a picture in two splits, a box without an area and rows of six columns."""
    shutil.copytree(data, copy)
    labels = sorted(path for path in (copy / "labels" / "train").glob("*.txt") if path.read_text().strip())
    first = labels[0].read_text().splitlines()
    labels[0].write_text("".join(f"{line} 0.9\n" for line in first))
    labels[1].write_text(labels[1].read_text().rstrip("\n") + "\n0 0.5 0.5 0 0.1\n")
    image = next((copy / "images" / "train").glob(f"{labels[2].stem}.*"))
    shutil.copy(image, copy / "images" / "val" / f"copy_{image.name}")
    shutil.copy(labels[2], copy / "labels" / "val" / f"copy_{labels[2].name}")


def serving_page(chromium: Browser, folder: Folder) -> bytes:
    """The page of a server with the verdict on a picture in which something is found."""
    detector = Detector(folder.bundle)
    paths = sorted(folder.images.iterdir())
    shown = next((path for path in paths if len(detector(read_image(path)))), paths[0])
    command = [sys.executable, "-m", "yolo_tl", "serve", str(folder.bundle), "--rules", "default", "--port", "0"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            tab = chromium.open(json.loads(server.stdout.readline())["url"], width=1180, height=780)
            tab.upload("input[type=file]", shown.resolve())
            tab.until("/PASS|FAIL/.test(document.body.innerText) && !/Looking/.test(document.body.innerText)")
            return photograph(tab, (1180, 780))
        finally:
            server.terminate()


def take(folder: Folder, out: Path, only: Iterable[str] = ()) -> list[Path]:
    """Take the pictures, all or those named, and tell their paths."""
    with tempfile.TemporaryDirectory() as temporary, browser(Path(temporary) / "profile") as chromium:
        work = Path(temporary)

        def of_demo() -> bytes:
            line = f"yolo-tl demo {folder.path}"
            page = work / "terminal.html"
            page.write_text(terminal.page(line, terminal.run(line)))
            return photograph(chromium.open(page))

        def of_check() -> bytes:
            with_faults(folder.data, work / "data")
            terminal.run("yolo-tl check data --html check.html", (0, 3), cwd=work)
            return photograph(chromium.open(work / "check.html", width=1180), (1180, 1500))

        def of_preview() -> NDArray[np.uint8]:
            yolo_tl.preview(folder.data, work / "preview.png", count=6)
            return read_image(work / "preview.png")

        def of_preview_page() -> bytes:
            yolo_tl.preview(folder.data, work / "preview.html", count=60)
            return photograph(chromium.open(work / "preview.html", width=1100), (1100, 740))

        def of_report(dark: bool) -> bytes:
            return photograph(chromium.open(folder.run / "report.html", width=1040, dark=dark), (1040, 1180))

        made: dict[str, Callable[[], bytes | NDArray[np.uint8]]] = {
            "detections.png": partial(detections, folder),
            "report.png": partial(of_report, dark=False),
            "report_dark.png": partial(of_report, dark=True),
            "check.png": of_check,
            "preview.png": of_preview,
            "preview_page.png": of_preview_page,
            "serving_page.png": partial(serving_page, chromium, folder),
        }
        if (folder.path / "demo.json").is_file():
            made["terminal_demo.png"] = of_demo
        wanted = list(only) or list(made)
        for name in wanted:
            save(made[name](), out / name)
    return [out / name for name in wanted]


def main() -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a finished run, such as runs/demo")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder for the pictures")
    parser.add_argument("--only", nargs="*", default=(), help="names of pictures")
    asked = parser.parse_args()
    for path in take(Folder(asked.folder), asked.out, asked.only):
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
