from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.api.growth import label_next as choose
from yolo_tl.boxes import Detections
from yolo_tl.data.dataset import read_dataset
from yolo_tl.errors import ConfigError, DataError, DataNotFound, UsageError
from yolo_tl.labelling import TABLE, TOP, Selection, distances, label_next, uncertainty

KINDS = 12


def picture(folder: Path, name: str, seed: int) -> Path:
    """An image like no other."""
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))
    return folder / name


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    for i in range(KINDS):
        picture(tmp_path / "pool", f"{i:02d}.png", i)
    return tmp_path / "pool"


def labelled(folder: Path, images: Sequence[Path], split: str = "train") -> Path:
    """A data set of copies of these images."""
    for name in {"train", "val", split}:
        (folder / "images" / name).mkdir(parents=True, exist_ok=True)
    for image in images:
        shutil.copy(image, folder / "images" / split / image.name)
    picture(folder / "images" / "val", "own.png", 900)
    picture(folder / "images" / "train", "own_too.png", 901)
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cell]\n")
    return folder / "data.yaml"


class Embed:
    """Vectors by file name: an angle in degrees, or one of its own."""

    def __init__(self, angles: dict[str, float]) -> None:
        self.angles = angles

    def __call__(self, paths: Sequence[Path]) -> np.ndarray:
        angles = np.radians(
            [
                self.angles.get(path.name, 10.0 * int(path.stem[:2]) if path.stem[:2].isdigit() else 0.0)
                for path in paths
            ]
        )
        vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
        vectors[[cv2.imread(str(path)) is None for path in paths]] = 0
        return vectors


BY_NAME = Embed({})


class Sure:
    """A detector with these confidences for an image, told by its pixels."""

    names = ("cell",)

    def __init__(self, folder: Path, said: dict[str, list[float]]) -> None:
        self.said = {cv2.imread(str(folder / name)).tobytes(): scores for name, scores in said.items()}
        self.asked = 0

    def __call__(self, image: np.ndarray, *, confidence: float | None = None, iou: float | None = None) -> Detections:
        self.asked += 1
        scores = np.float32([s for s in self.said.get(image.tobytes(), []) if s >= (confidence or 0)])
        boxes = np.tile(np.float32([[10, 20, 50, 200]]), (len(scores), 1))  # reaches below the image
        return Detections(boxes, scores, np.zeros(len(scores), np.int64))


def chosen(selection: Selection) -> list[str]:
    return [choice.image.name for choice in selection.choices]


def greedy(vectors: np.ndarray, centres: list[np.ndarray], count: int) -> list[int]:
    """k-centre greedy, written down as slowly as it is defined."""
    picks: list[int] = []
    for _ in range(count):
        far = [
            min(float(np.linalg.norm(v - c)) for c in centres) if i not in picks else -1 for i, v in enumerate(vectors)
        ]
        picks.append(int(np.argmax(np.round(far, 5))))
        centres = [*centres, vectors[picks[-1]]]
    return picks


def test_k_centre_takes_the_farthest_each_time(pool: Path, tmp_path: Path) -> None:
    data = labelled(tmp_path / "data", [])
    names = sorted(path.name for path in pool.iterdir())
    embed = Embed({"own_too.png": 5.0, "own.png": 170.0})  # val is nobody's teacher
    found = label_next(pool, embed=embed, data=data, count=5)
    vectors = embed([pool / name for name in names])
    expected = greedy(vectors, [embed([tmp_path / "data/images/train/own_too.png"])[0]], 5)
    assert chosen(found) == [names[i] for i in expected]
    assert found.method == "k-centre"
    assert [choice.rank for choice in found.choices] == [1, 2, 3, 4, 5]
    gaps = [choice.distance for choice in found.choices]
    assert gaps == sorted(gaps, reverse=True)
    assert found.radius_before == pytest.approx(gaps[0])
    assert found.radius < gaps[-1] + 1e-6
    assert (found.labelled, found.images, found.copies, found.twins) == (2, KINDS, 0, 0)


def test_without_labels_the_first_is_the_most_typical(pool: Path) -> None:
    found = label_next(pool, embed=BY_NAME, count=3)
    assert chosen(found)[0] in ("05.png", "06.png")  # in the middle of 0 to 110 degrees
    assert set(chosen(found)[1:]) == {"00.png", "11.png"}
    assert found.radius_before is None
    assert found.choices[0].reason == "the most typical image"


