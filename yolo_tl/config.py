"""The one schema of every YAML: frozen dataclasses.

A field's type, default and help live here and nowhere else; `yolo_tl.presets` finds
the values, the command line reads its help from here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from yolo_tl.errors import ConfigError, did_you_mean
from yolo_tl.files import write_text

Config = TypeVar("Config")


def option(default: Any, about: str) -> Any:
    """A dataclass field with its help text. The default must be immutable."""
    return field(default=default, metadata={"help": about})


def _require(holds: bool, key: str, expected: str, found: Any) -> None:
    if not holds:
        raise ConfigError(f"{key}: expected {expected}, found {found!r}")


@dataclass(frozen=True)
class AugmentConfig:
    """Training augmentation, in the terms of Ultralytics; probabilities and gains in [0, 1]."""

    mosaic: float = option(1.0, "probability of composing four images into one")
    close_mosaic: float | None = option(None, "share of the run, at its end, without mosaic; default: planned")
    mixup: float = option(0.0, "probability of blending two images")
    hsv_h: float = option(0.015, "hue gain")
    hsv_s: float = option(0.7, "saturation gain")
    hsv_v: float = option(0.4, "value gain")
    degrees: float = option(0.0, "largest rotation, degrees")
    translate: float = option(0.1, "largest shift, share of the image")
    scale: float = option(0.5, "largest change of size, share")
    shear: float = option(0.0, "largest shear, degrees")
    perspective: float = option(0.0, "perspective coefficient, 0 to 0.001")
    fliplr: float = option(0.5, "probability of a left-right flip")
    flipud: float = option(0.0, "probability of an upside-down flip")
    paste: float = option(0.0, "probability of pasting objects of other images, rare classes first")
    pipeline: str = option("none", "Albumentations pipeline: a name in configs/augment or a YAML file")


@dataclass(frozen=True)
class RatesConfig:
    """Learning rate of each section, as a factor of the run's."""

    stem: float = option(1.0, "layers 0 to 4: edges and textures")
    backbone: float = option(1.0, "the rest of the backbone")
    neck: float = option(1.0, "what joins the scales")
    head: float = option(1.0, "the detection head")

    def __post_init__(self) -> None:
        for f in fields(self):
            rate = getattr(self, f.name)
            expected = "above 0; to keep a section as it is, freeze it"
            _require(rate > 0, f"rates.{f.name}", expected, rate)


@dataclass(frozen=True)
class StageConfig:
    """A stretch of a run. What is left out is the run's own."""

    name: str = option("", "for people")
    until: int | float | None = option(None, "its last epoch (12) or share of the run (0.3); default: the run's end")
    patience: int | None = option(None, "ends sooner after so many epochs without a better val score")
    freeze: str | int | list[int | str] | None = option(None, "what stays frozen meanwhile")
    lr: float = option(1.0, "factor on every learning rate")
    bn: Literal["train", "affine", "frozen"] | None = option(None, "BatchNorm of the trunk meanwhile")
    imgsz: int | float | None = option(None, "side of the training images, px, or as a share of the run's")

    def __post_init__(self) -> None:
        _require(self.lr > 0, "lr of a stage", "above 0; to keep layers as they are, freeze them", self.lr)
        _require(self.until is None or self.until > 0, "until", "an epoch or a share above 0", self.until)
        _require(not isinstance(self.until, float) or self.until <= 1, "until", "a share of at most 1.0", self.until)
        _require(self.patience is None or self.patience >= 1, "patience of a stage", "at least 1", self.patience)
        _require(self.imgsz is None or self.imgsz > 0, "imgsz of a stage", "above 0", self.imgsz)


