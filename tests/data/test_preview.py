from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.datasets import dataset
from support.scenes import save, scene

from yolo_tl.data.pictures import drawing
from yolo_tl.data.pictures.drawing import colour, draw_objects, draw_text, shortened, text_width
from yolo_tl.data.pictures.overview import thumbnail
from yolo_tl.data.preview import preview
from yolo_tl.data.records import Annotation
from yolo_tl.errors import ConfigError, DataNotFound, UsageError

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
BOX = Annotation("cat", (0.25, 0.25, 0.75, 0.75), "line 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = {
        f"{'val' if i % 4 == 3 else 'train'}/{i:02d}.jpg": (scene(i), ["0 0.5 0.5 0.05 0.05", "0 0.4 0.4 0.5 0.5"])
        for i in range(30)
    }
    images["train/rare.jpg"] = (scene(99), ["1 0.5 0.5 0.3 0.3"])
    images["train/empty.jpg"] = (scene(98), [])
    return dataset(tmp_path / "cells", images, ["cat", "dog", "unused"])


def picture() -> np.ndarray:
    return np.full((200, 300, 3), 128, np.uint8)


def changed(*items: Annotation, names: tuple[str, ...] = ("cat", "dog")) -> np.ndarray:
    """(H, W) where drawing without tags changes a grey picture."""
    return (draw_objects(picture(), items, names, tags=False) != 128).any(2)


def test_a_box_is_drawn_where_it_is() -> None:
    drawn = changed(BOX)
    assert drawn[50, 75:226].all()
    assert drawn[50:151, 224:226].any(1).all()
    assert not drawn[55:145, 80:220].any()
    assert not drawn[:45].any()


def test_a_polygon_is_filled_an_oriented_box_is_not() -> None:
    ring = (0.2, 0.2, 0.8, 0.2, 0.5, 0.8)
    drawn = changed(Annotation("cat", None, "", parts=(ring,)))
    assert drawn[80, 150]
    assert not drawn[150, 80]
    corners = (0.5, 0.2, 0.8, 0.5, 0.5, 0.8, 0.2, 0.5)
    drawn = changed(Annotation("cat", None, "", corners=corners))
    assert drawn[100 - 30, 150 + 45]
    assert not drawn[100, 150]
    assert not drawn[45, 65]


def test_keypoints_are_drawn_unless_not_labelled() -> None:
    points = (0.4, 0.5, 2.0, 0.6, 0.5, 1.0, 0.5, 0.4, 0.0)
    drawn = changed(Annotation("cat", (0.25, 0.25, 0.75, 0.75), "", keypoints=points))
    assert drawn[100, 120]
    assert drawn[100, 180]
    assert not drawn[80, 150]


def test_absurd_coordinates_do_no_harm() -> None:
    wild = [(float("nan"),) * 4, (-1e30, -1e30, 1e30, 1e30), (0.5, 0.5, 0.5, 0.5), (0.9, 0.9, 0.1, 0.1)]
    items = [Annotation("cat", box, "") for box in wild]
    items.append(Annotation("cat", None, "", parts=((0.1, 0.1, 1e9, 0.2, 0.3, -1e9),)))
    draw_objects(picture(), items, ("cat",))
    draw_objects(np.zeros((1, 1, 3), np.uint8), items, ("cat",))
    draw_objects(picture(), [Annotation("not a class", (0.1, 0.1, 0.2, 0.2), "")], ("cat",))


def test_tags_stay_inside_and_the_picture_is_not_touched() -> None:
    grey = picture()
    drawn = draw_objects(grey, [Annotation("a very long name of a class", (0.95, 0, 1, 0.1), "")], ("x",))
    assert (grey == 128).all()
    assert (drawn[2:8, 150:] != 128).any()


def test_letters_of_strokes_where_opencv_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_font", lambda: None)
    canvas = picture()
    draw_text(canvas, "Größe", (5, 50), 20, (0, 0, 0))
    assert (canvas != 128).any()
    assert text_width("abc", 20) > 10


def test_long_names_are_shortened_in_the_middle() -> None:
    text = shortened("a_long_name_of_an_image_0001.jpg", 120, 13)
    assert text.startswith("a_lo")
    assert text.endswith(".jpg")
    assert "…" in text
    assert text_width(text, 13) <= 120
    assert shortened("short", 120, 13) == "short"