def test_doubt_counts_times_distance(pool: Path, tmp_path: Path) -> None:
    data = labelled(tmp_path / "data", [])
    embed = Embed({"own_too.png": 0.0})
    said = {f"{i:02d}.png": [0.99] for i in range(KINDS)} | {
        "03.png": [0.5] * 6,
        "09.png": [0.5] * 2,
        "08.png": [0.5] * 6,
    }
    found = label_next(pool, embed=embed, data=data, detector=Sure(pool, said), count=3)
    assert found.method == "uncertainty"
    assert chosen(found)[:2] == ["08.png", "03.png"], "equal doubt: the farther first"
    for choice in found.choices:
        assert choice.uncertainty is not None
        assert choice.score >= choice.uncertainty * choice.distance - 1e-9
    first = found.choices[0]
    assert first.uncertainty == pytest.approx(6.0)
    assert first.score == pytest.approx(6 * first.distance)
    assert first.found == 6
    assert first.reason == f"6.0 bits of doubt, 6 boxes; {first.distance:.2f} from all that is labelled or chosen"
    without = label_next(pool, embed=embed, data=data, detector=Sure(pool, said), count=3, method="k-centre")
    assert chosen(without)[0] == "11.png"
    assert without.choices[0].uncertainty is None


def test_an_image_in_which_nothing_is_found_is_not_ruled_out(pool: Path, tmp_path: Path) -> None:
    data = labelled(tmp_path / "data", [])
    angles = {f"{i:02d}.png": 1.0 + i / 10 for i in range(KINDS)} | {"07.png": 180.0, "own_too.png": 0.0}
    said = {f"{i:02d}.png": [0.5] for i in range(KINDS) if i != 7}
    found = label_next(pool, embed=Embed(angles), data=data, detector=Sure(pool, said), count=1)
    assert chosen(found) == ["07.png"]
    assert found.choices[0].reason.startswith("nothing is found in it")
    nowhere = label_next(pool, embed=Embed(angles), data=data, detector=Sure(pool, {}), count=1)
    assert chosen(nowhere) == ["07.png"], "without any doubt, distance decides"


def test_copies_are_not_chosen(pool: Path, tmp_path: Path) -> None:
    for name, quality in (("copy_of_11.jpg", 60), ("copy_of_04.jpg", 60)):
        original = cv2.imread(str(pool / f"{name[8:10]}.png"))
        cv2.imwrite(str(pool / name), original, [cv2.IMWRITE_JPEG_QUALITY, quality])
    data = labelled(tmp_path / "data", [pool / "04.png", pool / "02.png"])
    labelled(tmp_path / "data", [pool / "06.png"], split="val")
    embed = Embed({"copy_of_11.jpg": 111.0, "copy_of_04.jpg": 175.0})
    found = label_next(pool, embed=embed, data=data, count=50)
    left_out = {"04.png", "copy_of_04.jpg", "02.png", "06.png"}
    assert not left_out & set(chosen(found))
    assert found.copies == 4
    assert len({"11.png", "copy_of_11.jpg"} & set(chosen(found))) == 1
    assert found.twins == 1
    assert len(found.choices) == KINDS + 2 - 4 - 1


def test_nothing_to_label_is_said(pool: Path, tmp_path: Path) -> None:
    data = labelled(tmp_path / "data", sorted(pool.iterdir()))
    (pool / "torn.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="nothing to label: of 13 images 12 show what is labelled already, 1 cannot be"):
        label_next(pool, embed=BY_NAME, data=data)


def test_damaged_images_are_named_and_left_out(pool: Path) -> None:
    (pool / "99.png").write_bytes((pool / "00.png").read_bytes()[:60])
    found = label_next(pool, embed=BY_NAME, count=50)
    assert found.damaged == (pool / "99.png",)
    assert len(found.choices) == KINDS


def test_the_list_is_written_and_the_same_each_time(pool: Path, tmp_path: Path) -> None:
    texts = []
    for name in ("a.csv", "b.csv"):
        found = label_next(pool, embed=BY_NAME, count=4, out=tmp_path / name)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    rows = list(csv.DictReader(texts[0].splitlines()))
    assert [row["image"] for row in rows] == [str(choice.image) for choice in found.choices]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    label_next(pool, embed=BY_NAME, count=4, out=tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().splitlines() == [str(choice.image) for choice in found.choices]
    with pytest.raises(UsageError, match="is there already"):
        label_next(pool, embed=BY_NAME, out=tmp_path / "a.csv")
    label_next(pool, embed=BY_NAME, count=1, out=tmp_path / "a.csv", overwrite=True)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2


def test_copies_and_suggestions_make_a_data_set(pool: Path, tmp_path: Path) -> None:
    shutil.move(pool / "03.png", picture(pool / "more", "05.png", 50))  # two of one name
    before = {path: (path.stat().st_mtime_ns, path.stat().st_nlink) for path in pool.rglob("*.png")}
    said = {f"{i:02d}.png": [0.5, 0.1] for i in (5, 9)}
    detector, target = Sure(pool, said), tmp_path / "todo"
    found = label_next(pool, embed=BY_NAME, detector=detector, count=50, copy_to=target, suggest=True)
    made = read_dataset(target).split("train")
    assert len(made) == len(found.choices) == KINDS
    assert sorted(path.read_bytes() for path in made.images) == sorted(c.image.read_bytes() for c in found.choices)
    # 0.1 is under the confidence that is shown, and the box is cut off where the image ends.
    assert made.boxes.tolist() == [pytest.approx([30 / 160, 70 / 120, 40 / 160, 100 / 120])] * 2
    assert {made.images[i].name for i in made.image_index} == {"05.png", "09.png"}
    assert (target / TABLE).read_text() == found.to_csv()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_nlink) for path in pool.rglob("*.png")} == before
    with pytest.raises(UsageError):
        label_next(pool, embed=BY_NAME, copy_to=target)
    label_next(pool, embed=BY_NAME, count=2, copy_to=target, overwrite=True)
    assert len(list((target / "images/train").iterdir())) == 2
    assert not (target / "labels").exists()


