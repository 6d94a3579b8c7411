"""How many sample pictures are drawn and written in a second of processor time.

    python benchmarks/sample.py [--images 240] [--size 640] [--repeats 3]

Each case runs in a fresh process with one OpenCV thread; processor time is user + system of that
process, without its imports. *set up* are textures, designs and what each lot shares; *draw* is a
picture as the camera sees it; *encode* is its JPEG file; *whole command* is everything, files and
annotations included, divided by the number of pictures. The table goes to stdout and to ``sample.md``.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

PARTS = """
import json, sys, time
import cv2
cv2.setNumThreads(1)
from yolo_tl.data.scenes.drawing import Studio
size, images = int(sys.argv[1]), int(sys.argv[2])
clock = time.process_time
start = clock()
studio = Studio(0, size)
for index in range(15):
    studio.draw(index)
set_up = clock() - start
draw = encode = content = 0
for index in range(images):
    index = index % 105 + 15
    before = clock()
    scene = studio.draw(index)
    drawn = clock()
    content += len(scene.jpeg())
    encode += clock() - drawn
    draw += drawn - before
set_up -= 15 * draw / images
parts = {"set up": set_up, "draw": 1000 * draw / images, "encode": 1000 * encode / images}
print(json.dumps({**parts, "kB": content / images / 1000}))
"""
WHOLE = """
import json, sys, time
import cv2
cv2.setNumThreads(1)
from yolo_tl.data.scenes import make_scenes
start = time.process_time()
make_scenes(sys.argv[3], format=sys.argv[4], size=int(sys.argv[1]), images=int(sys.argv[2]))
print(json.dumps({"whole": time.process_time() - start}))
"""


def run(code: str, *arguments: object) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True)
    return json.loads(done.stdout)


def medians(code: str, repeats: int, *arguments: object) -> dict[str, float]:
    runs = [run(code, *arguments) for _ in range(repeats)]
    return {key: median(figures[key] for figures in runs) for key in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    parts = medians(PARTS, asked.repeats, asked.size, asked.images)
    each = parts["draw"] + parts["encode"]
    lines = [
        "# Sample pictures",
        "",
        f"{asked.size} px, one core, medians of {asked.repeats} fresh processes; Python {platform.python_version()}.",
        "",
        "| part | CPU |",
        "|---|---|",
        f"| set up, once for a series of 120 | {parts['set up']:.2f} s |",
        f"| draw a picture | {parts['draw']:.1f} ms |",
        f"| encode it, {parts['kB']:.0f} kB | {parts['encode']:.1f} ms |",
        f"| pictures in a CPU second, drawn and encoded | {1000 / each:.0f} |",
    ]
    for format in ("voc", "coco", "yolo"):
        for images in (120, asked.images):
            whole = []
            for _ in range(asked.repeats):
                with tempfile.TemporaryDirectory() as folder:
                    whole.append(run(WHOLE, asked.size, images, Path(folder, "out"), format)["whole"])
            lines.append(f"| the same, whole command, {images} as {format} | {images / median(whole):.0f} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
