from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from support.datasets import dataset
from support.scenes import save, scene

import yolo_tl
from yolo_tl.cli import main
from yolo_tl.data.duplicates import near_duplicates
from yolo_tl.engine.embedding import embedder
from yolo_tl.errors import ConfigError, MissingExtra, ModelError, UsageError, WeightsNotFound


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory, ultralytics) -> Path:
    path = tmp_path_factory.mktemp("untrained") / "yolo26n.pt"
    ultralytics.YOLO("yolo26n.yaml", verbose=False).save(path)
    return path


@pytest.fixture(scope="module")
def trunk(shared: Path) -> Path:
    return shared / "weights" / "yolov5n-coco-trunk.pt"


def turned(picture: np.ndarray, degrees: float = 15) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten scenes, a turned copy of each, and three files that are no image."""
    folder = tmp_path_factory.mktemp("pictures")
    files = [save(folder / f"{i}.jpg", scene(i)) for i in range(10)]
    files += [save(folder / f"turned {i}.jpg", turned(scene(i))) for i in range(10)]
    (folder / "text.jpg").write_text("no image")
    (folder / "empty.jpg").write_bytes(b"")
    return [*files, folder / "text.jpg", folder / "empty.jpg", folder / "missing.jpg"]


def test_vectors_of_a_trained_trunk(trunk: Path, pictures: list[Path]) -> None:
    embed = embedder(trunk, imgsz=160, device="cpu", batch=4)
    vectors = embed(pictures)
    assert vectors.shape == (23, 2 * (128 + 256))  # mean and deviation of the channels of two stages
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors[:20], axis=1), 1, rtol=1e-5)
    assert not vectors[20:].any()
    nearest = np.argsort(-vectors[10:20] @ vectors[:10].T, axis=1)[:, :3]
    assert (nearest == np.arange(10)[:, None]).any(axis=1).mean() >= 0.9
    np.testing.assert_array_equal(vectors[:8], embed(pictures[:8]))
    np.testing.assert_allclose(vectors[:6], embedder(trunk, imgsz=160, device="cpu")(pictures[:6]), atol=1e-5)
    assert embed([]).shape[0] == 0


def test_turned_copies_are_joined(trunk: Path, pictures: list[Path]) -> None:
    assert len(near_duplicates(pictures).pairs) == 0
    found = near_duplicates(pictures, embed=embedder(trunk, imgsz=160, device="cpu"))
    assert {tuple(pair) for pair in found.pairs.tolist()} <= {(i, i + 10) for i in range(10)}
    assert len(found.pairs) >= 9
    assert found.unreadable == (20, 21, 22)


def test_any_detector_will_do(untrained: Path, pictures: list[Path], ultralytics) -> None:
    vectors = embedder(untrained, imgsz=96, device="cpu")(pictures[:12])
    assert vectors.shape == (12, 2 * (128 + 256))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["yolov3-tiny.yaml", "yolov9t.yaml", "yolo12n.yaml"])
def test_backbones_of_every_family_run(name: str, ultralytics) -> None:
    import torch

    from yolo_tl.engine.checkpoint import new_network
    from yolo_tl.engine.embedding import _stages

    with torch.inference_mode():
        wide, deep = (stage.shape[-1] for stage in _stages(new_network(name).eval(), torch.zeros(1, 3, 128, 128))[::-1])
    assert wide > deep


def test_a_quarter_turn_and_a_mirror_hardly_matter(trunk: Path, tmp_path: Path) -> None:
    files = [
        save(tmp_path / "a.png", scene(1, 160, 160)),
        save(tmp_path / "b.png", np.rot90(scene(1, 160, 160)).copy()),
    ]
    files += [save(tmp_path / "c.png", scene(1, 160, 160)[::-1].copy()), save(tmp_path / "d.png", scene(2, 160, 160))]
    a, quarter, mirrored, other = embedder(trunk, imgsz=160, device="cpu")(files)
    assert min(a @ quarter, a @ mirrored) > 0.975 > a @ other  # 0.965 without the second view


def test_colours_are_not_swapped(trunk: Path, tmp_path: Path, ultralytics) -> None:
    """What the network gets is RGB, from 0 to 1, in a grey square."""
    from yolo_tl.engine import embedding

    seen = []
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[...] = (255, 0, 51)  # BGR
    stages = embedding._stages
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            embedding, "_stages", lambda module, images: seen.append(images.clone()) or stages(module, images)
        )
        embedder(trunk, imgsz=64, device="cpu")([save(tmp_path / "a.png", picture)])
    upright, quarter = seen
    assert upright.shape == (1, 3, 64, 64)
    np.testing.assert_allclose(upright[0, :, 32, 32], [0.2, 0, 1], atol=1e-6)
    np.testing.assert_allclose(upright[0, :, 2, 32], 114 / 255, atol=1e-6)
    np.testing.assert_allclose(quarter[0, :, 32, 2], 114 / 255, atol=1e-6)


def test_faults_are_named(untrained: Path, tmp_path: Path, ultralytics) -> None:
    with pytest.raises(WeightsNotFound):
        embedder(tmp_path / "none.pt")
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(ModelError, match="junk.pt"):
        embedder(tmp_path / "junk.pt")
    with pytest.raises(ConfigError, match="device"):
        embedder(untrained, device="9999")
    model = ultralytics.YOLO("yolo26n.yaml", verbose=False)
    model.model.yaml["channels"] = 1
    model.save(tmp_path / "grey.pt")
    with pytest.raises(ModelError, match="3 channels, found one for 1"):
        embedder(tmp_path / "grey.pt")


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """Six scenes in train, and turned copies of them in val."""
    row = ["0 0.5 0.5 0.2 0.2"]
    images = {f"train/{i}.jpg": (scene(i), row) for i in range(6)}
    images |= {f"val/copy {i}.jpg": (turned(scene(i)), row) for i in range(6)}
    return dataset(tmp_path / "data", images)


def test_split_keeps_turned_copies_together(trunk: Path, leaking: Path, tmp_path: Path) -> None:
    arguments = ["split", str(leaking), str(tmp_path / "out"), "--ratios", "0.5,0.5", "--device", "cpu", "--json"]
    done = CliRunner().invoke(main, [*arguments, "--weights", str(trunk)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["near_duplicates"] == 6
    parts = {path.stem: path.parent.name for path in (tmp_path / "out" / "images").rglob("*.jpg")}
    assert all(parts[f"{i}"] == parts[f"copy {i}"] for i in range(6))


def test_weights_make_no_sense_without_near_duplicates(leaking: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="switched off"):
        yolo_tl.split(leaking, tmp_path / "out", weights="yolo26n.pt", near_duplicates=False)


def test_without_the_train_extra(leaking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yolo_tl.engine.hermetic import ultralytics

    cached = [name for name in sys.modules if name.split(".")[0] == "ultralytics"]
    for name in cached:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    ultralytics.cache_clear()
    try:
        with pytest.raises(MissingExtra, match=r"yolo-tl\[train\]"):
            yolo_tl.split(leaking, tmp_path / "out", weights="yolo26n.pt")
        assert yolo_tl.split(leaking, tmp_path / "out").near_duplicates == 0
    finally:
        monkeypatch.undo()
        ultralytics.cache_clear()
