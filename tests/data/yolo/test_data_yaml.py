from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.data_yaml import load_data_yaml, mirrored
from yolo_tl.errors import DataNotFound, ParseError

Make = Callable[..., Any]
BASE = "train: images/train\nval: images/val\n"


@pytest.fixture
def folder(tmp_path: Path, picture: Make) -> Make:
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / f"{split}.jpg")

    def make(yaml: str, encoding: str = "utf-8") -> Path:
        (tmp_path / "data.yaml").write_bytes(yaml.encode(encoding))
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("yaml", "names"),
    [
        ("names: [cat, dog]\n", ("cat", "dog")),
        ("names: {1: dog, 0: cat}\n", ("cat", "dog")),
        ("names: {'0': cat, '1': dog}\nnc: '2'\n", ("cat", "dog")),
        ("names: [1, true]\nnc: 2.0\n", ("1", "True")),
        ("nc: 2\n", ("class_0", "class_1")),
        ("names:\nnc: 1\n", ("class_0",)),
        ("names: [Ärger, 'a: b']\n", ("Ärger", "a: b")),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names(yaml: str, names: tuple[str, ...], encoding: str, folder: Make) -> None:
    assert load_data_yaml(folder(BASE + yaml, encoding)).names == names


def test_pose_keys(folder: Make) -> None:
    data = load_data_yaml(folder(f"{BASE}names: [a]\nkpt_shape: [3, 2]\nflip_idx: [0, 2, 1]\ntask: pose\n"))
    assert (data.keypoints, data.keypoint_names, data.flip_idx, data.task) == (
        (3, 2),
        ("0", "1", "2"),
        (0, 2, 1),
        "pose",
    )
    for names in ("[x, y]", "{0: [x, y], 1: [p, q]}"):
        data = load_data_yaml(folder(f"{BASE}names: [a]\nkpt_shape: [2, 3]\nkpt_names: {names}\nflip_idx: []\n"))
        assert (data.keypoint_names, data.flip_idx) == (("x", "y"), None)
    assert load_data_yaml(folder(f"{BASE}names: [a]\n")).keypoints is None


@pytest.mark.parametrize(
    ("yaml", "place"),
    [
        ("names: [a]\nkpt_shape: 17\n", "kpt_shape"),
        ("names: [a]\nkpt_shape: [17]\n", "kpt_shape"),
        ("names: [a]\nkpt_shape: [17, 4]\n", "kpt_shape"),
        ("names: [a]\nkpt_shape: [0, 3]\n", "kpt_shape"),
        ("names: [a]\nkpt_shape: [1000000000, 3]\n", "kpt_shape"),
        ("names: [a]\nkpt_shape: [.inf, 3]\n", "kpt_shape"),
        ("names: [a]\nkpt_shape: [2, 3]\nkpt_names: [x]\n", "kpt_names"),
        ("names: [a]\nkpt_shape: [2, 3]\nkpt_names: [x, x]\n", "kpt_names"),
        ("names: [a]\nkpt_shape: [2, 3]\nkpt_names: 3\n", "kpt_names"),
        ("names: [a]\nkpt_shape: [2, 3]\nflip_idx: [0, 0]\n", "flip_idx"),
        ("names: [a]\nkpt_shape: [2, 3]\nflip_idx: left\n", "flip_idx"),
        ("names: [a]\npath: [x]\n", "path"),
        ("names: [a, [b]]\n", "names"),
        ("names: {.inf: a}\n", "names"),
        ("nc: 1000000000000\n", "nc"),
        ("names: [a]\nnc: many\n", "nc"),
        ("x: &x [y]\ny: &y [*x, *x, *x]\nnames: [*y, *y]\n", "names"),
    ],
)
def test_a_bad_value_is_named_by_its_key(yaml: str, place: str, folder: Make) -> None:
    with pytest.raises(ParseError, match=rf"data\.yaml \({place}\): ") as caught:
        load_data_yaml(folder(BASE + yaml))
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "yaml",
    [
        "[" * 3000,
        "names: 2020-13-45\n",
        f"names: {'9' * 5000}\n",
        "names: !!python/object:os.system [a]\n",
        "names: &a [*b]\n",
        "\x00",
        "names: [a\n",
    ],
)
def test_malformed_yaml(yaml: str, folder: Make) -> None:
    with pytest.raises(ParseError, match=r"data\.yaml"):
        load_data_yaml(folder(yaml))


@pytest.mark.parametrize(
    "yaml",
    [
        "path: /content/datasets/mine\ntrain: images/train\nval: images/val\n",
        "path: C:\\Users\\me\\mine\ntrain: images\\train\nval: images\\val\n",
        "train: /content/mine/images/train\nval: /content/mine/images/val\n",
        "train: D:\\mine\\images\\train\nval: D:\\mine\\images\\val\n",
        "train: ../mine/images/train\nval: ../mine/images/val\n",
    ],
)
def test_paths_of_another_machine(yaml: str, folder: Make) -> None:
    path = folder(f"{yaml}names: [a]\n")
    data = load_data_yaml(path, source=Tree(path))
    found = {split: [image.name for image in images] for split, images in data.images.items()}
    assert found == {"train": ["train.jpg"], "val": ["val.jpg"]}
    assert (data.lost != "") == yaml.startswith("path")
    with pytest.raises(DataNotFound):  # as Ultralytics would
        load_data_yaml(path)


def test_an_empty_split_is_an_error(folder: Make, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for source in (None, Tree(folder("train: nothing\nnames: [a]\n"))):
        with pytest.raises(DataNotFound, match=r"\(train\): no images in nothing"):
            load_data_yaml(tmp_path, source=source)


def test_a_list_of_images(folder: Make, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    lines = "./../images/train/train.jpg\r\nimages/val/val.jpg\n\n./x\0.jpg\nreadme.md\n"
    (tmp_path / "lists" / "all.txt").write_text(lines, "utf-8-sig", newline="")
    (tmp_path / "name").mkdir()
    data = load_data_yaml(folder("train: [lists/all.txt, images/val]\nnames: [a]\n"))
    assert [path.name for path in data.images["train"]] == ["val.jpg", "val.jpg", "train.jpg", "x.jpg"]


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["nose", "left_eye", "right_eye"], [0, 2, 1]),
        (["LeftEye", "RightEye", "Nose"], [1, 0, 2]),
        (["eye_L", "eye_R"], [1, 0]),
        (["l-hip", "r-hip", "LEFT", "RIGHT"], [1, 0, 3, 2]),
        (["tail"], [0]),
        (["nose", "tail"], None),
        (["left_eye", "nose"], None),
        ([], None),
    ],
)
def test_mirrored(names: list[str], order: list[int] | None) -> None:
    assert mirrored(names) == order
