from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from yolo_tl.engine.augmentation import Pipeline, load_pipeline, replace_albumentations
from yolo_tl.errors import ConfigError, MissingExtra, ModelError
from yolo_tl.presets import presets


def written(tmp_path: Path, transforms: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(f"transforms: [{transforms}]", encoding="utf-8")
    return path


# Loading


def test_every_shipped_pipeline_passes_its_trial():
    for name in presets("augment"):
        pipeline = load_pipeline(name, sizes=[64])
        assert isinstance(pipeline, Pipeline)
        assert pipeline.spatial == (name in ("microscope", "overhead", "rotation"))


def test_the_two_without_a_file():
    assert load_pipeline("ultralytics") is None
    nothing = load_pipeline("none")
    labels = {"img": np.ones((4, 4, 3), np.uint8)}
    state = random.getstate()
    assert nothing(dict(labels)) == labels
    assert random.getstate() == state


def test_a_pipeline_written_to_another_file_is_the_same(tmp_path):
    import yolo_tl.config

    pipeline = load_pipeline("inspection", sizes=[64])
    yolo_tl.config.save(tmp_path / "kept.yaml", pipeline.content)
    kept = load_pipeline(tmp_path / "kept.yaml", sizes=[64])
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for seed in range(8):
        random.seed(seed)
        one = pipeline({"img": image.copy()})["img"]
        random.seed(seed)
        assert np.array_equal(kept({"img": image.copy()})["img"], one)


def test_loading_leaves_the_random_state_alone():
    random.seed(3)
    state = random.getstate()
    load_pipeline("overhead", sizes=[64])
    assert random.getstate() == state


def test_constants_of_opencv_may_be_named(tmp_path):
    path = written(tmp_path, "{name: Affine, p: 1, translate_px: {x: 8, y: 0}, border_mode: cv2.BORDER_REPLICATE}")
    image = np.full((32, 32, 3), 200, np.uint8)
    labels = load_pipeline(path, sizes=[32])(labels_of(image, [[0.2, 0.2, 0.8, 0.8]]))
    assert np.array_equal(labels["img"], image)  # with the default border, a black strip would come in


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ("{name: GausNoise}", r"transforms\[0\]: Albumentations 2.* has no transform 'GausNoise'; .*'GaussNoise'"),
        ("{name: ImageOnlyTransform}", "has no transform 'ImageOnlyTransform'"),
        ("{name: oneof, transforms: [{name: Blur}]}", "has no transform 'oneof'"),
        ("{name: GaussNoise, std: 0.1}", r"GaussNoise has no parameter 'std'; did you mean 'std_range'"),
        ("{name: MedianBlur, limit: 3}", r"MedianBlur has no parameter 'limit'; did you mean 'blur_limit'"),
        ("{name: Blur}, {name: GaussNoise, std_range: [2, 3]}", r"transforms\[1\]: GaussNoise: std_range.*found"),
        ("{name: GaussNoise, std_range: wide}", "GaussNoise: std_range.*found 'wide'"),
        ("{name: Affine, rotate_method: circle}", "Affine: rotate_method: .*found 'circle'"),
        ("{name: Affine, border_mode: cv2.BORDER_NICE}", "OpenCV has no constant BORDER_NICE"),
        ("{name: CenterCrop}", "CenterCrop: "),
        ("{name: OneOf}", "OneOf: expected `transforms`"),
        ("{name: OneOf, n: 2, transforms: [{name: Blur}]}", "OneOf has no parameter 'n'"),
        ("{name: OneOf, transforms: [{name: Blur, p: 0}]}", "OneOf: the probabilities inside it add up to 0"),
        ("{name: SomeOf, n: 3, transforms: [{name: Blur}]}", "SomeOf: `n` is greater than number of transforms"),
        ("{name: SomeOf, n: 1, transforms: [{name: Blur, k: 3}]}", r"transforms\[0\].transforms\[0\]: Blur has no"),
        ("{name: Blur, transforms: [{name: Blur}]}", "Blur takes no `transforms`; OneOf"),
        ("{name: RandomGridShuffle}", "RandomGridShuffle cannot be used here: it cuts the picture into tiles"),
        ("{name: Lambda}", "Lambda cannot be used here: it needs code"),
        ("{name: Compose, transforms: [{name: Blur}]}", "Compose cannot be used here: .*Sequential"),
        ("{name: Resize, height: 32, width: 32}", "Resize cannot be used here: the size of the frame is imgsz"),
        ("{name: Normalize}", "Normalize cannot be used here"),
        ("{name: ToTensorV2}", "ToTensorV2 cannot be used here"),
        ("{name: CoarseDropout3D}", "CoarseDropout3D cannot be used here: it is for volumes"),
        ("{name: Mosaic}", "Mosaic needs mosaic_metadata, which a pipeline does not have"),
        ("{name: FDA}", "FDA needs fda_metadata"),
        ("{name: OverlayElements}", "OverlayElements needs overlay_metadata"),
        ("{name: MaskDropout}", "MaskDropout needs mask,"),
        ("{name: CropNonEmptyMaskIfExists, height: 8, width: 8}", "cannot be used here: it needs masks"),
        ("{name: RandomCropNearBBox}", "RandomCropNearBBox needs cropping_bbox"),
        ("{name: RandomCrop, height: 99, width: 9, p: 0}", "RandomCrop fails on a picture of 64 x 64 px: "),
        ("{name: ToGray, num_output_channels: 1}", r"ToGray makes uint8 of shape \(64, 64\)"),
    ],
)
def test_what_cannot_be_trained_with_is_refused_before_training(tmp_path, transforms, message):
    path = written(tmp_path, transforms)
    with pytest.raises(ConfigError, match=message) as caught:
        load_pipeline(path, sizes=[64])
    assert caught.value.message.startswith(f"{path}, transforms[")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["Blur", "MedianBlur", "MotionBlur"])
