from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.pictures import picture
from support.sources.masks import save
from support.sources.masks import write as write_source

from yolo_tl.data.formats import masks as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError


def events(source: Path, **options: Any) -> list[Event]:
    chosen = ReadOptions(**options)
    return list(module.read(Tree(source, images=chosen.images), chosen))


def records(source: Path, **options: Any) -> dict[str, ImageRecord]:
    found = [event for event in events(source, **options) if isinstance(event, ImageRecord)]
    return {record.path.relative_to(source).as_posix(): record for record in found}


def classes(source: Path, **options: Any) -> tuple[str, ...]:
    return next(event.names for event in events(source, **options) if isinstance(event, ClassOrder))


def box(x1: int, y1: int, x2: int, y2: int) -> tuple[int, ...]:
    return x1, y1, x2, y1, x2, y2, x1, y2


def square(value: int = 1, *, at: int = 5, kind: type[np.generic] = np.uint8) -> Any:
    values = np.zeros((50, 100), kind)
    values[at : at + 10, at : at + 20] = value
    return values


def test_the_example_source(tmp_path: Path) -> None:
    write_source(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "3 mask images (one an image), 3 images matched: masks/train/a.png, ..."
    found = records(tmp_path)
    assert [(name, r.split, r.size, r.labelled) for name, r in found.items()] == [
        ("images/train/a.jpg", "train", (100, 50), True),
        ("images/train/b.jpg", "train", (100, 50), True),
        ("images/val/c.jpg", "val", (100, 50), True),
    ]
    assert found["images/train/a.jpg"].annotations == (
        Annotation("scratch", None, "object 1", parts=(box(10, 5, 40, 25),), holes=((20, 10, 20, 15, 30, 15, 30, 10),)),
        Annotation("scratch", None, "object 2", parts=(box(60, 30, 70, 40),)),
        Annotation("dent", None, "object 3", parts=(box(70, 30, 80, 40),)),
    )
    assert found["images/train/b.jpg"].annotations == ()
    assert classes(tmp_path) == ("scratch", "dent")


def test_pixels_that_touch_at_a_corner_are_one_object(tmp_path: Path) -> None:
    values = square()
    values[15:20, 25:30] = 1
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", values)
    (item,) = records(tmp_path)["images/a.jpg"].annotations
    assert item.parts == (box(5, 5, 25, 15), box(25, 15, 30, 20))


@pytest.mark.parametrize(
    ("image", "masks", "kind"),
    [
        ("images/a.jpg", ["masks/a.png"], "one an image"),
        ("a.jpg", ["masks/a.png"], "one an image"),
        ("images/a.jpg", ["masks/a_mask.png"], "one an image"),
        ("images/a.jpg", ["masks/A.bmp"], "one an image"),
        ("train/images/a.jpg", ["train/masks/a.png"], "one an image"),
        ("images/lot1/a.jpg", ["masks/lot1/a.png"], "one an image"),
        ("img/a.png", ["gt/a.png"], "one an image"),
        ("a.tif", ["a_mask.tif"], "one an image"),
        ("x/a (1).png", ["x/a (1)_mask.png"], "one an image"),
        ("images/a.jpg", ["masks/a_0.png", "masks/a_1.png"], "one an object"),
        ("images/a.jpg", ["masks/a/x7.png", "masks/a/k.png"], "one an object"),
        ("stage1/a/images/a.png", ["stage1/a/masks/0f.png", "stage1/a/masks/1f.png"], "one an object"),
        ("x/a.png", ["x/a_mask_1.png", "x/a_mask_2.png"], "one an object"),
    ],
)
def test_layouts(image: str, masks: list[str], kind: str, tmp_path: Path) -> None:
    picture(tmp_path / image)
    for i, mask in enumerate(sorted(masks)):
        save(tmp_path / mask, square(255, at=5 + 10 * i))
    assert kind in str(module.sniff(Tree(tmp_path)))
    found = records(tmp_path)
    assert list(found) == [image]
    parts = [item.parts for item in found[image].annotations]
    assert parts == [(box(5 + 10 * i, 5 + 10 * i, 25 + 10 * i, 15 + 10 * i),) for i in range(len(masks))]
    assert classes(tmp_path) == ("object",)


def test_one_mask_an_object_may_have_several_parts(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    values = square()
    values[40:45, 80:90] = 1
    save(tmp_path / "masks" / "a_1.png", values)
    save(tmp_path / "masks" / "a_2.png", values * 0)
    (item,) = records(tmp_path)["images/a.jpg"].annotations
    assert item.parts == (box(5, 5, 25, 15), box(80, 40, 90, 45))


@pytest.mark.parametrize(
    ("values", "lines", "options", "expected"),
    [
        ([1, 2], "", {}, ("1", "2")),
        ([1, 2], "a\nb\nc\n", {}, ("a", "b", "c")),
        ([1, 2], "__ignore__\n_background_\na\nb\n", {}, ("a", "b")),
        ([1, 2], "background\na\nb\n", {}, ("a", "b")),
        ([1, 2], "", {"names": ["a", "b"]}, ("a", "b")),
        ([1, 2], "", {"names": ["background", "a", "b"]}, ("a", "b")),
        ([1, 2], "", {"names": {"1": "a", "2": "b"}}, ("1", "2")),  # cleaning renames
        ([255], "", {}, ("object",)),
        ([255], "scratch\n", {}, ("scratch",)),
        ([255], "background\nscratch\n", {}, ("scratch",)),
        ([255], "", {"names": ["scratch"]}, ("scratch",)),
        ([1, 255], "", {}, ("1", "255")),
        ([300, 7], "", {}, ("7", "300")),
    ],
)
def test_names(
    values: list[int], lines: str, options: dict[str, Any], expected: tuple[str, ...], tmp_path: Path
) -> None:
    for i, value in enumerate(values):
        picture(tmp_path / "images" / f"{i}.jpg")
        save(tmp_path / "masks" / f"{i}.png", square(value, kind=np.uint16 if value > 255 else np.uint8))
    if lines:
        (tmp_path / "classes.txt").write_text(lines)
    assert classes(tmp_path, **options) == expected


def test_numbers_without_a_name_are_dropped(tmp_path: Path) -> None:
    write_source(tmp_path)
    (tmp_path / "classes.txt").write_text("scratch\n")
    found = [event for event in events(tmp_path) if isinstance(event, Dropped)]
    assert [(event.reason, event.source.name, event.place) for event in found] == [
        ("unknown_class", "a.png", "object 3"),
        ("unknown_class", "c.png", "object 3"),
    ]


def test_soft_edges_are_no_classes(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", np.tile(np.arange(1, 101, dtype=np.uint8), (50, 1)))
    picture(tmp_path / "images" / "b.jpg")
    save(tmp_path / "masks" / "b.png", square(200))
    with pytest.raises(ParseError, match="101 different ones"):
        events(tmp_path)


def test_a_palette_is_not_taken_for_colours(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    picture(tmp_path / "images" / "a.jpg")
    painted = image.fromarray(square(3), "P")
    painted.putpalette([0, 0, 0, 9, 9, 9, 128, 0, 0, 0, 128, 0] + [0] * (768 - 12))
    (tmp_path / "masks").mkdir()
    painted.save(tmp_path / "masks" / "a.png")
    assert module.sniff(Tree(tmp_path))
    assert classes(tmp_path) == ("3",)


def test_images_and_masks_without_the_other(tmp_path: Path) -> None:
    write_source(tmp_path)
    picture(tmp_path / "images" / "train" / "extra.jpg")
    save(tmp_path / "masks" / "train" / "lost.png", square())
    found = records(tmp_path)
    assert not found["images/train/extra.jpg"].labelled
    lost = found["lost"]
    assert (lost.source, len(lost.annotations), lost.path.exists()) == (
        tmp_path / "masks" / "train" / "lost.png",
        1,
        False,
    )


def test_images_in_another_folder(tmp_path: Path) -> None:
    picture(tmp_path / "photos" / "a.jpg")
    save(tmp_path / "labels" / "masks" / "a.png", square())
    images = tmp_path / "photos"
    (record,) = [event for event in events(tmp_path / "labels", images=images) if isinstance(event, ImageRecord)]
    assert record.path == images / "a.jpg"


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    write_source(tmp_path)
    save(tmp_path / "masks" / "train" / "a.png", np.zeros((25, 50), np.uint8))
    with pytest.raises(ParseError, match=r"a\.png: expected a mask of 100 x 50 px, the size of a\.jpg, found 50 x 25"):
        events(tmp_path)


def test_a_mask_of_the_stored_image_that_exif_turns(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "images").mkdir()
    exif = image.Exif()
    exif[0x0112] = 6
    image.new("RGB", (100, 50)).save(tmp_path / "images" / "a.jpg", exif=exif)
    save(tmp_path / "masks" / "a.png", square())
    assert records(tmp_path)["images/a.jpg"].size == (100, 50)
    save(tmp_path / "masks" / "a.png", square().T.copy())
    assert records(tmp_path)["images/a.jpg"].size == (50, 100)


def test_broken_masks_are_named(tmp_path: Path) -> None:
    write_source(tmp_path)
    path = tmp_path / "masks" / "train" / "b.png"
    content = path.read_bytes()
    absurd = bytearray(content)
    absurd[16:24] = (60_000).to_bytes(4, "big") * 2
    colour = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (50, 100, 3), np.uint8))[1].tobytes()
    for broken in (b"", content[:50], bytes(absurd), colour):
        path.write_bytes(broken)
        with pytest.raises(ParseError, match=r"b\.png: expected a mask image"):
            events(tmp_path)
    path.write_bytes(content[:50])
    assert module.sniff(Tree(tmp_path))


def test_two_images_for_one_mask(tmp_path: Path) -> None:
    write_source(tmp_path)
    picture(tmp_path / "images" / "train" / "a.png")
    with pytest.raises(DataError, match="several images for one mask"):
        events(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        ["train/mask/1.png", "train/no_mask/1.png"],  # classes of a classifier
        ["images/a.jpg", "labels/a.txt"],
        ["val2017/a.jpg", "annotations/panoptic_val2017/a.png"],
        ["JPEGImages/a.jpg", "SegmentationObject/a.png", "SegmentationClass/a.png"],
        ["images/a.jpg", "masks/b.png"],
        ["face_mask.png", "a.png"],
        ["images/a.png", "images/a_1.png"],
    ],
)
def test_what_only_looks_like_masks(files: list[str], tmp_path: Path) -> None:
    for name in files:
        path = tmp_path / name
        if path.suffix == ".txt":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("0 0.5 0.5 0.1 0.1\n")
        else:
            save(path, square()) if path.suffix == ".png" else picture(path)
    assert module.sniff(Tree(tmp_path)) is None


def test_photos_in_a_folder_called_masks(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        picture(tmp_path / folder / "a.png", seed=1)
    assert module.sniff(Tree(tmp_path)) is None


def test_workers_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(tmp_path)
    monkeypatch.setattr("yolo_tl.data.workers.FEW", 0)
    assert events(tmp_path, workers=2) == events(tmp_path)
