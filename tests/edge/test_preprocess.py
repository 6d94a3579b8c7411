from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.edge.network import TASKS, NetworkInfo, Task
from yolo_tl.edge.preprocess import Preprocess

IMAGE = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def info(task: Task, *, dynamic: bool = False) -> NetworkInfo:
    return NetworkInfo(task, ("a", "b"), "raw", (64, 64), dynamic=dynamic)


@pytest.mark.parametrize("task", TASKS)
def test_json_says_everything(task: Task) -> None:
    chosen = Preprocess.of(task)
    assert Preprocess.from_json(chosen.to_json()) == chosen
    other = Preprocess(colour="BGR", scale="1", fit=chosen.fit)
    assert Preprocess.from_json(other.to_json()) == other


def test_a_manifest_without_a_fit_means_letterbox() -> None:
    old = {"letterbox": 7, "colour": "RGB", "scale": "1/255"}
    assert Preprocess.from_json(old) == Preprocess(padding=7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fit": "stretch"}, "fit: expected letterbox, crop, found 'stretch'"),
        ({"letterbox": 256}, "letterbox: expected 0 to 255, found 256"),
        ({"letterbox": True}, "letterbox"),
        ({"fit": "crop"}, "letterbox: expected no such step, found 114"),
        ({"mean": [0, 0, 0]}, "mean: expected no such step"),
        ({"colour": "GREY"}, "colour: expected RGB, BGR"),
    ],
)
def test_steps_that_are_not_known_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocess.from_json({**Preprocess().to_json(), **change})


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_crop_fills_the_input(dynamic: bool) -> None:
    tensor, (frame,) = Preprocess.of("classify")([IMAGE], info("classify", dynamic=dynamic))
    assert tensor.shape == (1, 3, 64, 64)
    assert (frame.image, frame.canvas) == ((50, 70), (64, 64))
    grey = np.float32(114) / np.float32(255)
    padded, _ = Preprocess()([IMAGE], info("detect"))
    assert (padded[0, :, 0] == grey).all()
    assert not (tensor[0, :, 0] == grey).all()


def test_colour_and_scale_of_a_crop() -> None:
    usual, _ = Preprocess.of("classify")([IMAGE], info("classify"))
    other, _ = Preprocess(colour="BGR", scale="1", fit="crop")([IMAGE], info("classify"))
    np.testing.assert_array_equal(other[:, ::-1] / np.float32(255), usual)
