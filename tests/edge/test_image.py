from __future__ import annotations

from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from yolo_tl.edge import read_image
from yolo_tl.edge.image import as_bgr
from yolo_tl.errors import ImageError

RNG = np.random.default_rng(5)
COLOUR = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 2**16, (40, 60, 3), dtype=np.uint16)


def save_turned(path: Path, orientation: int) -> None:
    """An image whose orientation tag says that it is to be turned."""
    image = pytest.importorskip("PIL.Image").fromarray(COLOUR)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("colour.png", COLOUR),
        ("colour.jpg", COLOUR),
        ("colour.bmp", COLOUR),
        ("colour.webp", COLOUR),
        ("grey.png", COLOUR[..., 0]),
        ("alpha.png", np.dstack([COLOUR, COLOUR[..., :1]])),
        ("deep.png", DEEP),
        ("deep_grey.png", DEEP[..., 0]),
        ("colour.tif", COLOUR),
        ("deep.tif", DEEP),
        ("alpha.tiff", np.dstack([COLOUR, COLOUR[..., :1]])),
        ("grey.tif", COLOUR[..., 0]),
        ("deep_grey.tif", DEEP[..., 0]),
        ("画像.png", COLOUR),
    ],
)
def test_pixels_equal_the_peers(ultralytics: ModuleType, tmp_path: Path, name: str, pixels: np.ndarray) -> None:
    from ultralytics.utils.patches import imread

    path = tmp_path / name
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    ours = read_image(path)
    np.testing.assert_array_equal(ours, imread(path))
    assert ours.shape == (40, 60, 3)
    assert ours.dtype == np.uint8


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_by_the_peer(
    ultralytics: ModuleType, tmp_path: Path, orientation: int, name: str
) -> None:
    from ultralytics.utils.patches import imread

    save_turned(tmp_path / name, orientation)
    ours = read_image(tmp_path / name)
    assert ours.shape == ((60, 40, 3) if orientation > 4 else (40, 60, 3))
    np.testing.assert_array_equal(ours, imread(tmp_path / name))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_not_an_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"broken\.png: expected an image"):
        read_image(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.png: .*No such file"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="expected an image file"):
        read_image(tmp_path)


def test_grey_arrays_become_three_equal_channels() -> None:
    grey = COLOUR[..., 0]
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(as_bgr(image), np.dstack([grey] * 3))
    assert as_bgr(COLOUR) is COLOUR
    np.testing.assert_array_equal(as_bgr(COLOUR[:, ::-1]), COLOUR[:, ::-1])


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("a.png", "a str"),
        (COLOUR / 255, "dtype float64"),
        (COLOUR[None], "shape"),
        (COLOUR[:0], "no pixel"),
        (np.dstack([COLOUR, COLOUR]), "shape"),
        (np.zeros(3, np.uint8), "shape"),
    ],
)
def test_arrays_that_are_not_images(image: object, found: str) -> None:
    with pytest.raises(ImageError, match=found):
        as_bgr(image)
