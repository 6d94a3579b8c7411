from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scenes import COPIES, copy, save, scene, video

from yolo_tl.data.alignment import likeness
from yolo_tl.data.duplicates import clusters, near_duplicates
from yolo_tl.data.hashes import close_pairs, dhash, popcount
from yolo_tl.data.thumbs import thumbs


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[int]]:
    """60 scenes, the first 20 with a copy of each kind; and the scene each file shows."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(0)
    files, owners = [], []
    for i in range(60):
        files.append(save(folder / f"{i}.jpg", scene(i)))
        owners.append(i)
        for how in COPIES if i < 20 else ():
            files.append(save(folder / f"{i}_{how}.jpg", copy(scene(i), how, rng)))
            owners.append(i)
    return files, owners


def test_copies_are_found_and_nothing_else(planted: tuple[list[Path], list[int]]) -> None:
    files, owners = planted
    found = near_duplicates(files)
    right = [owners[a] == owners[b] for a, b in found.pairs.tolist()]
    assert np.mean(right) >= 0.9
    homes = found.clusters()
    originals = {owner: homes[owners.index(owner)] for owner in owners}
    copies = [i for i, file in enumerate(files) if "_" in file.stem]
    assert np.mean([homes[i] == originals[owners[i]] for i in copies]) >= 0.95
    assert found.count == len(files)
    assert found.unreadable == ()
    assert ((found.likeness >= 0.9) & (found.likeness <= 1.001)).all()


def test_frames_of_a_video_hang_together(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{v}_{i}.jpg", f) for v in range(4) for i, f in enumerate(video(v + 100, 15))]
    homes = near_duplicates(files).clusters()
    assert [len(set(homes[v * 15 : v * 15 + 15].tolist())) for v in range(4)] == [1] * 4
    assert len(set(homes.tolist())) == 4


def test_flat_pictures_are_duplicates_only_if_their_pixels_are_equal(tmp_path: Path) -> None:
    files = []
    for i, grey in enumerate((90, 90, 91, 200)):
        files.append(save(tmp_path / f"{i}.png", np.full((240, 320, 3), grey, np.uint8)))
    assert near_duplicates(files).pairs.tolist() == [[0, 1]]


def test_a_faint_vignette_makes_no_duplicates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faint = np.linspace(100, 104, 320)[None, :, None] * np.ones((240, 1, 3))
    files = [save(tmp_path / f"{i}.png", (faint + rng.random(faint.shape)).astype(np.uint8)) for i in range(4)]
    assert near_duplicates(files).pairs.tolist() == []


def test_equal_pixels_are_found_in_any_lossless_format(tmp_path: Path) -> None:
    files = [save(tmp_path / f"a{suffix}", scene(1)) for suffix in (".png", ".bmp")]
    found = near_duplicates([*files, save(tmp_path / "again" / "a.png", scene(1))])
    assert found.clusters().tolist() == [0, 0, 0]
    assert found.likeness[found.pairs.tolist().index([0, 2])] == 1


def test_unreadable_images_are_named_and_in_no_pair(tmp_path: Path) -> None:
    files = [
        tmp_path / "text.jpg",
        tmp_path / "empty.jpg",
        tmp_path / "missing.jpg",
        save(tmp_path / "a.jpg", scene(0)),
    ]
    files[0].write_text("no image")
    files[1].write_bytes(b"")
    found = near_duplicates([*files, files[3]])
    assert found.unreadable == (0, 1, 2)
    assert found.pairs.tolist() == [[3, 4]]


def test_exif_is_applied(tmp_path: Path) -> None:
    upright = save(tmp_path / "a.jpg", scene(3))
    content = save(tmp_path / "b.jpg", np.rot90(scene(3)).copy()).read_bytes()
    # Stored turned to the left; orientation 6 turns it back to the right.
    exif = (
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    )
    (tmp_path / "b.jpg").write_bytes(
        content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:]
    )
    assert len(near_duplicates([upright, tmp_path / "b.jpg"]).pairs) == 1


def test_parts_under_one_camera_are_not_duplicates(tmp_path: Path) -> None:
    """80 % of every picture is the same; what differs is the part."""
    stage, files = scene(7), []
    for i in range(60):
        picture = stage.copy()
        part = scene(1000 + i, 160, 120)
        picture[60:180, 80:240] = part
        files.append(save(tmp_path / f"{i}.jpg", picture))
    files.append(save(tmp_path / "copy.jpg", cv2.imread(str(files[5])), quality=40))
    assert near_duplicates(files).pairs.tolist() == [[5, 60]]


def moved(picture: np.ndarray, degrees: float = 25) -> np.ndarray:
    """Turned by more than a hash can see."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def test_embeddings_propose_and_what_overlaps_is_joined(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{i}.jpg", scene(i)) for i in range(3)]
    files.append(save(tmp_path / "turned.jpg", moved(scene(1))))
    assert near_duplicates(files).pairs.tolist() == []
    same = np.ones((4, 2), np.float32)  # says nothing: whether images overlap decides
    found = near_duplicates(files, embed=lambda paths: same)
    assert found.pairs.tolist() == [[1, 3]]
    assert 0.8 < found.likeness[0] <= 1
    apart = np.array([[1, 0], [1, 0], [1, 0.01], [0, 1]], np.float32)
    assert near_duplicates(files, embed=lambda paths: apart, neighbours=3).pairs.tolist() == [[1, 3]]
    assert near_duplicates(files[:3], embed=lambda paths: apart[:3]).pairs.tolist() == []


