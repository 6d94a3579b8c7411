from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from yolo_tl.data import convert
from yolo_tl.data.image_size import image_header
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.scenes import CLASSES, SAMPLE_FORMATS, make_scenes
from yolo_tl.data.yolo.labelled import read_labelled
from yolo_tl.errors import ConfigError, UsageError

SIZE = 192


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def boxes_of(data: Path) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    """Class and box in px of each object, by image."""
    found = {}
    for image in read_labelled(data).images:
        sides = image_header(image.path).size * 2
        shares = [(a.name, a.box) for a in image.objects]
        found[image.path.name] = sorted(
            (name, tuple(round(v * side, 3) for v, side in zip(box, sides, strict=True))) for name, box in shares
        )
    return found


def test_another_process_writes_the_same_bytes(coco_sample, tmp_path):
    code = (
        "import sys; from yolo_tl.data.scenes import make_scenes\n"
        f"make_scenes(sys.argv[1], format='coco', images=24, size={SIZE}, seed=5)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "again")], check=True, env={"PYTHONHASHSEED": "77"})
    assert files_of(tmp_path / "again") == files_of(coco_sample)


def test_fewer_pictures_are_the_first_of_more(coco_sample, tmp_path):
    make_scenes(tmp_path / "few", format="coco", images=11, size=SIZE, seed=5)
    few, many = ({k: v for k, v in files_of(p).items() if k.endswith(".jpg")} for p in (tmp_path / "few", coco_sample))
    assert len(few) == 11
    assert few.items() <= many.items()
    assert all(int(Path(name).stem[-4:]) >= 11 for name in many.keys() - few.keys())


@pytest.mark.parametrize("format", SAMPLE_FORMATS)
def test_every_format_converts_without_loss_to_the_same_boxes(coco_sample, tmp_path, format):
    report = make_scenes(tmp_path / "made", format=format, images=24, size=SIZE, seed=5)
    converted = convert(tmp_path / "made", tmp_path / "yolo", strict=True)
    assert converted.format == format
    assert converted.classes == list(CLASSES)
    assert converted.splits == {split: n for split, n in report.images.items() if n}
    assert converted.annotations_out == converted.annotations_in == sum(report.objects.values()) > 15
    assert not any(note for note in converted.notes if "left out" in note)
    truth = {}
    for file in (coco_sample / "annotations").glob("*.json"):
        content = json.loads(file.read_bytes())
        names = {c["id"]: c["name"] for c in content["categories"]}
        for image in content["images"]:
            truth[image["file_name"]] = sorted(
                (names[a["category_id"]], (x, y, x + w, y + h))
                for a in content["annotations"]
                if a["image_id"] == image["id"]
                for x, y, w, h in [a["bbox"]]
            )
    assert boxes_of(converted.data) == truth


@pytest.mark.parametrize("format", [f for f in SAMPLE_FORMATS if f != "yolo"])
def test_polygons_come_through(tmp_path, format):
    make_scenes(tmp_path / "made", format=format, images=12, size=SIZE, seed=2)
    report = convert(tmp_path / "made", tmp_path / "yolo", strict=True, options=ReadOptions(task="segment"))
    assert report.repaired == {}
    assert report.annotations_out == report.annotations_in > 5


def test_the_report_counts_what_lies_there(coco_sample, tmp_path):
    report = make_scenes(tmp_path / "yolo", format="yolo", images=24, size=SIZE, seed=5)
    labels = [path.read_text().splitlines() for path in (tmp_path / "yolo" / "labels").rglob("*.txt")]
    assert sum(report.images.values()) == len(labels) == 24
    assert sum(report.objects.values()) == sum(map(len, labels))
    assert report.backgrounds == sum(not rows for rows in labels)
    assert report.data == tmp_path / "yolo" / "data.yaml"
    names = [path.name for path in (tmp_path / "yolo" / "images").rglob("*.jpg")]
    assert report.cameras == {c: sum(n.startswith(c) for n in names) for c in ("cam1", "cam2")}
    assert report.lots == len({name.split("_")[1] for name in names}) == 15
    lots = [
        {p.name.split("_")[1] for p in (tmp_path / "yolo" / "images" / s).iterdir()} for s in ("train", "val", "test")
    ]
    assert sum(map(len, lots)) == 15, "no lot is in two splits"


@pytest.mark.parametrize(
    "wrong, error, text",
    [
        ({"images": 8}, ConfigError, "images: expected 9"),
        ({"size": 64}, ConfigError, "size: expected 128"),
        ({"size": 10_000}, ConfigError, "size: expected 128"),
        ({"seed": -1}, ConfigError, "seed: expected 0"),
        ({"format": "coc"}, UsageError, "found 'coc'.*coco"),
        ({"format": "kitti"}, UsageError, "format: expected one of"),
    ],
)
def test_bad_arguments(tmp_path, wrong, error, text):
    with pytest.raises(error, match=text):
        make_scenes(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_only_what_was_made_here_is_replaced(tmp_path):
    mine = tmp_path / "out" / "mine.txt"
    mine.parent.mkdir()
    mine.touch()
    for overwrite in (False, True):
        with pytest.raises(UsageError):
            make_scenes(tmp_path / "out", images=9, size=128, overwrite=overwrite)
    assert mine.exists()
    mine.unlink()
    make_scenes(tmp_path / "out", images=9, size=128)
    with pytest.raises(UsageError, match="already holds files"):
        make_scenes(tmp_path / "out", images=9, size=128)
    make_scenes(tmp_path / "out", images=10, size=128, overwrite=True)
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 10


def test_progress_is_told_of_each_picture(tmp_path):
    told: list[tuple[int, int]] = []
    make_scenes(tmp_path / "out", images=9, size=128, drawn=lambda done, total: told.append((done, total)))
    assert told == [(i, 9) for i in range(1, 10)]