@dataclass(frozen=True)
class TrainConfig:
    """What a training run is asked to do. ``None`` means: the plan decides, and says why."""

    schedule: Literal["steps", "ultralytics"] = option(
        "steps", "steps: scaled to the optimizer steps the data allows; ultralytics: the rules of `yolo train`"
    )
    epochs: int = option(100, "passes over the training images")
    imgsz: int = option(640, "side of the square network input, px, a multiple of 32")
    batch: int | Literal["auto"] = option("auto", "images per forward pass; auto: planned")
    seed: int = option(0, "seed of every random choice")
    device: str = option("auto", "cpu, cuda, a CUDA index, several (0,1), or auto")
    threads: int | None = option(None, "torch threads on the CPU; default: planned")
    workers: int | None = option(None, "processes that load images; default: planned")
    precision: Literal["fp32", "bf16"] | None = option(None, "arithmetic of the forward pass; default: planned")
    stages: tuple[StageConfig, ...] = option((), "stretches of the run, each with its own freezing and rates")
    freeze: str | int | list[int | str] = option(
        "none", "none, stem, backbone, neck, trunk, `trunk except stem`, a number of first layers, or a list of layers"
    )
    bn: Literal["train", "affine", "frozen"] = option(
        "train", "BatchNorm of the trunk: all of it learns, its scale and shift only, or nothing"
    )
    rates: RatesConfig = option(RatesConfig(), "learning rate of each section, as a factor")
    layer_decay: float = option(1.0, "factor on the learning rate for each layer farther from the head")
    optimizer: Literal["AdamW", "SGD", "MuSGD", "Adam", "NAdam", "RAdam"] | None = option(None, "default: planned")
    lr: float | None = option(None, "initial learning rate; default: planned")
    lr_final: float = option(0.01, "last learning rate, as a share of the first")
    cosine: bool = option(False, "cosine decay instead of linear")
    momentum: float | None = option(None, "momentum, or the first beta of Adam; default: planned")
    weight_decay: float = option(0.0005, "decay of convolution weights, per step of `nbs` images")
    nbs: int | None = option(None, "images per optimizer step (gradients are accumulated); default: planned")
    min_steps: int = option(1000, "accumulate fewer images per step where the run would take fewer steps than this")
    warmup: float | None = option(None, "epochs of learning-rate warm-up; default: planned")
    ema_window: float | None = option(None, "epochs the weight average looks back; default: planned")
    l2_sp: float = option(0.0, "pull of trunk weights towards where they started, per unit of learning rate")
    cls_pw: float = option(0.0, "weight of rare classes in the loss: inverse frequency to this power, 0 to 1")
    repeat: float = option(0.0, "images of classes in fewer than this share of the images are repeated; 0: none are")
    aliases: tuple[str, ...] = option((), "classes known to the weights by another name, as OURS=THEIRS")
    val_every: int | None = option(None, "epochs between validations; default: planned")
    metric: Literal["map50_95", "map50", "recall"] = option("map50_95", "val score that selects best.pt")
    patience: int | None = option(None, "epochs without a better val score before stopping; default: planned")
    keep: int = option(0, "last epochs of which the weights are kept in weights/, for `average`")
    state_every: float = option(30.0, "seconds between the states that a run can be resumed from")
    family: str = option("any", "the network family this is written for, such as yolo26; others are refused")
    head: Literal["one-to-many", "nms-free"] = option(
        "one-to-many", "which head of a two-headed network selects best.pt (YOLO26)"
    )
    augment: AugmentConfig = option(AugmentConfig(), "training augmentation")

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", "at least 1", self.epochs)
        _require(self.imgsz >= 32 and self.imgsz % 32 == 0, "imgsz", "a positive multiple of 32", self.imgsz)
        _require(self.batch == "auto" or self.batch >= 1, "batch", "at least 1, or auto", self.batch)
        _require(self.nbs is None or self.nbs >= 1, "nbs", "at least 1", self.nbs)
        _require(self.lr is None or 0 < self.lr <= 1, "lr", "above 0, at most 1", self.lr)
        _require(0 <= self.lr_final <= 1, "lr_final", "between 0 and 1", self.lr_final)
        _require(0 < self.layer_decay <= 1, "layer_decay", "above 0, at most 1", self.layer_decay)
        _require(0 <= self.cls_pw <= 1, "cls_pw", "between 0 and 1", self.cls_pw)
        _require(0 <= self.repeat < 1, "repeat", "between 0 and 1", self.repeat)
        _require(self.l2_sp >= 0, "l2_sp", "at least 0", self.l2_sp)
        _require(self.val_every is None or self.val_every >= 1, "val_every", "at least 1", self.val_every)
        _require(self.keep >= 0, "keep", "at least 0", self.keep)
        _require(self.threads is None or self.threads >= 1, "threads", "at least 1", self.threads)


