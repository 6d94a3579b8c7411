"""A series of scenes as a data set, in the format of an annotation tool or ready to train on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from yolo_tl import __version__
from yolo_tl.data.formats import FORMATS, Output
from yolo_tl.data.records import Annotation, ImageRecord, replace
from yolo_tl.data.scenes.defects import CLASSES
from yolo_tl.data.scenes.drawing import Scene, Studio
from yolo_tl.data.scenes.shots import FEWEST
from yolo_tl.data.split import SPLITS
from yolo_tl.data.targets import require_replaceable
from yolo_tl.errors import ConfigError, UsageError, did_you_mean
from yolo_tl.files import staged_folder, write_text

MARK = "sample.md"
SIZES = (128, 2048)  # px
_MOST = 100_000
_BOXES_ONLY = ("yolo",)  # formats whose polygons would make another task of them
SAMPLE_FORMATS = ("voc", "coco", "yolo", "labelme", "cvat")


@dataclass(frozen=True)
class SampleReport:
    """What was drawn.

    Attributes:
        out: the folder.
        data: what the next command takes: the data.yaml, or the folder where it is to be converted first.
        format: of the annotations.
        images: how many, by split.
        objects: how many, by class.
        backgrounds: images without a defect.
        cameras: images of each.
        lots: how many there are.
    """

    out: Path
    data: Path
    format: str
    images: dict[str, int]
    objects: dict[str, int]
    backgrounds: int
    cameras: dict[str, int]
    lots: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {**asdict(self), "out": str(self.out), "data": str(self.data)}


def make_scenes(
    out: Path | str,
    *,
    format: str = "voc",
    images: int = 120,
    size: int = 640,
    seed: int = 0,
    overwrite: bool = False,
    drawn: Callable[[int, int], None] = lambda done, total: None,
) -> SampleReport:
    """Draw a data set of inspection pictures: metal caps, printed boards and labels, four classes of defects.

    A fifth of the pictures is without defects, two cameras took them, and each lot looks a little
    different; no lot is in two splits. File names tell camera and lot: ``cam1_lot03_0017.jpg``. The
    same arguments give the same bytes with the same OpenCV and NumPy, and fewer pictures are the first of more.

    Args:
        out: the folder to make.
        format: voc, coco, labelme and cvat have boxes and polygons, yolo has boxes.
        images: how many, 9 or more.
        size: longer side of the pictures, px.
        seed: of everything that is drawn.
        overwrite: replace a folder that was made here before.
        drawn: called after each picture with how many there are, and how many there will be.

    Raises:
        ConfigError: `images`, `size` or `seed` is out of range.
        UsageError: there is no such format, or `out` cannot be used.
        WriteError: the folder could not be written; nothing is left of it.
    """
    out = Path(out)
    _require(format, images=images, size=size, seed=seed)
    require_replaceable(out, mark=MARK, overwrite=overwrite)
    studio = Studio(seed, size)
    records: list[ImageRecord] = []
    places: list[PurePosixPath] = []
    cameras: Counter[str] = Counter()
    lots: set[int] = set()
    with staged_folder(out, overwrite=overwrite) as stage:
        for split in SPLITS:
            (stage / "images" / split).mkdir(parents=True)
        for index in range(images):
            scene = studio.draw(index)
            place = PurePosixPath("images", scene.shot.split, f"{scene.shot.name}.jpg")
            (stage / place).write_bytes(scene.jpeg())
            records.append(_record(scene, stage / place, polygons=format not in _BOXES_ONLY))
            places.append(place)
            cameras[f"cam{scene.shot.camera}"] += 1
            lots.add(scene.shot.lot)
            drawn(index + 1, images)
        task = "detect" if format in _BOXES_ONLY else "segment"
        writer = FORMATS[format].write
        assert writer is not None
        writer(Output(stage, records, places, CLASSES, task=task))
        report = SampleReport(
            out,
            out / "data.yaml" if format == "yolo" else out,
            format,
            images={split: sum(record.split == split for record in records) for split in SPLITS},
            objects={name: sum(a.name == name for r in records for a in r.annotations) for name in CLASSES},
            backgrounds=sum(not record.annotations for record in records),
            cameras=dict(sorted(cameras.items())),
            lots=len(lots),
        )
        asked = f"--format {format} --images {images} --size {size} --seed {seed}"
        write_text(stage / MARK, f"Drawn by `yolo-tl sample {asked}`, version {__version__}: no photographs.\n")
    return report


def _require(format: str, *, images: int, size: int, seed: int) -> None:
    if format not in SAMPLE_FORMATS:
        raise UsageError(
            f"format: expected one of {', '.join(SAMPLE_FORMATS)}, found {format!r}"
            + did_you_mean(format, list(SAMPLE_FORMATS)),
            hint="`yolo-tl convert` makes others from it",
        )
    if not FEWEST <= images <= _MOST:
        hint = "three products in three splits make nine"
        raise ConfigError(f"images: expected {FEWEST} to {_MOST}, found {images}", hint=hint)
    if not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(f"size: expected {SIZES[0]} to {SIZES[1]} px, found {size}")
    if seed < 0:
        raise ConfigError(f"seed: expected 0 or more, found {seed}")


def _record(scene: Scene, path: Path, *, polygons: bool) -> ImageRecord:
    """A picture as a writer takes it."""
    annotations: tuple[Annotation, ...] = scene.annotations
    if not polygons:
        annotations = tuple(replace(annotation, parts=()) for annotation in annotations)
    return ImageRecord(path, path, annotations, split=scene.shot.split, size=scene.size)