def test_values_that_albumentations_would_adjust_are_errors(tmp_path, name):
    import albumentations

    with pytest.warns(UserWarning, match="adjusted"):
        getattr(albumentations, name)(blur_limit=(4, 6))
    with pytest.raises(ConfigError, match=rf"transforms\[0\]: {name}: blur_limit: .*must be odd"):
        load_pipeline(written(tmp_path, f"{{name: {name}, blur_limit: [4, 6]}}"), sizes=[64])


def test_a_pipeline_is_tried_at_every_size(tmp_path):
    path = written(tmp_path, "{name: RandomCrop, height: 48, width: 48}")
    load_pipeline(path, sizes=[64])
    with pytest.raises(ConfigError, match="fails on a picture of 32 x 32 px"):
        load_pipeline(path, sizes=[64, 32])


@pytest.mark.parametrize("name", ["overhead", "ultralytics"])
def test_without_albumentations_only_none_works(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(MissingExtra, match="albumentations is needed"):
        load_pipeline(name)
    assert load_pipeline("none") is not None


def test_loading_looks_up_no_host():
    code = (
        "import sys, os; os.environ.pop('NO_ALBUMENTATIONS_UPDATE', None); seen = []\n"
        "sys.addaudithook(lambda event, a: seen.append(a) if event == 'socket.getaddrinfo' else None)\n"
        "from yolo_tl.engine.augmentation import load_pipeline\n"
        "load_pipeline('overhead', sizes=[64]); print(seen)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


# In the place of Ultralytics' own


def labels_of(image, boxes):
    from yolo_tl.engine.hermetic import ultralytics

    ultralytics()
    from ultralytics.utils.instance import Instances

    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    instances = Instances(boxes, bbox_format="xyxy", normalized=True)
    return {"img": image, "cls": np.arange(len(boxes), dtype=np.float32)[:, None], "instances": instances}


@pytest.fixture
def dataset_of(ultralytics, sample):
    """The training images of the sample, as Ultralytics sets them up, with a pipeline."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    class Augmented(YOLODataset):
        def build_transforms(self, hyp):
            transforms = super().build_transforms(hyp)
            replace_albumentations(transforms, pipeline)
            return transforms

    def make(wanted, **options):
        nonlocal pipeline
        pipeline = wanted
        hyp = get_cfg(overrides={"task": "detect", "imgsz": 64, **options})
        data = check_det_dataset(str(sample / "data.yaml"))
        dataset = Augmented(img_path=str(sample / "images" / "train"), imgsz=64, hyp=hyp, data=data, task="detect")
        return dataset, hyp

    pipeline = None
    return make


def kinds(dataset):
    return [type(transform).__name__ for transform in dataset.transforms.transforms]


def test_ultralytics_holds_one_albumentations_and_the_pipeline_takes_its_place(dataset_of):
    own, hyp = dataset_of(None)
    plain = kinds(own)
    assert plain.count("Albumentations") == 1
    own.close_mosaic(hyp)
    assert kinds(own) == plain
    for name in ("lighting", "none"):
        pipeline = load_pipeline(name, sizes=[64])
        dataset, hyp = dataset_of(pipeline)
        wanted = [kind.replace("Albumentations", "Pipeline") for kind in plain]
        assert kinds(dataset) == wanted
        dataset.close_mosaic(hyp)
        assert kinds(dataset) == wanted
        assert dataset.transforms.transforms[wanted.index("Pipeline")] is pipeline


@pytest.mark.parametrize("name", ["microscope", "rotation", "inspection", "none"])
def test_a_dataset_yields_what_training_needs(dataset_of, name):
    import torch

    dataset, hyp = dataset_of(load_pipeline(name, sizes=[64]))
    for closed in (False, True):
        if closed:
            dataset.close_mosaic(hyp)
        items = [dataset[i] for i in range(len(dataset))]
        for item in items:
            assert item["img"].shape == (3, 64, 64)
            assert item["img"].dtype == torch.uint8
            boxes = item["bboxes"]
            assert len(boxes) == len(item["cls"]) == len(item["batch_idx"])
            corners = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
            assert ((corners > -1e-5) & (corners < 1 + 1e-5)).all()
        assert sum(len(item["cls"]) for item in items) > 0


def test_what_does_not_hold_one_albumentations_is_refused(ultralytics):
    from ultralytics.data.augment import Albumentations, Compose

    for transforms in ([], [Albumentations(), Albumentations()]):
        with pytest.raises(ModelError, match=f"expected one Albumentations .* found {len(transforms)}"):
            replace_albumentations(Compose(transforms), load_pipeline("none"))


def test_ultralytics_own_must_have_been_made(ultralytics):
    from ultralytics.data.augment import Albumentations, Compose

    compose = Compose([Albumentations()])
    replace_albumentations(compose, None)
    assert isinstance(compose[0], Albumentations)
    compose[0].transform = None  # as where it is not installed, or its construction failed
    with pytest.raises(MissingExtra, match="albumentations"):
        replace_albumentations(compose, None)