@dataclass(frozen=True)
class GateLimits:
    """How far an exported model may be from its checkpoint; None does not judge."""

    tensor_box: float | None = option(0.05, "largest difference of any output box, px of the network input")
    tensor_score: float | None = option(0.001, "largest difference of any output score")
    box: float | None = option(0.05, "largest difference of a matched box, px of the network input")
    score: float | None = option(0.001, "largest difference of a matched score")
    flips: float | None = option(0.0, "largest share of images that flip: other counts of objects, or another class")
    map_loss: float | None = option(0.001, "largest loss of mAP50-95")

    def __post_init__(self) -> None:
        for name in ("tensor_box", "tensor_score", "box", "score", "flips", "map_loss"):
            value = getattr(self, name)
            _require(value is None or value >= 0, f"limits.{name}", "null or a number from 0 on", value)


@dataclass(frozen=True)
class QuantisationConfig:
    """How 8-bit weights and activations are found."""

    target: Literal["x86", "arm", "tensorrt"] = option("x86", "processor that an ONNX file is quantised for")
    images: int = option(64, "calibration images, chosen from the train split")
    seed: int = option(0, "of the choice of calibration images")
    search: bool = option(True, "leave layers in float until the limits hold")
    slower: bool = option(False, "accept a model that is slower than in float")

    def __post_init__(self) -> None:
        _require(self.images >= 1, "quantisation.images", "at least 1", self.images)


@dataclass(frozen=True)
class TensorRtConfig:
    """How TensorRT builds a plan."""

    workspace: float | None = option(None, "most memory of one operation, GiB; default: all that the GPU has")
    version_compatible: bool = option(False, "later versions and the lean runtime can run it, if not as fast")
    lean_runtime: bool = option(True, "a version-compatible plan brings its runtime, which is code that runs with it")
    hardware_compatibility: Literal["none", "same-capability", "ampere-plus"] = option("none", "GPUs it runs on")
    dla: int | None = option(None, "core of the deep learning accelerator; TensorRT 10 only")
    timing_cache: str | None = option(None, "file that makes later builds shorter")

    def __post_init__(self) -> None:
        _require(self.workspace is None or self.workspace > 0, "tensorrt.workspace", "above 0", self.workspace)


@dataclass(frozen=True)
class ExportConfig:
    """What an exported model is asked to be, and how closely it must agree with its checkpoint."""

    format: Literal[
        "onnx",
        "openvino",
        "engine",
        "torchscript",
        "ncnn",
        "litert",
        "coreml",
        "coreai",
        "saved_model",
        "pb",
        "edgetpu",
        "paddle",
        "mnn",
        "imx",
        "rknn",
        "executorch",
        "axelera",
        "deepx",
        "qnn",
        "hailo",
        "ascend",
        "xilinx",
    ] = option("onnx", "file format")
    precision: Literal["fp32", "fp16", "int8"] = option("fp32", "arithmetic of the network")
    head: Literal["auto", "raw", "nms-free", "nms"] = option(
        "auto",
        "auto: nms-free where the network has such a head and was selected on it, else raw; nms: NMS in the graph",
    )
    imgsz: int | None = option(None, "side of the square input, px; default: as trained")
    batch: int = option(1, "images per run of a fixed-size model; the largest batch with head nms")
    dynamic: bool = option(False, "free batch, height and width")
    simplify: bool = option(True, "simplify the graph")
    opset: int | None = option(None, "ONNX operator set; default: the newest both sides know")
    confidence: float = option(0.25, "operating confidence kept in the bundle")
    iou: float = option(0.7, "NMS IoU kept in the bundle")
    max_det: int = option(300, "most detections per image kept in the bundle")
    images: int = option(32, "images of the data set on which model and checkpoint are compared")
    limits: GateLimits = option(GateLimits(), "how far it may be from its checkpoint")
    quantisation: QuantisationConfig = option(QuantisationConfig(), "how 8-bit weights and activations are found")
    tensorrt: TensorRtConfig = option(TensorRtConfig(), "how TensorRT builds a plan")

    def __post_init__(self) -> None:
        _require(self.batch >= 1, "batch", "at least 1", self.batch)
        _require(self.images >= 1, "images", "at least 1", self.images)
        _require(0 < self.confidence < 1, "confidence", "between 0 and 1", self.confidence)
        _require(0 < self.iou <= 1, "iou", "between 0 and 1", self.iou)
        size = self.imgsz
        _require(size is None or (size >= 32 and size % 32 == 0), "imgsz", "a positive multiple of 32", size)


