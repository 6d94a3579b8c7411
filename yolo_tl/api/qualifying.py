"""Judging a model by an inspection contract."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_tl.data import read_dataset
from yolo_tl.data.dataset import Dataset
from yolo_tl.data.fingerprint import fingerprint
from yolo_tl.data.groups import groups_of
from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.qualification import Qualification, judge
from yolo_tl.evaluation.inspection.thresholds import choose
from yolo_tl.evaluation.inspection.units import inspect
from yolo_tl.files import PathLike, sha256, write_json
from yolo_tl.presets import resolve


def qualify(
    model: PathLike,
    data: PathLike,
    contract: PathLike = "default",
    *,
    overrides: Mapping[str, Any] | None = None,
    choose_on: str = "val",
    judge_on: str = "test",
    out: PathLike | None = None,
    imgsz: int | None = None,
    head: str = "auto",
    trust: bool = False,
) -> Qualification:
    """Choose a threshold for each class by a contract on one split, and judge the contract on another.

    The network is run on the CPU, with the preparation and decoding of the deployed model.

    Args:
        model: a checkpoint, or a run folder (its ``best.pt``).
        data: a ``data.yaml`` or the folder that holds it.
        contract: a contract of ``configs/inspect`` by its name, or a YAML file.
        overrides: dotted keys of the contract to values, strongest.
        choose_on: the split the thresholds are chosen on; not train, whose images the model knows.
        judge_on: the split that is judged; not train, nor the one the thresholds were chosen on.
        out: JSON file to write, for `export`; written whatever the verdict is.
        imgsz: side of the square input, px; as trained by default.
        head: ``one-to-many``, ``nms-free``, or ``auto`` for the one the checkpoint was selected on.
        trust: load a checkpoint that asks for foreign classes.

    Returns:
        The thresholds and the verdict; `Qualification.require_met` raises where it is not ``met``.

    Raises:
        ConfigError: the contract is malformed, or names a class that the data does not have.
        DataError: a split is missing or empty, splits share an image or a part, a class has no example to choose
            its threshold by, or escapes or overkill cannot be measured.
        UsageError: the two splits are one, or one of them is train.
    """
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.detector import HEADS, selected_head, trained_size
    from yolo_tl.engine.weights import checkpoint_of, find_weights
    from yolo_tl.exporting.rehearsal import JUDGED, rehearse

    asked = resolve(InspectionContract, kind="inspect", preset=os.fspath(contract), overrides=overrides).config
    dataset = read_dataset(Path(data))
    asked.rules(dataset.names)
    _require_apart(dataset, choose_on, judge_on)
    parts = _parts(dataset, choose_on, judge_on, asked)
    weights = find_weights(os.fspath(checkpoint_of(model)))
    module = load_checkpoint(weights, trust=trust)
    size, chosen = imgsz or trained_size(module), selected_head(module) if head == "auto" else head
    first, second = (
        inspect(
            rehearse(module, dataset=dataset, split=split, imgsz=size, head=HEADS[chosen]),
            asked,
            parts=None if parts is None else [parts[image] for image in dataset.split(split).images],
        )
        for split in (choose_on, judge_on)
    )
    choice = choose(first, asked)
    result = Qualification(
        contract=asked,
        choice=choice,
        chosen=judge(first, asked, choice.thresholds),
        judged=judge(second, asked, choice.thresholds),
        model={
            "checkpoint": weights.name,
            "sha256": sha256(weights),
            "names": list(dataset.names),
            "head": chosen,
            "imgsz": size,
            "iou": JUDGED.iou,
            "max_det": JUDGED.max_det,
        },
        data={"data": str(dataset.data), "fingerprint": fingerprint(dataset)},
    )
    if out is not None:
        write_json(Path(out), result.to_json())
    return result


def _require_apart(dataset: Dataset, choose_on: str, judge_on: str) -> None:
    """Fail unless the split that is judged has images, and none that trained the model or chose the thresholds."""
    if choose_on == judge_on or "train" in (choose_on, judge_on):
        raise UsageError(
            f"expected two splits other than train, found {choose_on} to choose on and {judge_on} to judge on",
            hint="thresholds look better on the images that chose them, and a model on those that trained it",
        )
    for name in (choose_on, judge_on):
        if not len(dataset.split(name)):
            raise DataError(f"{dataset.data}: expected images in {name}, found none", hint="yolo-tl split draws a test")
    judged = {sha256(image): image for image in dataset.split(judge_on).images}
    for name in dataset.splits.keys() - {judge_on}:
        shared = [image for image in dataset.split(name).images if sha256(image) in judged]
        if shared:
            raise DataError(
                f"{dataset.data}: expected {judge_on} to have images of its own, found {len(shared)} that "
                f"{name} has, too, such as {shared[0]} and {judged[sha256(shared[0])]}",
                hint="draw the splits anew: yolo-tl split; a verdict on images that were used says nothing",
            )


def _parts(
    dataset: Dataset, choose_on: str, judge_on: str, contract: InspectionContract
) -> dict[Path, str | None] | None:
    """The part that each image of the two splits shows; None where images are judged on their own."""
    if contract.unit == "image":
        return None
    owner = {image: name for name in (choose_on, judge_on) for image in dataset.split(name).images}
    labels = groups_of([Path(os.path.relpath(image, dataset.root)).as_posix() for image in owner], contract.parts)
    split_of: dict[str, str] = {}
    for (image, split), label in zip(owner.items(), labels, strict=True):
        if label is not None and split_of.setdefault(label, split) != split:
            raise DataError(
                f"{image}: its part {label} has images in {choose_on} and in {judge_on}",
                hint=f"keep the images of a part together: yolo-tl split --group-by {contract.parts}",
            )
    return dict(zip(owner, labels, strict=True))