def test_only_the_nearest_clusters_are_looked_at(tmp_path: Path) -> None:
    """The copy and its original are closer to five equal images of another scene, which count as one."""
    files = [save(tmp_path / f"a{i}.jpg", scene(5)) for i in range(5)]
    files += [save(tmp_path / "b.jpg", scene(1)), save(tmp_path / "turned.jpg", moved(scene(1)))]
    vectors = np.array([[1, 0]] * 5 + [[1, -1], [1, 0.2]], np.float32)
    homes = near_duplicates(files, embed=lambda paths: vectors, neighbours=2).clusters()
    assert homes.tolist() == [0, 0, 0, 0, 0, 5, 5]
    far = np.array([[1, 0]] * 5 + [[-1, 0], [1, 0.1]], np.float32)
    lone = [files[0], files[5], files[6]]
    assert near_duplicates(lone, embed=lambda paths: far[4:], neighbours=1).pairs.tolist() == [[1, 2]]


def test_joined_neighbours_make_room_for_others(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{degrees}.jpg", moved(scene(1), degrees)) for degrees in (0, 25, 90, 115)]
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
    homes = near_duplicates(files, embed=lambda paths: vectors, neighbours=1).clusters()
    assert homes.tolist() == [0, 0, 0, 0]


def test_images_without_a_vector_are_left_out(tmp_path: Path) -> None:
    files = [save(tmp_path / "a.jpg", scene(1)), save(tmp_path / "turned.jpg", moved(scene(1))), tmp_path / "none.jpg"]
    for nothing in (0, np.nan):
        vectors = np.array([[1, 0], [nothing, nothing], [1, 0]], np.float32)
        found = near_duplicates(files, embed=lambda paths, vectors=vectors: vectors)
        assert (found.pairs.tolist(), found.unreadable) == ([], (2,))
    assert near_duplicates([], embed=lambda paths: np.zeros((0, 1), np.float32)).pairs.tolist() == []


def test_wrong_embeddings_are_refused(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{i}.jpg", scene(i)) for i in range(3)]
    with pytest.raises(ValueError, match="a vector for each of 3 images"):
        near_duplicates(files, embed=lambda paths: np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match="image files"):
        near_duplicates(thumbs(files), embed=lambda paths: np.ones((3, 2), np.float32))


def test_no_image_and_one(tmp_path: Path) -> None:
    assert near_duplicates([]).clusters().tolist() == []
    assert near_duplicates([save(tmp_path / "a.jpg", scene(1))]).clusters().tolist() == [0]


@settings(deadline=None)
@given(st.integers(0, 15), st.integers(0, 5))
def test_the_index_finds_what_comparing_all_finds(distance: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2**64, 40, dtype=np.uint64)
    flips = [sum(1 << int(bit) for bit in rng.choice(64, rng.integers(0, 20), replace=False)) for _ in range(40)]
    hashes = np.concatenate([base, base ^ np.array(flips, np.uint64), base[:5]])
    far = popcount(hashes[:, None] ^ hashes[None, :])
    expected = np.argwhere(far <= distance)
    np.testing.assert_array_equal(close_pairs(hashes, hashes, distance=distance), expected)
    some = close_pairs(hashes[:7], hashes[30:], distance=distance)
    np.testing.assert_array_equal(some, np.argwhere(far[:7, 30:] <= distance))


def test_the_index_is_bounded_where_thousands_are_equal() -> None:
    hashes = np.zeros(3000, np.uint64)
    pairs = close_pairs(hashes, hashes, distance=0)
    assert len(pairs) <= 3000 * 128
    assert set(clusters(3000, pairs).tolist()) == {0}


def test_a_distance_that_the_bands_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 15"):
        close_pairs(np.zeros(1, np.uint64), np.zeros(1, np.uint64), distance=16)


def test_likeness_does_not_see_gain_offset_or_a_small_shift() -> None:
    wide = cv2.resize(scene(4), (40, 36), interpolation=cv2.INTER_AREA).mean(2).astype(np.float32)
    a, b = wide[2:34, 2:38], wide[3:35, 4:40] * 0.5 + 20
    other = cv2.resize(scene(5), (36, 32), interpolation=cv2.INTER_AREA).mean(2).astype(np.float32)
    same, different = likeness(np.stack([a, a]), np.stack([b, other]))
    assert same > 0.97
    assert different < 0.8
    assert likeness(np.zeros((0, 32, 36), np.float32), np.zeros((0, 32, 36), np.float32)).shape == (0,)


def test_a_flat_picture_is_like_nothing() -> None:
    flat = np.zeros((1, 32, 36), np.float32)
    assert np.isfinite(likeness(flat, flat)).all()


def test_hash_of_a_mirrored_picture_differs() -> None:
    picture = cv2.resize(scene(6), (36, 32)).mean(2)[None]
    assert popcount(dhash(picture) ^ dhash(picture[:, :, ::-1]))[0] > 15
    assert popcount(dhash(picture) ^ dhash(picture * 0.5 + 3))[0] <= 1