def test_colours_differ() -> None:
    assert len({colour(i) for i in range(60)}) == 60


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".html"])
def test_what_is_written_and_told(folder: Path, tmp_path: Path, suffix: str) -> None:
    before = sorted(folder.rglob("*"))
    report = preview(folder, tmp_path / f"out{suffix}", count=9)
    assert report.shown == 9
    assert report.images == {"train": 25, "val": 7}
    assert report.objects == {"cat": 60, "dog": 1, "unused": 0}
    assert report.sizes == {"small": 30, "medium": 1, "large": 30}
    assert report.out.stat().st_size > 10_000
    assert sorted(folder.rglob("*")) == before
    again = tmp_path / f"again{suffix}"
    preview(folder, again, count=9)
    assert again.read_bytes() == report.out.read_bytes()
    preview(folder, again, count=9, seed=1)
    assert again.read_bytes() != report.out.read_bytes()


def data_of(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_every_class_is_shown_and_filters_hold(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    preview(folder, out, count=4)
    assert "rare.jpg" in [image["name"] for image in data_of(out)["images"]]
    preview(folder, out, split="val")
    assert {image["split"] for image in data_of(out)["images"]} == {"val"}
    assert len(data_of(out)["images"]) == 7
    report = preview(folder, out, classes=["dog"])
    assert report.shown == 1
    for options in ({"split": "test"}, {"classes": ["cow"]}):
        with pytest.raises(UsageError, match="there are"):
            preview(folder, out, **options)
    with pytest.raises(DataNotFound, match="no image has unused"):
        preview(folder, out, classes=["unused"])
    with pytest.raises(ConfigError, match="1 or more"):
        preview(folder, out, count=0)
    with pytest.raises(UsageError, match="ends in"):
        preview(folder, tmp_path / "out.pdf")


def test_shapes_of_the_page(tmp_path: Path) -> None:
    rows = ["0 0.1 0.1 0.9 0.1 0.5 0.9", "1 0.5 0.5 0.4 0.4"]
    data = dataset(tmp_path / "data", {"train/a.jpg": (scene(1), rows)})
    preview(data, tmp_path / "out.html")
    polygon, box = data_of(tmp_path / "out.html")["images"][0]["objects"]
    assert box == {"class": 1, "rings": [[300, 300, 700, 300, 700, 700, 300, 700]], "size": "large"}
    assert polygon["rings"] == [[100, 100, 900, 100, 500, 900]]
    assert polygon["filled"] is True


def test_nothing_in_the_data_becomes_markup(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>&%DATA%"
    data = dataset(
        tmp_path / "<b>data", {f"train/{chr(0x3C)}i{chr(0x3E)}.jpg": (scene(1), ["0 0.5 0.5 0.4 0.4"])}, [evil]
    )
    preview(data, tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text("utf-8")
    assert "<img" not in text
    assert "<b>data" not in text
    assert html.escape(evil) in text
    assert text.count("</script>") == 2
    assert data_of(tmp_path / "out.html")["names"] == [evil]
    assert not re.findall(r"(?:src|href)=[\"']?https?:", text)


def test_broken_images_are_counted_and_shown_as_such(folder: Path, tmp_path: Path) -> None:
    (folder / "images/train/00.jpg").write_bytes(b"no image")
    for suffix in (".png", ".html"):
        assert preview(folder, tmp_path / f"out{suffix}", count=40).unreadable == 1
    shown = {image["name"]: image["picture"] for image in data_of(tmp_path / "out.html")["images"]}
    assert shown["00.jpg"] == ""
    assert shown["01.jpg"].startswith("data:image/jpeg;base64,")


def test_thumbnails_are_upright(tmp_path: Path) -> None:
    content = save(tmp_path / "a.jpg", np.zeros((100, 200, 3), np.uint8)).read_bytes()
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" + bytes(4)
    (tmp_path / "a.jpg").write_bytes(
        content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:]
    )
    small = thumbnail(tmp_path / "a.jpg", 50, 50)
    assert small is not None
    assert small.shape == (50, 25, 3)
    assert thumbnail(tmp_path / "none.jpg", 50, 50) is None


def test_the_sheet_fits_its_images(folder: Path, tmp_path: Path) -> None:
    for count, columns in ((1, 2), (4, 2), (12, 4), (13, 4)):
        preview(folder, tmp_path / "out.png", count=count)
        drawn = cv2.imread(str(tmp_path / "out.png"))
        assert drawn.shape[1] == 2 * 28 + columns * 320 + (columns - 1) * 16 + 32 + 300


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_in_a_browser(folder: Path, tmp_path: Path) -> None:
    preview(folder, tmp_path / "out.html", count=9)
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        f"--user-data-dir={tmp_path / 'u'}",
    ]
    done = subprocess.run(
        [*command, (tmp_path / "out.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert "9 of 9 pictures" in done.stdout, done.stderr
    assert done.stdout.count("<figure") == 9
    assert done.stdout.count("<polygon") == sum(len(i["objects"]) for i in data_of(tmp_path / "out.html")["images"])