def test_folders_of_others_are_not_replaced(pool: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    for target in (tmp_path / "mine", pool / "todo", pool):
        with pytest.raises(UsageError):
            label_next(pool, embed=BY_NAME, copy_to=target, overwrite=True)
    assert (tmp_path / "mine" / "notes.txt").exists()


def test_requests_that_make_no_sense(pool: Path, tmp_path: Path) -> None:
    for options, text in (
        ({"count": 0}, "count"),
        ({"method": "entropy"}, "method: expected"),
        ({"method": "uncertainty"}, "needs a detector"),
        ({"suggest": True, "copy_to": tmp_path / "x"}, "by a detector only"),
        ({"suggest": True, "detector": Sure(pool, {})}, "need a folder"),
    ):
        with pytest.raises(ConfigError, match=text):
            label_next(pool, embed=BY_NAME, **options)
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.txt").touch()
    for folder in (tmp_path / "none", tmp_path / "empty", tmp_path / "words", pool / "00.png"):
        with pytest.raises(DataNotFound):
            label_next(folder, embed=BY_NAME)


@given(st.lists(st.floats(0, 1, width=32), max_size=40))
def test_uncertainty_is_symmetric_and_grows_with_each_box(confidences: list[float]) -> None:
    scores = np.float32(confidences)
    bits = uncertainty(scores)
    assert 0 <= bits <= TOP
    assert uncertainty(1 - scores) == pytest.approx(bits, abs=1e-4)
    assert uncertainty(np.append(scores, np.float32(0.4))) >= bits


def test_distances_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors, centres = (rng.normal(size=(n, 5)).astype(np.float32) for n in (7, 9))
    vectors, centres = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors, centres))
    slow = np.linalg.norm(vectors[:, None] - centres, axis=2).min(1)
    for rows in (1, 4, 100):
        monkeypatch.setattr("yolo_tl.labelling._ROWS", rows)
        assert distances(vectors, centres) == pytest.approx(slow, abs=1e-5)
    assert np.isinf(distances(vectors, centres[:0])).all()


def test_a_checkpoint_chooses_among_real_images(learned: tuple[Path, Path], tmp_path: Path) -> None:
    data, weights = learned
    unlabelled = shutil.copytree(data / "images" / "train", tmp_path / "pool")
    shutil.rmtree(some := shutil.copytree(data, tmp_path / "some") / "images/train")
    some.mkdir()
    kept = sorted(unlabelled.iterdir())[:5]
    for image in kept:
        shutil.copy(image, some)
    found = choose(
        unlabelled,
        model=weights.parent.parent,
        data=tmp_path / "some",
        count=6,
        device="cpu",
        copy_to=tmp_path / "todo",
        suggest=True,
    )
    assert found.method == "uncertainty"
    assert found.copies >= 5
    assert not {image.name for image in kept} & set(chosen(found))
    assert found.radius < found.radius_before
    assert max(choice.uncertainty for choice in found.choices) > 0
    assert len(read_dataset(tmp_path / "todo").split("train")) == 6
    first = choose(unlabelled, weights=str(weights), data=tmp_path / "some", count=6, device="cpu")
    assert first.method == "k-centre"
    with pytest.raises(UsageError, match="to tell images apart"):
        choose(unlabelled, data=data)
