"""Images that are cut off, damaged or made to harm: an error of ours or a whole picture, and little memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.image_files import HEIGHT, WIDTH, claims, encoded, image_files, pixels
from support.pictures import png

from yolo_tl.edge.image import decode_image, read_image
from yolo_tl.errors import ImageError

LIMIT = 1 << 20  # px
FILES = sorted(image_files())
GIGAPIXEL = (40_000, 30_000)


def look(content: bytes) -> np.ndarray | None:
    """The picture, which is one, or None where it was refused."""
    try:
        image = decode_image(content, limit=LIMIT)
    except ImageError:
        return None
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert 0 < image.shape[0] * image.shape[1] <= LIMIT
    return image


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(FILES),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=6),
    early=st.booleans(),
    end=st.floats(0.02, 1),
)
def test_a_damaged_file_is_refused_or_a_picture(
    name: str, edits: list[tuple[float, bytes]], early: bool, end: float
) -> None:
    content = bytearray(image_files()[name])
    room = min(len(content), 120) if early else len(content)
    for share, new in edits:
        at = int(share * (room - 1))
        content[at : at + len(new)] = new
    look(bytes(content[: max(int(end * len(content)), 1)]))


@settings(max_examples=100, deadline=None)
@given(start=st.sampled_from([image_files()[name][:12] for name in FILES] + [b""]), rest=st.binary(max_size=300))
def test_noise_behind_a_signature(start: bytes, rest: bytes) -> None:
    look(start + rest)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_refused(name: str) -> None:
    """Half a picture would show nothing where something is. What is cut of a GIF or TIFF may be its second page."""
    content = image_files()[name]
    whole = look(content)
    assert whole is not None
    for share in (0.1, 0.5, 0.8):
        found = look(content[: int(share * len(content))])
        assert found is None or ("pages" in name and np.array_equal(found, whole))


@pytest.mark.parametrize("name", sorted(claims(*GIGAPIXEL)))
def test_a_gigapixel_header_is_refused_by_its_size(name: str) -> None:
    content = claims(*GIGAPIXEL)[name]
    with pytest.raises(ImageError, match="at most 134,217,728 pixels, found one of 40000 x 30000"):
        decode_image(content)


def test_zero_pixels_are_no_image() -> None:
    for name, content in claims(0, 7).items():
        assert look(content) is None, name


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    content = encoded(".png", pixels())
    assert decode_image(content, limit=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageError, match="at most 8,639 pixels"):
        decode_image(content, limit=HEIGHT * WIDTH - 1)
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png: expected an image of at most 10 pixels, found one of 120 x 72"):
        read_image(tmp_path / "a.png", limit=10)


def test_floating_point_pixels_are_refused() -> None:
    for channels in (1, 3):
        image = np.random.default_rng(0).random((9, 9, channels)).astype(np.float32)
        assert look(encoded(".tif", image)) is None
        assert look(encoded(".pfm" if channels == 3 else ".tiff", image)) is None


def test_bombs_take_little_memory(tmp_path: Path) -> None:
    """Each is a few MB at most and would be gigabytes; what is refused is refused within 200 MB on top."""
    for name, content in claims(*GIGAPIXEL).items():
        (tmp_path / f"claim {name}").write_bytes(content)
    (tmp_path / "real png").write_bytes(png(*GIGAPIXEL))  # it decodes, where it may
    row = b"\x00" + bytes(1 << 16)
    (tmp_path / "text png").write_bytes(_with_text(encoded(".png", pixels()), zlib.compress(row * 4000)))
    pages = b"".join(image_files()["pages.tiff"] for _ in range(3))
    (tmp_path / "pages tif").write_bytes(pages)
    code = """
        import resource, sys
        from pathlib import Path
        import numpy, cv2
        from yolo_tl.edge.image import read_image
        from yolo_tl.errors import ImageError
        cv2.imdecode(cv2.imencode(".png", numpy.zeros((9, 9, 3), numpy.uint8))[1], 1)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)
        for path in sorted(Path(sys.argv[1]).iterdir()):
            try:
                print(path.name, read_image(path).shape)
            except ImageError as error:
                print(path.name, "refused")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = dict(
        line.rsplit(" ", 1) if line.endswith("refused") else line.split(" (", 1) for line in done.stdout.splitlines()
    )
    assert len(told) == len(list(tmp_path.iterdir()))
    assert {name for name, what in told.items() if what != "refused"} <= {"text png", "pages tif"}


def test_a_picture_that_does_not_fit_into_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(11_000, 11_000))
    code = """
        import resource, sys, cv2, numpy
        from yolo_tl.edge.image import read_image
        from yolo_tl.errors import ImageError
        resource.setrlimit(resource.RLIMIT_AS, (600 << 20,) * 2)
        try:
            read_image(sys.argv[1])
        except ImageError as error:
            print(error.message)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "large.png")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "expected an image" in done.stdout


def _with_text(content: bytes, packed: bytes) -> bytes:
    """A PNG with a compressed note of hundreds of megabytes."""
    body = b"zTXt" + b"note\x00\x00" + packed
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return content[:33] + chunk + content[33:]
