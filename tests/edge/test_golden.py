"""The golden set: which images are chosen, and what it catches that hashes cannot."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.bundles import ONE, THRESHOLDS, change_manifest, draw_pictures, rehash, toy_bundle
from support.toys import toy_network

from yolo_tl.edge import golden
from yolo_tl.edge.artifact import Artifact, open_artifact, open_network
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.golden import check_golden, golden_images, has_golden, tolerance_of, write_golden
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.errors import BundleError, DataError
from yolo_tl.files import sha256


class Told:
    """A network that finds what the blue level of the first pixel says."""

    path = Path("told")

    def __init__(self, answers: dict[int, np.ndarray], info: NetworkInfo) -> None:
        self.info, self._answers = info, answers

    def run(self, tensor: np.ndarray) -> Outputs:
        return (np.stack([self._answers[round(float(image[2, 0, 0]) * 255)] for image in tensor]),)


INFO = NetworkInfo("detect", ("a", "b", "c"), "nms-free", (32, 32))


def told(folder: Path, answers: dict[int, list[tuple[float, int]]]) -> tuple[list[Path], Pipeline]:
    """Images with a level each, and a pipeline that finds (score, class) in them."""
    outputs, paths = {}, []
    for level, scored in answers.items():
        rows = np.zeros((6, 6), np.float32)
        for place, (score, number) in enumerate(scored):
            rows[place] = (place * 5, 0, place * 5 + 4, 9, score, number)
        outputs[level] = rows
        paths.append(folder / f"{level:03d}.png")
        cv2.imwrite(str(paths[-1]), np.full((32, 32, 3), level, np.uint8))
    return paths, Pipeline(Told(outputs, INFO))


def chosen_levels(folder: Path) -> list[int]:
    return [int(cv2.imread(str(path))[0, 0, 0]) for path in sorted((folder / "golden").glob("*.png"))]


def test_every_class_a_close_decision_and_nothing_are_chosen(tmp_path: Path) -> None:
    answers = {
        10: [(0.9, 0)],
        20: [(0.9, 0), (0.8, 1)],  # the most classes
        30: [(0.95, 0), (0.9, 0)],
        40: [(0.9, 2)],  # the only one with c
        50: [(0.9, 0), (0.51, 0)],  # the closest decision that rounding cannot turn
        60: [(0.9, 0), (0.5001, 0)],  # rounding could turn this one
        70: [],
        80: [(0.9, 0)],
    }
    paths, pipeline = told(tmp_path, answers)
    written = write_golden(tmp_path, paths, pipeline, thresholds=Thresholds(0.5), count=4)
    assert chosen_levels(tmp_path) == [20, 40, 50, 70]
    assert (written.images, written.detections, written.unseen) == (4, 5, ())
    assert write_golden(tmp_path / "b", paths[:1], pipeline, thresholds=Thresholds(0.5)).unseen == ("b", "c")


def test_an_unsteady_image_is_better_than_none(tmp_path: Path) -> None:
    paths, pipeline = told(tmp_path, {60: [(0.5001, 0)]})
    assert write_golden(tmp_path, paths, pipeline, thresholds=Thresholds(0.5)).images == 1
    with pytest.raises(DataError, match="expected images"):
        write_golden(tmp_path, [], pipeline, thresholds=Thresholds(0.5))


def test_large_images_are_made_small_and_small_ones_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "LIMIT", 200_000)
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    small = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for name, image in (("large.png", noise), ("small.png", small)):
        cv2.imwrite(str(tmp_path / name), image)
    pipeline = Pipeline(open_network(toy_network(tmp_path / "toy.onnx"), ONE))
    write_golden(tmp_path, [tmp_path / "large.png", tmp_path / "small.png"], pipeline, thresholds=THRESHOLDS, count=2)
    files = sorted((tmp_path / "golden").glob("*.png"))
    sizes = [file.stat().st_size for file in files]
    assert 60_000 < sizes[0] <= 100_000
    np.testing.assert_array_equal(cv2.imread(str(files[1])), small)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "bundle")


def test_it_comes_out_as_it_was(bundle: Path) -> None:
    result = check_golden(open_artifact(bundle, ONE))
    assert result.passed
    assert result.detections > 20
    assert result.deviation.box < 1e-3
    assert "0 unmatched" in result.describe()
    assert len(golden_images(open_artifact(bundle, ONE))) == result.images == 4


def change_weight(bundle: Path, by: float) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "model.onnx")
    weight = next(item for item in model.graph.initializer if item.name == "weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[5, 1, 16, 16] += by  # the score of class 1 of the first cell
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "weight"))
    onnx.save(model, bundle / "model.onnx")


def test_one_changed_weight_is_caught_where_the_hash_was_made_anew(bundle: Path) -> None:
    change_weight(bundle, 20.0)
    with pytest.raises(BundleError, match=r"changed: model\.onnx"):
        open_artifact(bundle, ONE)
    rehash(bundle)
    result = check_golden(open_artifact(bundle, ONE))
    assert not result.passed
    assert "beyond:" in result.describe()


def edit(content: dict[str, object], key: str, value: object) -> None:
    content["preprocess"] = {**content["preprocess"], key: value}  # type: ignore[dict-item]


@pytest.mark.parametrize(("key", "value"), [("colour", "BGR"), ("letterbox", 0), ("scale", "1")])
def test_wrong_preprocessing_is_caught(bundle: Path, key: str, value: object) -> None:
    change_manifest(bundle, lambda content: edit(content, key, value))
    assert not check_golden(open_artifact(bundle, ONE)).passed


@pytest.mark.parametrize("thresholds", [{"confidence": 0.5}, {"iou": 0.9}, {"classes": {"class 1": 0.999}}], ids=str)
def test_another_operating_point_is_caught(bundle: Path, thresholds: dict[str, object]) -> None:
    change_manifest(bundle, lambda content: content["thresholds"].update(thresholds))
    assert not check_golden(open_artifact(bundle, ONE)).passed


def test_a_changed_picture_is_caught_where_the_hash_was_made_anew(bundle: Path) -> None:
    path = bundle / "golden" / "01.png"
    cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    rehash(bundle)
    result = check_golden(open_artifact(bundle, ONE))
    assert result.differing == ("01.png",)
    path.write_bytes(b"no picture")
    rehash(bundle)
    with pytest.raises(BundleError, match=r"01\.png: ImageError"):
        check_golden(open_artifact(bundle, ONE))


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c.clear(),
        lambda c: c.update(images=[]),
        lambda c: c.update(images=[{"image": "../model.onnx"}]),
        lambda c: c.update(images=[3]),
        lambda c: c.update(tolerance={"box": 1.0}),
        lambda c: c.update(tolerance=None),
        lambda c: c.update(thresholds={"confidence": 2, "iou": 0.5, "max_det": 3}),
        lambda c: c["thresholds"].update(classes={"no class": 0.5}),
        lambda c: c["thresholds"].update(classes=["class 0"]),
        lambda c: c["images"][0].pop("boxes"),
        lambda c: c["images"][0].update(scores=[0.5]),
        lambda c: c["images"][0].update(classes="a"),
        lambda c: c["images"][0].update(keypoints=[[]]),
        lambda c: c["images"][0].update(masks=[[1]]),
    ],
)
def test_a_damaged_expectation_is_refused(bundle: Path, damage) -> None:
    path = bundle / "golden" / "golden.json"
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    rehash(bundle)
    with pytest.raises(BundleError, match=r"golden\.json: expected a golden set"):
        check_golden(open_artifact(bundle, ONE))


def test_what_has_none(tmp_path: Path) -> None:
    for path in (toy_network(tmp_path / "toy.onnx"), toy_bundle(tmp_path / "bundle", golden=False)):
        artifact = open_artifact(path, ONE)
        assert not has_golden(artifact)
        with pytest.raises(BundleError, match="expected a bundle with a golden set"):
            check_golden(artifact)


def test_classification_is_compared_by_probability(tmp_path: Path, made: Path) -> None:
    info = replace(INFO, task="classify", head="raw")
    answers = {10: np.array([0.7, 0.2, 0.1], np.float32), 20: np.array([0.1, 0.5, 0.4], np.float32)}
    paths, _ = told(tmp_path, {level: [] for level in answers})
    written = write_golden(tmp_path, paths, Pipeline(Told(answers, info)), thresholds=THRESHOLDS)
    assert (written.images, written.detections, written.unseen) == (2, 2, ("c",))
    manifest = open_artifact(made, ONE).manifest
    assert manifest is not None
    hashes = {f"golden/{path.name}": sha256(path) for path in (tmp_path / "golden").iterdir()}
    manifest = replace(manifest, path=tmp_path / "manifest.json", content={**manifest.content, "files": hashes})

    def result(shift: float) -> golden.GoldenResult:
        moved = {level: values + np.array([shift, -shift, 0], np.float32) for level, values in answers.items()}
        return check_golden(Artifact(tmp_path, Pipeline(Told(moved, info)), THRESHOLDS, manifest))

    assert result(0.0005).passed
    assert not result(0.002).passed
    assert result(0.002).deviation.score == pytest.approx(0.002, abs=1e-5)


def test_the_tolerance_grows_with_what_is_computed_in() -> None:
    exact = tolerance_of(format="onnx", precision="fp32", arithmetic="f32")
    tf32 = tolerance_of(format="engine", precision="fp32", arithmetic="f32")
    half = tolerance_of(format="openvino", precision="fp32", arithmetic="f16")
    coarse = [tolerance_of(format="onnx", precision="int8", arithmetic="f32")]
    coarse += [tolerance_of(format="openvino", precision="fp32", arithmetic="bf16")]
    assert half == tolerance_of(format="engine", precision="fp16", arithmetic="f32")
    assert exact.score < tf32.score < half.score < coarse[0].score == coarse[1].score


def test_the_same_images_make_the_same_set(tmp_path: Path) -> None:
    pipeline = Pipeline(open_network(toy_network(tmp_path / "toy.onnx"), ONE))
    paths = draw_pictures(tmp_path / "pictures")
    for name in ("a", "b"):
        write_golden(tmp_path / name, paths, pipeline, thresholds=THRESHOLDS, count=3)
    a, b = ({path.name: path.read_bytes() for path in (tmp_path / name / "golden").iterdir()} for name in "ab")
    assert a == b
    assert len(a) == 4