def build(schema: type[Config], values: Mapping[str, Any], sources: Mapping[str, str], prefix: str = "") -> Config:
    """An instance of `schema` from nested `values`, each checked against its type.

    Args:
        schema: the dataclass, possibly holding others.
        values: nested keys to values; a missing key takes the default.
        sources: dotted key to where its value came from, for the error message.
        prefix: dotted path of `schema` inside the whole configuration.

    Raises:
        ConfigError: a value has the wrong type or range.
    """
    hints = typing.get_type_hints(schema)
    arguments: dict[str, Any] = {}
    for f in fields(schema):  # type: ignore[arg-type]
        hint, key = hints[f.name], prefix + f.name
        if is_dataclass(hint):
            arguments[f.name] = build(typing.cast(type[Any], hint), values.get(f.name, {}), sources, f"{key}.")
        elif f.name in values:
            arguments[f.name] = _convert(values[f.name], hint, key, sources[key])
    return schema(**arguments)


def _build_item(item: Any, schema: Any, key: str, source: str) -> Any:
    """One entry of a list of dataclasses."""
    known = [f.name for f in fields(schema)]
    if not isinstance(item, Mapping):
        raise ConfigError(f"{key}: expected keys and values, found {item!r} ({source})")
    if unknown := [name for name in item if name not in known]:
        raise ConfigError(
            f"unknown key '{key}.{unknown[0]}' ({source}){did_you_mean(str(unknown[0]), known)}",
            hint=f"known keys: {', '.join(known)}",
        )
    return build(schema, item, {f"{key}.{name}": source for name in known}, f"{key}.")


def _convert(value: Any, hint: Any, key: str, source: str) -> Any:
    """`value` as the type `hint`; YAML writes 1e-3 as a string, so numbers may be text."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    for kind in options:
        origin = typing.get_origin(kind)
        if origin is Literal and value in typing.get_args(kind):
            return value
        if kind is type(None) and value is None:
            return None
        if origin in (list, tuple) and isinstance(value, list | tuple):
            item = typing.get_args(kind)[0]
            convert = _build_item if is_dataclass(item) else _convert
            return origin(convert(v, item, f"{key}[{i}]", source) for i, v in enumerate(value))
        if isinstance(kind, type) and type(value) is kind:
            return value
        if kind is float and type(value) is int:
            return float(value)
        if kind is str and len(options) == 1 and type(value) is int:  # device: 0
            return str(value)
    if float in options and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    known = [str(v) for kind in options if typing.get_origin(kind) is Literal for v in typing.get_args(kind)]
    close = did_you_mean(str(value), known)
    raise ConfigError(f"{key}: expected {_describe(options)}, found {value!r} ({source}){close}")


def _describe(options: Sequence[Any]) -> str:
    words = []
    for kind in options:
        if typing.get_origin(kind) is Literal:
            words += [repr(v) for v in typing.get_args(kind)]
        else:
            words.append("nothing" if kind is type(None) else getattr(kind, "__name__", str(kind)))
    return " or ".join(words)


def to_mapping(value: Any) -> Any:
    """A dataclass as nested dictionaries and lists that YAML and JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_mapping(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_mapping(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_mapping(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def save(path: Path | str, value: Any) -> None:
    """Write a dataclass or mapping as YAML, keeping key order and non-Latin letters."""
    write_text(path, yaml.safe_dump(to_mapping(value), sort_keys=False, allow_unicode=True, width=120))


def flatten_schema(schema: type, prefix: str = "") -> list[str]:
    """Every dotted key of a schema, in order.

    >>> flatten_schema(TrainConfig)[:3]
    ['schedule', 'epochs', 'imgsz']
    """
    hints = typing.get_type_hints(schema)
    keys = []
    for f in fields(schema):
        if is_dataclass(hints[f.name]):
            keys += flatten_schema(hints[f.name], f"{prefix}{f.name}.")
        else:
            keys.append(prefix + f.name)
    return keys
